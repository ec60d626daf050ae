/* voile_dart.h: the same for Dart, whose isolates take messages on ports instead of
 * callbacks. Everything else is as in voile.h. The functions are in every build of
 * the library; a program that is not Dart ignores them.
 *
 * Each message is a list:
 *
 *   [type, code, handle, tag, line, blob 0, blob 1, …]
 *
 *   type    int, one of VOILE_EVENT_… or VOILE_DART_…
 *   code    int, of voile_codes.h
 *   handle  int, of the session or node it is about, or of a request
 *   tag     int, as given to the call
 *   line    Uint8List, UTF-8 JSON, may be empty
 *   blob    Uint8List each; memory outside the Dart heap, freed by its collector
 *
 * A port that is closed ends its session.
 */
#ifndef VOILE_DART_H
#define VOILE_DART_H

#include "voile.h"

#ifdef __cplusplus
extern "C" {
#endif

/* More values of the type of a message. */
enum {
  /* The answer to voile_dart_start: handle is the node, or 0 and line the error. */
  VOILE_DART_STARTED = 101,
  /* The answer to voile_dart_close. */
  VOILE_DART_DONE = 102,
  /* The node asks for a secret: answer it with voile_dart_store_reply. handle is
   * the request; line is {"op":"load"|"save"|"remove","key":"…"}; blob 0 is the
   * secret to save. */
  VOILE_DART_STORE = 103,
  /* Nothing: it was asked whether the port is still there. */
  VOILE_DART_PING = 104
};

/* Takes NativeApi.initializeApiDLData. Call it before the others, once or again.
 * VOILE_ABI_MISMATCH: a Dart of another major version of that interface. */
VOILE_API int32_t voile_dart_init(void *initialize_api_dl_data);

/* voile_node_start without blocking: posts STARTED to port. store_port is asked
 * for secrets, in place of options->store; 0: options decide. With
 * VOILE_START_REUSE the port takes the place of the running node's. */
VOILE_API int32_t voile_dart_start(int64_t port, uint64_t tag, const voile_options *options,
                                   int64_t store_port, const char *config, size_t config_size);

/* Closes a node or a session without blocking: posts DONE to port. */
VOILE_API int32_t voile_dart_close(int64_t port, uint64_t tag, voile_handle handle);

/* voile_session_open whose events are posted to port. At most window updates are
 * posted before the isolate acknowledges some with voile_dart_ack, so that a slow
 * isolate slows the senders down as any other session does; 0: no limit. Answers
 * are posted at once. */
VOILE_API int32_t voile_dart_open(voile_handle node, int64_t port, uint32_t window,
                                  voile_handle *session);

/* Acknowledges updates. */
VOILE_API int32_t voile_dart_ack(voile_handle session, uint32_t updates);

/* Answers a STORE message, with the codes of voile_store; secret is what load
 * found. It is copied. VOILE_INVALID_HANDLE: nobody waits for it any more. */
VOILE_API int32_t voile_dart_store_reply(voile_handle request, int32_t code,
                                         const uint8_t *secret, size_t size);

#ifdef __cplusplus
}
#endif
#endif
