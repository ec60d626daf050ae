/* bridge.h: what the C side and the Go side of the library have in common. */
#ifndef VOILE_BRIDGE_H
#define VOILE_BRIDGE_H

#define VOILE_BUILD /* the headers declare what is exported */
#include "voile_dart.h"

/* Which callback the calling thread is in. */
typedef struct vi_caller {
  voile_handle session; /* 0: none */
  int32_t adapter;      /* how many functions of a store or of the log */
} vi_caller;

/* One block of memory with an event and all that it points to. The event is first,
 * so that freeing the event frees the block. */
typedef struct vi_block {
  voile_event event;
  int64_t users; /* Dart objects that use the block, and who makes them */
} vi_block;

/* Allocates a block with room for blobs and bytes behind it. NULL: no memory. */
vi_block *vi_block_new(size_t blobs, size_t bytes);
void vi_block_free(vi_block *block);
int64_t vi_blocks(void); /* how many there are */

/* Calls of functions of the host, with the caller of the thread set. */
void vi_call_event(voile_event_fn f, void *user, const vi_block *block);
void vi_call_log(voile_log_fn f, void *user, int32_t level, const char *line);
int32_t vi_call_load(const voile_store *s, const char *key, voile_bytes *value);
void vi_call_release(const voile_store *s, voile_bytes value);
int32_t vi_call_save(const voile_store *s, const char *key, const uint8_t *secret, size_t size);
int32_t vi_call_remove(const voile_store *s, const char *key);

/* Keeps the details of a failure for voile_last_error of this thread. */
void vi_set_error(const char *text, size_t size);

/* Keeps a text for ever; vi_kept gives it by the result. At most 64. */
int vi_keep(char *text);
char *vi_kept(int index);

/* Posts a message whose last elements are the line and the blobs of the block, which
 * it owns. 0: the port is closed, or there is no Dart. */
int vi_dart_post(int64_t port, int32_t type, int32_t code, voile_handle handle, uint64_t tag,
                 vi_block *block);
int vi_dart_ready(void);

#endif
