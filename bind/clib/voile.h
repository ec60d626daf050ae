/* voile.h: a Voile node in any language that can call C.
 *
 * One library, flat functions, integer handles. A node is started from a JSON
 * configuration; a session is one user of its API; a call is one line of JSON with
 * an operation of the remote API, and has one answer. The bytes of applications
 * (messages, values) travel beside the line, not in it: the line says "#0", "#1", …
 * where base64 would stand, and the bytes are in an array of voile_bytes.
 *
 *   voile_handle node, session;
 *   voile_options o = VOILE_OPTIONS_INIT;
 *   voile_node_start(&o, config, strlen(config), &node);
 *   voile_session_open(node, on_event, user, &session);      // or NULL, and poll
 *   voile_call(session, line, size, blobs, 1, 7, NULL, NULL, NULL);
 *   …                                                        // an event with tag 7
 *   voile_session_close(session);
 *   voile_node_close(node);
 *
 * Results. Functions that can fail return a code of voile_codes.h: VOILE_OK is 0,
 * the fifteen kinds of errors of the API are 1 to 15, errors of this interface
 * begin at 101. voile_last_error has the details of the last failure of the
 * calling thread. Wrong handles, NULL where it is not allowed, and sizes above the
 * limits are errors, never a crash; pointers to memory that is not there cannot be
 * noticed.
 *
 * Ownership. What the caller passes in is read before the function returns and is
 * not kept, with two exceptions that say so: the function pointers and user
 * pointers of voile_options and of voile_session_open. What the library gives out
 * is either lent for the time of a callback, or the caller's, who then frees it
 * with voile_free; static texts are never freed. Payloads are copied once in each
 * direction.
 *
 * Threads. Every function may be called from any thread, also at the same time.
 * Callbacks come from threads of the library, for one session never two at a time.
 * In an event callback every function may be called. In the functions of
 * voile_store and in a log callback only those without a handle may be, others
 * answer VOILE_REENTRANT.
 *
 * Texts are UTF-8. Lengths are in bytes.
 */
#ifndef VOILE_H
#define VOILE_H

#include <stddef.h>
#include <stdint.h>

#include "voile_codes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A program for Windows may define VOILE_DLL, which makes calls of the DLL direct. */
#if defined(_WIN32) && defined(VOILE_BUILD)
#define VOILE_API __declspec(dllexport)
#elif defined(_WIN32) && defined(VOILE_DLL)
#define VOILE_API __declspec(dllimport)
#elif defined(__GNUC__)
#define VOILE_API __attribute__((visibility("default")))
#else
#define VOILE_API
#endif

/* The version of this interface. It changes when something here changes that a
 * program made for an older header would notice. */
#define VOILE_ABI 1

/* Limits. One more is VOILE_TOO_LARGE. */
#define VOILE_MAX_LINE (16u << 20)   /* bytes of a line */
#define VOILE_MAX_CONFIG (1u << 20)  /* bytes of a configuration, or of network facts */
#define VOILE_MAX_BLOBS 4096u        /* blobs beside one line */
#define VOILE_MAX_PAYLOAD (64u << 20) /* bytes of all blobs beside one line */
#define VOILE_MAX_SECRET (64u << 10) /* bytes of one secret from voile_store */

/* A node, a session or a call. Never 0. A handle is used once: after its close
 * another object never gets the same number in practice. */
typedef int64_t voile_handle;

/* Bytes. data may be NULL if size is 0. */
typedef struct voile_bytes {
  const uint8_t *data;
  size_t size;
} voile_bytes;

/* ---- the library --------------------------------------------------------- */

/* The VOILE_ABI that the library was built with. Compare it first. */
VOILE_API uint32_t voile_abi(void);

/* The version of the library, such as "0.1.0". Static. */
VOILE_API const char *voile_version(void);

/* Microseconds since 1970, as timestamps of the API count. */
VOILE_API uint64_t voile_now(void);

/* The configuration that keys left out come from, as JSON. Static. */
VOILE_API const char *voile_default_config(void);

/* The name of a code, such as "TryAgain", and a sentence about it. Static; an
 * unknown code is "Unknown". */
