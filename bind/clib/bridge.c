//go:build cgo

/* The functions of voile.h. They add to their arguments which callback the thread is
 * in, and pass them on to Go. */
#include <stdlib.h>
#include <string.h>

#include "bridge.h"

#include "_cgo_export.h"

#define ERROR_SIZE 1024

static _Thread_local vi_caller caller;
static _Thread_local char last_error[ERROR_SIZE];
static _Thread_local size_t last_error_size;

static int64_t blocks; /* atomic */

vi_block *vi_block_new(size_t blobs, size_t bytes) {
  vi_block *b = malloc(sizeof(vi_block) + blobs * sizeof(voile_bytes) + bytes);
  if (b == NULL) return NULL;
  __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
  memset(b, 0, sizeof *b);
  return b;
}

void vi_block_free(vi_block *block) {
  if (block == NULL) return;
  __atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
  free(block);
}

int64_t vi_blocks(void) { return __atomic_load_n(&blocks, __ATOMIC_RELAXED); }

void vi_set_error(const char *text, size_t size) {
  if (size > ERROR_SIZE - 1) {
    size = ERROR_SIZE - 1;
  }
  memcpy(last_error, text, size);
  last_error[size] = 0;
  last_error_size = size;
}

static char *kept[64]; /* two for each code, and a few */
static int kept_count;

int vi_keep(char *text) {
  if (kept_count == sizeof kept / sizeof kept[0]) abort(); /* a bug */
  kept[kept_count] = text;
  return kept_count++;
}

char *vi_kept(int index) { return kept[index]; }

/* ---- callbacks ----------------------------------------------------------- */

void vi_call_event(voile_event_fn f, void *user, const vi_block *block) {
  vi_caller before = caller;
  caller.session = block->event.session;
  caller.adapter = 0;
  f(user, &block->event);
  caller = before;
}

void vi_call_log(voile_log_fn f, void *user, int32_t level, const char *line) {
  caller.adapter++;
  f(user, level, line);
  caller.adapter--;
}

int32_t vi_call_load(const voile_store *s, const char *key, voile_bytes *value) {
  caller.adapter++;
  int32_t code = s->load(s->user, key, value);
  caller.adapter--;
  return code;
}

void vi_call_release(const voile_store *s, voile_bytes value) {
  if (s->release == NULL) return;
  caller.adapter++;
  s->release(s->user, value);
  caller.adapter--;
}

int32_t vi_call_save(const voile_store *s, const char *key, const uint8_t *secret, size_t size) {
  caller.adapter++;
  int32_t code = s->save(s->user, key, secret, size);
  caller.adapter--;
  return code;
}

int32_t vi_call_remove(const voile_store *s, const char *key) {
  caller.adapter++;
  int32_t code = s->remove(s->user, key);
  caller.adapter--;
  return code;
}

/* ---- the library --------------------------------------------------------- */

uint32_t voile_abi(void) { return VOILE_ABI; }
const char *voile_version(void) { return vi_go_version(); }
uint64_t voile_now(void) { return vi_go_now(); }
const char *voile_default_config(void) { return vi_go_default_config(); }
const char *voile_code_name(int32_t code) { return vi_go_code_name(code); }
const char *voile_code_text(int32_t code) { return vi_go_code_text(code); }

size_t voile_last_error(char *buffer, size_t size) {
  if (buffer != NULL && size > 0) {
    size_t n = last_error_size < size - 1 ? last_error_size : size - 1;
    memcpy(buffer, last_error, n);
    buffer[n] = 0;
  }
  return last_error_size;
}

void voile_free(void *memory) { vi_block_free(memory); }

int32_t voile_count(voile_counts *counts) { return vi_go_count(counts); }

/* ---- nodes --------------------------------------------------------------- */

int32_t voile_node_start(const voile_options *options, const char *config,
                                size_t config_size, voile_handle *node) {
  return vi_go_node_start(caller, (voile_options *)options, (char *)config, config_size, node);
}

int32_t voile_node_close(voile_handle node) { return vi_go_node_close(caller, node); }

int32_t voile_node_list(voile_handle *nodes, size_t capacity, size_t *count) {
  return vi_go_node_list(nodes, capacity, count);
}

int32_t voile_node_network_changed(voile_handle node) {
  return vi_go_node_network_changed(caller, node);
}

int32_t voile_node_set_network(voile_handle node, const char *facts, size_t size) {
  return vi_go_node_set_network(caller, node, (char *)facts, size);
}

int32_t voile_node_set_foreground(voile_handle node, int32_t on) {
  return vi_go_node_set_foreground(caller, node, on);
}

int32_t voile_node_set_log_level(voile_handle node, int32_t level) {
  return vi_go_node_set_log_level(caller, node, level);
}

/* ---- sessions and calls -------------------------------------------------- */

int32_t voile_session_open(voile_handle node, voile_event_fn events, void *user,
                                  voile_handle *session) {
  return vi_go_session_open(caller, node, events, user, session);
}

int32_t voile_session_close(voile_handle session) {
  return vi_go_session_close(caller, session);
}

int32_t voile_session_poll(voile_handle session, int32_t timeout_ms, voile_event **event) {
  return vi_go_session_poll(caller, session, timeout_ms, event);
}

int32_t voile_session_wake_fd(voile_handle session, int32_t *fd) {
  return vi_go_session_wake_fd(caller, session, fd);
}

int32_t voile_call(voile_handle session, const char *line, size_t line_size,
                          const voile_bytes *blobs, size_t blob_count, uint64_t tag,
                          voile_event_fn done, void *user, voile_handle *call) {
  return vi_go_call(caller, session, (char *)line, line_size, (voile_bytes *)blobs, blob_count, tag,
                    done, user, call);
}

int32_t voile_call_sync(voile_handle session, const char *line, size_t line_size,
                               const voile_bytes *blobs, size_t blob_count, uint32_t timeout_ms,
                               voile_event **answer) {
  return vi_go_call_sync(caller, session, (char *)line, line_size, (voile_bytes *)blobs, blob_count,
                         timeout_ms, answer);
}

int32_t voile_call_cancel(voile_handle call) { return vi_go_call_cancel(caller, call); }

/* ---- Dart; the rest is in voile_dart.c ----------------------------------- */

int32_t voile_dart_start(int64_t port, uint64_t tag, const voile_options *options,
                                int64_t store_port, const char *config, size_t config_size) {
  return vi_go_dart_start(caller, port, tag, (voile_options *)options, store_port, (char *)config,
                          config_size);
}

int32_t voile_dart_close(int64_t port, uint64_t tag, voile_handle handle) {
  return vi_go_dart_close(caller, port, tag, handle);
}

int32_t voile_dart_open(voile_handle node, int64_t port, uint32_t window,
                               voile_handle *session) {
  return vi_go_dart_open(caller, node, port, window, session);
}

int32_t voile_dart_ack(voile_handle session, uint32_t updates) {
  return vi_go_dart_ack(caller, session, updates);
}

int32_t voile_dart_store_reply(voile_handle request, int32_t code, const uint8_t *secret,
                                      size_t size) {
  return vi_go_dart_store_reply(request, code, (uint8_t *)secret, size);
}
