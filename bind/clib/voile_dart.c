//go:build cgo

/* Messages to Dart ports. The declarations are our own: the parts of the interface
 * between native code and the Dart VM (dart_native_api.h and dart_api_dl.h, major
 * version 2) that are needed, which that version keeps as they are. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"

#define DART_MAJOR_VERSION 2

/* Sorts of objects, with the numbers of Dart_CObject_Type. */
enum { OBJECT_INT32 = 2, OBJECT_INT64 = 3, OBJECT_ARRAY = 6, OBJECT_TYPED = 7, OBJECT_EXTERNAL = 8 };
/* Dart_TypedData_kUint8. */
enum { TYPED_UINT8 = 2 };

typedef void (*finalizer)(void *isolate_data, void *peer);

/* Dart_CObject. */
typedef struct object {
  int type;
  union {
    int32_t int32;
    int64_t int64;
    struct {
      intptr_t length;
      struct object **values;
    } array;
    struct {
      int type;
      intptr_t length;
      const uint8_t *values;
    } typed;
    struct {
      int type;
      intptr_t length;
      uint8_t *data;
      void *peer;
      finalizer callback;
    } external;
  } value; /* the members that are left out are smaller */
} object;

/* What NativeApi.initializeApiDLData points to. */
typedef struct entry {
  const char *name;
  void (*function)(void);
} entry;

typedef struct api {
  int major;
  int minor;
  const entry *functions; /* ends with a NULL name */
} api;

typedef bool (*post_function)(int64_t port, object *message);

static post_function post; /* atomic; NULL: not initialized */

int32_t voile_dart_init(void *initialize_api_dl_data) {
  const api *a = initialize_api_dl_data;
  if (a == NULL || a->functions == NULL) {
    static const char text[] =
        "{\"kind\":\"NullPointer\",\"message\":\"initialize_api_dl_data is null\"}";
    vi_set_error(text, sizeof text - 1);
    return VOILE_NULL_POINTER;
  }
  if (a->major == DART_MAJOR_VERSION) {
    for (const entry *e = a->functions; e->name != NULL; e++) {
      if (strcmp(e->name, "Dart_PostCObject") == 0 && e->function != NULL) {
        __atomic_store_n(&post, (post_function)e->function, __ATOMIC_RELEASE);
        return VOILE_OK;
      }
    }
  }
  static const char text[] =
      "{\"kind\":\"AbiMismatch\",\"message\":\"the Dart API is not of major version 2\"}";
  vi_set_error(text, sizeof text - 1);
  return VOILE_ABI_MISMATCH;
}

int vi_dart_ready(void) { return __atomic_load_n(&post, __ATOMIC_ACQUIRE) != NULL; }

/* One of the Dart objects made of a block is gone. */
static void unuse(void *isolate_data, void *peer) {
  (void)isolate_data;
  vi_block *b = peer;
  if (__atomic_sub_fetch(&b->users, 1, __ATOMIC_ACQ_REL) == 0) vi_block_free(b);
}

/* Smaller bytes are copied by the VM, which costs less than memory of their own. */
#define COPY_BELOW 4096

static void bytes_of(object *o, const uint8_t *data, size_t size, vi_block *block) {
  if (size < COPY_BELOW) {
    static const uint8_t none;
    o->type = OBJECT_TYPED;
    o->value.typed.type = TYPED_UINT8;
    o->value.typed.length = (intptr_t)size;
    o->value.typed.values = size > 0 ? data : &none;
    return;
  }
  block->users++;
  o->type = OBJECT_EXTERNAL;
  o->value.external.type = TYPED_UINT8;
  o->value.external.length = (intptr_t)size;
  o->value.external.data = (uint8_t *)data;
  o->value.external.peer = block;
  o->value.external.callback = unuse;
}

#define FIELDS 5

int vi_dart_post(int64_t port, int32_t type, int32_t code, voile_handle handle, uint64_t tag,
                 vi_block *block) {
  post_function f = __atomic_load_n(&post, __ATOMIC_ACQUIRE);
  const voile_event *e = &block->event;
  size_t count = FIELDS + e->blob_count;
  object *objects = f == NULL ? NULL : calloc(count, sizeof *objects + sizeof(object *));
  if (objects == NULL) {
    vi_block_free(block);
    return 0;
  }
  object **list = (object **)(objects + count);
  for (size_t i = 0; i < count; i++) list[i] = &objects[i];
  objects[0].type = OBJECT_INT32;
  objects[0].value.int32 = type;
  objects[1].type = OBJECT_INT32;
  objects[1].value.int32 = code;
  objects[2].type = OBJECT_INT64;
  objects[2].value.int64 = handle;
  objects[3].type = OBJECT_INT64;
  objects[3].value.int64 = (int64_t)tag;
  block->users = 1; /* this function */
  bytes_of(&objects[4], (const uint8_t *)e->line, e->line_size, block);
  for (size_t i = 0; i < e->blob_count; i++) {
    bytes_of(&objects[FIELDS + i], e->blobs[i].data, e->blobs[i].size, block);
  }
  object message = {0};
  message.type = OBJECT_ARRAY;
  message.value.array.length = (intptr_t)count;
  message.value.array.values = list;
  bool posted = f(port, &message);
  free(objects);
  if (posted) {
    unuse(NULL, block);
  } else {
    /* Whether the VM has called the finalizers by now depends on how far it came;
     * it does not call them later. */
    vi_block_free(block);
  }
  return posted;
}