VOILE_API const char *voile_code_name(int32_t code);
VOILE_API const char *voile_code_text(int32_t code);

/* The last failure of the calling thread as JSON, as errors of the API are:
 * {"kind":"Generic","message":"…"}, with a kind of the fifteen or the name of a
 * code of this interface. Copies at most size-1 bytes and a NUL to buffer, and
 * returns the length of the whole text, which is below 1024. Without a failure: 0.
 * A success does not clear it. buffer may be NULL if size is 0. */
VOILE_API size_t voile_last_error(char *buffer, size_t size);

/* Frees what voile_session_poll and voile_call_sync gave. NULL: does nothing. */
VOILE_API void voile_free(void *memory);

/* ---- what happens -------------------------------------------------------- */

/* Values of voile_event.type. Others may come in later versions: ignore them. */
enum {
  /* The answer to a call. code is VOILE_OK or the kind of its error. */
  VOILE_EVENT_ANSWER = 1,
  /* An update of the node: line is as the remote API has updates. */
  VOILE_EVENT_UPDATE = 2,
  /* A bug in the library: line is {"panic":"…","stack":"…"}, code VOILE_INTERNAL.
   * The node is closing; CLOSED follows. */
  VOILE_EVENT_CRASH = 3,
  /* The node was closed: the last event of the session, after the Shutdown update.
   * It does not come after voile_session_close. */
  VOILE_EVENT_CLOSED = 4
};

/* One thing that happened in a session. */
typedef struct voile_event {
  int32_t type;             /* VOILE_EVENT_… */
  int32_t code;             /* VOILE_OK, or what went wrong */
  voile_handle session;
  uint64_t tag;             /* of an ANSWER: as given to the call; else 0 */
  const char *line;         /* JSON, with a NUL behind it; "" if there is none */
  size_t line_size;         /* without the NUL */
  const voile_bytes *blobs; /* what "#N" in the line refers to; NULL if none */
  size_t blob_count;
} voile_event;

/* A callback. event and all it points to are lent until the function returns. */
typedef void (*voile_event_fn)(void *user, const voile_event *event);

/* ---- a node -------------------------------------------------------------- */

/* Where the device keeps secrets (a keychain, a key store). The functions may
 * block and may be called from several threads at once. They must do what they did
 * even if the node is being closed. */
typedef struct voile_store {
  void *user; /* first argument of each function */
  /* Gives the secret of a key in *value: a copy that the library gives back to
   * release at once, which may be NULL if there is nothing to release. VOILE_OK;
   * VOILE_KEY_NOT_FOUND: there is none; VOILE_TRY_AGAIN: the store is locked now;
   * anything else: it has failed. An empty secret is a secret. */
  int32_t (*load)(void *user, const char *key, voile_bytes *value);
  /* Keeps a secret, in place of what was there. VOILE_OK means that it outlives a
   * crash. VOILE_TOO_LARGE: the old one is kept. */
  int32_t (*save)(void *user, const char *key, const uint8_t *secret, size_t size);
  /* Removes one. VOILE_KEY_NOT_FOUND: there is none. */
  int32_t (*remove)(void *user, const char *key);
  void (*release)(void *user, voile_bytes value);
} voile_store;

/* One line of the log of the library; level as in VOILE_LOG_…. line is lent. */
typedef void (*voile_log_fn)(void *user, int32_t level, const char *line);

enum {
  VOILE_LOG_OFF = 0,
  VOILE_LOG_ERROR = 1,
  VOILE_LOG_WARN = 2,
  VOILE_LOG_INFO = 3,
  VOILE_LOG_DEBUG = 4,
  VOILE_LOG_TRACE = 5
};

enum {
  /* If a node of the same program name and namespace runs in this library, give
   * its handle instead of starting another; the rest of the options and of the
   * configuration is then not looked at. For hosts that restart without unloading
   * the library. */
  VOILE_START_REUSE = 1u << 0
};

/* What the host adds to a node. Fill it with VOILE_OPTIONS_INIT first. */
typedef struct voile_options {
  size_t size;  /* sizeof(voile_options) */
  uint32_t abi; /* VOILE_ABI: another one is VOILE_ABI_MISMATCH */
  uint32_t flags;
  /* The level of Log updates; VOILE_LOG_OFF: there are none until
   * voile_node_set_log_level. */
  int32_t update_log_level;
  /* The level of log lines to log; log NULL: none. */
  int32_t log_level;
  voile_log_fn log; /* called until voile_node_close has returned */
  void *log_user;
  /* How long a start may take, in milliseconds; 0: as long as it takes. */
  uint32_t start_timeout_ms;
  uint32_t reserved; /* 0 */
  /* Bytes that the process should take at most; 0: no limit. Bounds caches, the
   * routing table and concurrency, and is the memory limit of the Go runtime.
   * Below VOILE_MIN_MEMORY: VOILE_INVALID_ARGUMENT. */
  int64_t memory_limit;
  /* NULL: the configuration's protected_store decides. The struct is copied; its
   * functions are called until voile_node_close has returned. */
  const voile_store *store;
  /* Facts of the device's network, for devices where the library cannot ask; see
   * voile_node_set_network. NULL: it asks the device. */
  const char *network;
  size_t network_size;
} voile_options;

#define VOILE_MIN_MEMORY (16 << 20)

#define VOILE_OPTIONS_INIT \
  {sizeof(voile_options), VOILE_ABI, 0, VOILE_LOG_OFF, VOILE_LOG_OFF, NULL, NULL, 0, 0, 0, NULL, NULL, 0}

/* Starts a node; blocks, usually for some milliseconds, about a second when a
 * network password has to be stretched. options may be NULL. config is JSON as
 * voile_default_config shows it; keys left out have their defaults. Storage
 * directories are in it: table_store.directory, protected_store.directory. The
 * node is not attached to the network yet: call {"op":"Attach"}. Any number of
 * nodes may run. *node is 0 on failure. */
VOILE_API int32_t voile_node_start(const voile_options *options, const char *config,
                                   size_t config_size, voile_handle *node);

/* Ends a node and its sessions, and waits. Calls under way are answered with
 * VOILE_SHUTDOWN. Sessions with a callback have had all their events, CLOSED last,
 * when it returns; other sessions can still be polled. Session handles stay until
 * voile_session_close. Neither the store nor the log is called any more.
 *
 * From within an event callback it does the same, but for that callback itself, which
 * is the last one of its session. A second close is VOILE_INVALID_HANDLE, and does
 * not wait. */
VOILE_API int32_t voile_node_close(voile_handle node);

/* The open nodes, oldest first: at most capacity to nodes, their number to *count.
 * nodes may be NULL if capacity is 0. */
VOILE_API int32_t voile_node_list(voile_handle *nodes, size_t capacity, size_t *count);

/* Tells that interfaces or connectivity have changed: the node looks at once. */
VOILE_API int32_t voile_node_network_changed(voile_handle node);

/* Tells the facts of the device's network, for a node that was started with
 * voile_options.network (else VOILE_INVALID_ARGUMENT). JSON:
 *
 *   {"interfaces": [{"name": "wlan0", "index": 3, "mtu": 1500, "running": true,
 *      "loopback": false, "point_to_point": false, "multicast": true, "clat": false,
 *      "addresses": [{"prefix": "192.168.1.7/24", "temporary": false,
 *                     "deprecated": false}]}],
 *    "egress4": {"source": "192.168.1.7", "interface": "wlan0", "mtu": 1500,
 *                "gateway": "192.168.1.1"},
 *    "egress6": null}
 *
 * Every key but name and prefix may be left out. An egress is how packets towards
 * the internet leave; null or left out: they do not. A gateway of null: there is
 * none; left out: not known. */
VOILE_API int32_t voile_node_set_network(voile_handle node, const char *facts, size_t size);

/* Tells whether the application is in the foreground (on != 0; so it starts) or in
 * the background, where the node does its periodic work more rarely. */
VOILE_API int32_t voile_node_set_foreground(voile_handle node, int32_t on);

/* Sets the level of Log updates. */
VOILE_API int32_t voile_node_set_log_level(voile_handle node, int32_t level);

/* ---- a session ----------------------------------------------------------- */

/* Opens a session: a user of the API with objects (routing contexts, tables, …) of
 * its own. With events, each event is given to it, one at a time, in order; a
 * callback that blocks holds up the updates of its own session only, and what
 * other applications send is lost after two seconds of that. Without events
 * (NULL), they wait for voile_session_poll. user is handed through. */
VOILE_API int32_t voile_session_open(voile_handle node, voile_event_fn events, void *user,
                                     voile_handle *session);

/* Ends a session: its calls are cancelled, its objects released, events that wait
 * are dropped. When it returns no callback of the session runs and none will.
 *
 * From within a callback of the same session it does the same, but for that
 * callback itself, which is the last one. A callback that itself waits in a close is
 * not waited for. A voile_session_poll that waits returns VOILE_CLOSED. A second
 * close is VOILE_INVALID_HANDLE, and does not wait. */
VOILE_API int32_t voile_session_close(voile_handle session);

/* Takes the next event of a session without callback, waiting up to timeout_ms
 * (0: not at all; negative: as long as it takes). The event is the caller's: free
 * it with voile_free. VOILE_TIMEOUT: there was none. VOILE_CLOSED: there will be
 * none any more. On failure *event is NULL. */
VOILE_API int32_t voile_session_poll(voile_handle session, int32_t timeout_ms,
                                     voile_event **event);

/* A file descriptor that is readable while events wait, for poll, epoll, kqueue or
 * an event loop. Only look at it: do not read it, do not close it. It ends with
 * voile_session_close. VOILE_UNIMPLEMENTED on Windows. */
VOILE_API int32_t voile_session_wake_fd(voile_handle session, int32_t *fd);

/* ---- calls --------------------------------------------------------------- */

/* Begins a call and returns. line is a request of the remote API, such as
 * {"op":"GetState"}; its "id" may be left out. blobs is what "#N" in it refers to,
 * NULL if blob_count is 0.
 *
 * There is exactly one answer if it returned VOILE_OK, unless the session is closed
 * before: done is called with it and user, or, if done is NULL, it is an event of
 * the session as updates are. done is called by the same thread that calls the
 * session's callback, after and before its other events. A session that is polled
 * cannot have done: VOILE_INVALID_ARGUMENT. tag is handed through.
 *
 * *call is for voile_call_cancel and needs no release; call may be NULL. It is set
 * before done can be called. */
VOILE_API int32_t voile_call(voile_handle session, const char *line, size_t line_size,
                             const voile_bytes *blobs, size_t blob_count, uint64_t tag,
                             voile_event_fn done, void *user, voile_handle *call);

/* Does a call and waits for its answer, at most timeout_ms (0: as long as it takes).
 * Returns the code of the answer, which is the caller's (voile_free) also if the
 * code is an error; *answer is NULL only if there was no call. Made for operations
 * that do not wait for the network; it blocks the calling thread. */
VOILE_API int32_t voile_call_sync(voile_handle session, const char *line, size_t line_size,
                                  const voile_bytes *blobs, size_t blob_count,
                                  uint32_t timeout_ms, voile_event **answer);

/* Cancels a call: it is answered soon, whatever it was doing. VOILE_INVALID_HANDLE:
 * it has been answered already. */
VOILE_API int32_t voile_call_cancel(voile_handle call);

/* ---- for tests ----------------------------------------------------------- */

/* What the library holds at the moment. */
typedef struct voile_counts {
  size_t size;       /* sizeof(voile_counts), set by the caller */
  int64_t nodes;     /* open handles */
  int64_t sessions;
  int64_t calls;
  int64_t events;    /* events given out and not freed yet, or waiting */
  int64_t goroutines;
  int64_t heap_bytes;      /* in use by Go */
  int64_t allocated_bytes; /* by Go since the start, freed or not */
} voile_counts;

#define VOILE_COUNTS_INIT {sizeof(voile_counts), 0, 0, 0, 0, 0, 0, 0}

VOILE_API int32_t voile_count(voile_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
