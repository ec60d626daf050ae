/* check: what voile.h promises about wrong use, ownership, callbacks and closing. It
 * needs no network. Each line of output is a check that passed; the first one that
 * fails ends the program with 1. A part that a system lacks is left out. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <windows.h>
typedef HANDLE thread;
static void pause_ms(unsigned ms) { Sleep(ms); }
#else
#include <poll.h>
#include <pthread.h>
#include <time.h>
typedef pthread_t thread;
static void pause_ms(unsigned ms) {
  struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}
#endif

#include "voile_dart.h"

/* Waits that end when what is waited for has come: far longer than it ever takes. */
enum { PATIENCE_MS = 30000 };

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      char why_[1024];                                                                \
      voile_last_error(why_, sizeof why_);                                            \
      printf("FAILED %s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, why_); \
      fflush(stdout);                                                                 \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

#define CODE(call, want)                                                               \
  do {                                                                                \
    int32_t code_ = (call);                                                           \
    if (code_ != (want)) {                                                            \
      char why_[1024];                                                                \
      voile_last_error(why_, sizeof why_);                                            \
      printf("FAILED %s:%d: %s is %d (%s), want %d; last error %s\n", __FILE__, __LINE__, #call, \
             (int)code_, voile_code_name(code_), (int)(want), why_);                  \
      fflush(stdout);                                                                 \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

static const char config[] = "{\"program_name\":\"check\"}";
#define TEXT(s) (s), sizeof(s) - 1

typedef struct body {
  void (*run)(void *);
  void *argument;
} body;

#if defined(_WIN32)
static DWORD WINAPI thread_main(void *b) {
  ((body *)b)->run(((body *)b)->argument);
  return 0;
}
static void start_thread(thread *t, body *b) {
  *t = CreateThread(NULL, 0, thread_main, b, 0, NULL);
  CHECK(*t != NULL);
}
static void join_thread(thread t) { CHECK(WaitForSingleObject(t, INFINITE) == WAIT_OBJECT_0); }
#else
static void *thread_main(void *b) {
  ((body *)b)->run(((body *)b)->argument);
  return NULL;
}
static void start_thread(thread *t, body *b) { CHECK(pthread_create(t, NULL, thread_main, b) == 0); }
static void join_thread(thread t) { CHECK(pthread_join(t, NULL) == 0); }
#endif

/* until waits for a counter to reach a number. */
static int until(atomic_int *counter, int want) {
  for (int i = 0; i < PATIENCE_MS; i++) {
    if (atomic_load(counter) >= want) return 1;
    pause_ms(1);
  }
  return 0;
}

static voile_handle start(void) {
  voile_handle node;
  CODE(voile_node_start(NULL, TEXT(config), &node), VOILE_OK);
  CHECK(node > 0);
  return node;
}

static voile_handle open_polled(voile_handle node) {
  voile_handle session;
  CODE(voile_session_open(node, NULL, NULL, &session), VOILE_OK);
  return session;
}

static void nothing_left(void) {
  voile_counts c = VOILE_COUNTS_INIT;
  CODE(voile_count(&c), VOILE_OK);
  if (c.nodes || c.sessions || c.calls || c.events) {
    printf("FAILED left: %d nodes, %d sessions, %d calls, %d events\n", (int)c.nodes, (int)c.sessions,
           (int)c.calls, (int)c.events);
    exit(1);
  }
}

/* answer does a quick call that must be answered with a code. */
static voile_event *answer(voile_handle session, const char *line, const voile_bytes *blobs, size_t count,
                           int32_t want) {
  voile_event *e;
  int32_t code = voile_call_sync(session, line, strlen(line), blobs, count, PATIENCE_MS, &e);
  if (code != want || e == NULL || e->code != want) {
    printf("FAILED %s: %d (%s), %s\n", line, (int)code, voile_code_name(code), e ? e->line : "no answer");
    exit(1);
  }
  CHECK(e->type == VOILE_EVENT_ANSWER && e->session == session && strlen(e->line) == e->line_size);
  return e;
}

/* ---- the checks ------------------------------------------------------------ */

static void library(void) {
  CHECK(voile_abi() == VOILE_ABI);
  CHECK(strlen(voile_version()) > 0 && voile_version() == voile_version());
  CHECK(voile_now() > 1700000000000000u);
  CHECK(strstr(voile_default_config(), "\"protected_store\"") != NULL);
  CHECK(strcmp(voile_code_name(VOILE_TRY_AGAIN), "TryAgain") == 0);
  CHECK(strcmp(voile_code_name(VOILE_INVALID_HANDLE), "InvalidHandle") == 0);
  CHECK(strcmp(voile_code_name(-77), "Unknown") == 0 && strlen(voile_code_text(-77)) > 0);
  CHECK(strlen(voile_code_text(VOILE_SHUTDOWN)) > 0);
  voile_free(NULL);
  CHECK(voile_last_error(NULL, 0) == 0);
}

static void nulls(void) {
  voile_handle node = start(), session = open_polled(node), h;
  voile_event *e;
  size_t n;
  CODE(voile_count(NULL), VOILE_NULL_POINTER);
  CODE(voile_node_start(NULL, TEXT(config), NULL), VOILE_NULL_POINTER);
  CODE(voile_node_start(NULL, NULL, 5, &h), VOILE_NULL_POINTER);
  CHECK(h == 0);
  CODE(voile_node_start(NULL, NULL, 0, &h), VOILE_PARSE_ERROR);
  CODE(voile_node_list(NULL, 3, &n), VOILE_NULL_POINTER);
  CODE(voile_node_list(&h, 1, NULL), VOILE_NULL_POINTER);
  CODE(voile_node_set_network(node, NULL, 7), VOILE_NULL_POINTER);
  CODE(voile_session_open(node, NULL, NULL, NULL), VOILE_NULL_POINTER);
  CODE(voile_session_poll(session, 0, NULL), VOILE_NULL_POINTER);
  CODE(voile_session_wake_fd(session, NULL), VOILE_NULL_POINTER);
  CODE(voile_call(session, NULL, 5, NULL, 0, 0, NULL, NULL, NULL), VOILE_NULL_POINTER);
  CODE(voile_call(session, TEXT("{}"), NULL, 2, 0, NULL, NULL, NULL), VOILE_NULL_POINTER);
  voile_bytes none = {NULL, 3};
  CODE(voile_call(session, TEXT("{}"), &none, 1, 0, NULL, NULL, NULL), VOILE_NULL_POINTER);
  CODE(voile_call_sync(session, TEXT("{}"), NULL, 0, 0, NULL), VOILE_NULL_POINTER);
  CODE(voile_call_sync(session, NULL, 1, NULL, 0, 0, &e), VOILE_NULL_POINTER);
  CHECK(e == NULL);
  voile_options o = VOILE_OPTIONS_INIT;
  voile_store store = {NULL, NULL, NULL, NULL, NULL};
  o.store = &store;
  CODE(voile_node_start(&o, TEXT(config), &h), VOILE_NULL_POINTER);
  char why[32];
  CHECK(voile_last_error(why, sizeof why) > sizeof why - 1 && strlen(why) == sizeof why - 1);
  CHECK(strncmp(why, "{\"kind\":\"NullPointer\"", 20) == 0);
  CODE(voile_session_close(session), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
}

static void sizes(void) {
  voile_handle node = start(), session = open_polled(node), h;
  voile_event *e;
  voile_bytes huge = {(const uint8_t *)"x", SIZE_MAX}, big[2] = {{(const uint8_t *)"x", VOILE_MAX_PAYLOAD - 1},
                                                                {(const uint8_t *)"x", 2}};
  CODE(voile_node_start(NULL, config, SIZE_MAX, &h), VOILE_TOO_LARGE);
  CODE(voile_node_start(NULL, config, VOILE_MAX_CONFIG + 1u, &h), VOILE_TOO_LARGE);
  CODE(voile_call(session, config, SIZE_MAX, NULL, 0, 0, NULL, NULL, NULL), VOILE_TOO_LARGE);
  CODE(voile_call_sync(session, config, VOILE_MAX_LINE + 1u, NULL, 0, 0, &e), VOILE_TOO_LARGE);
  CODE(voile_call(session, TEXT("{}"), &huge, 1, 0, NULL, NULL, NULL), VOILE_TOO_LARGE);
  CODE(voile_call(session, TEXT("{}"), &huge, SIZE_MAX, 0, NULL, NULL, NULL), VOILE_TOO_LARGE);
  CODE(voile_call(session, TEXT("{}"), &huge, VOILE_MAX_BLOBS + 1, 0, NULL, NULL, NULL), VOILE_TOO_LARGE);
  huge.size = (size_t)1 << (sizeof(size_t) * 8 - 1);
  CODE(voile_call(session, TEXT("{}"), &huge, 1, 0, NULL, NULL, NULL), VOILE_TOO_LARGE);
  /* the second one is beyond the sum: nothing but its size is looked at, but the
   * first would be read if the order were another */
  big[0].size = 1;
  big[1].size = VOILE_MAX_PAYLOAD;
  CODE(voile_call(session, TEXT("{}"), big, 2, 0, NULL, NULL, NULL), VOILE_TOO_LARGE);
  CODE(voile_dart_store_reply(1, 0, (const uint8_t *)"x", SIZE_MAX), VOILE_TOO_LARGE);
  CODE(voile_session_close(session), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
}

static void handles(void) {
  voile_handle node = start(), session = open_polled(node), other;
  voile_event *e;
  int32_t fd;
  const voile_handle wrong[] = {0, 1, -1, INT64_MIN, INT64_MAX, node + 1, node + 2, session + 2, -node,
                                (voile_handle)0x7000000000000000};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    voile_handle w = wrong[i];
    CODE(voile_node_close(w), VOILE_INVALID_HANDLE);
    CODE(voile_node_network_changed(w), VOILE_INVALID_HANDLE);
    CODE(voile_node_set_network(w, TEXT("{}")), VOILE_INVALID_HANDLE);
    CODE(voile_node_set_foreground(w, 1), VOILE_INVALID_HANDLE);
    CODE(voile_node_set_log_level(w, 1), VOILE_INVALID_HANDLE);
    CODE(voile_session_open(w, NULL, NULL, &other), VOILE_INVALID_HANDLE);
    CODE(voile_session_close(w), VOILE_INVALID_HANDLE);
    CODE(voile_session_poll(w, -1, &e), VOILE_INVALID_HANDLE);
    CODE(voile_session_wake_fd(w, &fd), VOILE_INVALID_HANDLE);
    CODE(voile_call(w, TEXT("{}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_INVALID_HANDLE);
    CODE(voile_call_sync(w, TEXT("{}"), NULL, 0, 0, &e), VOILE_INVALID_HANDLE);
    CODE(voile_call_cancel(w), VOILE_INVALID_HANDLE);
    CODE(voile_dart_ack(w, 1), VOILE_INVALID_HANDLE);
    CODE(voile_dart_store_reply(w, 0, NULL, 0), VOILE_INVALID_HANDLE);
  }
  /* of another sort */
  CODE(voile_session_close(node), VOILE_INVALID_HANDLE);
  CODE(voile_node_close(session), VOILE_INVALID_HANDLE);
  CODE(voile_call_cancel(session), VOILE_INVALID_HANDLE);
  /* twice, and after */
  CODE(voile_session_close(session), VOILE_OK);
  CODE(voile_session_close(session), VOILE_INVALID_HANDLE);
  CODE(voile_call(session, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_INVALID_HANDLE);
  CODE(voile_session_poll(session, -1, &e), VOILE_INVALID_HANDLE);
  other = open_polled(node);
  CHECK(other != session); /* the slot is used again, the handle is not */
  CODE(voile_session_close(session), VOILE_INVALID_HANDLE);
  CODE(voile_session_close(other), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
  CODE(voile_node_close(node), VOILE_INVALID_HANDLE);
  CODE(voile_session_open(node, NULL, NULL, &other), VOILE_INVALID_HANDLE);
  CHECK(other == 0);
}

static void options(void) {
  voile_handle node;
  voile_options o = VOILE_OPTIONS_INIT;
  o.abi = VOILE_ABI + 1;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_ABI_MISMATCH);
  o.abi = VOILE_ABI;
  o.size = 8;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_ABI_MISMATCH);
  o.size = sizeof o;
  o.flags = 1u << 30;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_INVALID_ARGUMENT);
  o.flags = 0;
  o.update_log_level = 9;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_INVALID_ARGUMENT);
  o.update_log_level = VOILE_LOG_OFF;
  o.memory_limit = VOILE_MIN_MEMORY - 1;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_INVALID_ARGUMENT);
  char why[1024];
  voile_last_error(why, sizeof why);
  CHECK(strstr(why, "\"argument\":\"memory_limit\"") != NULL);
  o.memory_limit = 0;
  CODE(voile_node_start(&o, TEXT("{"), &node), VOILE_PARSE_ERROR);
  CODE(voile_node_start(&o, TEXT("{\"program_name\":7}"), &node), VOILE_PARSE_ERROR);
  CODE(voile_node_start(&o, TEXT("{\"program_name\":\"\"}"), &node), VOILE_GENERIC);
  voile_last_error(why, sizeof why);
  CHECK(strstr(why, "{\"kind\":\"Generic\"") != NULL && strstr(why, "program_name") != NULL);

  /* facts of the network */
  o.network = "{\"interfaces\":[{\"name\":\"w\",\"addresses\":[{\"prefix\":\"nonsense\"}]}]}";
  o.network_size = strlen(o.network);
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_PARSE_ERROR);
  o.network = "{\"interfaces\":[{\"name\":\"w\",\"addresses\":[{\"prefix\":\"192.0.2.7/24\"}]}],"
              "\"egress4\":{\"source\":\"192.0.2.7\",\"interface\":\"w\",\"gateway\":null}}";
  o.network_size = strlen(o.network);
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_OK);
  CODE(voile_node_set_network(node, TEXT("{}")), VOILE_OK);
  CODE(voile_node_set_network(node, TEXT("[]")), VOILE_PARSE_ERROR);
  CODE(voile_node_network_changed(node), VOILE_OK);
  CODE(voile_node_set_foreground(node, 0), VOILE_OK);
  CODE(voile_node_set_foreground(node, 1), VOILE_OK);
  CODE(voile_node_set_log_level(node, VOILE_LOG_TRACE), VOILE_OK);
  CODE(voile_node_set_log_level(node, 6), VOILE_INVALID_ARGUMENT);

  /* the same node again */
  voile_handle again, list[4];
  size_t count;
  voile_options reuse = VOILE_OPTIONS_INIT;
  reuse.flags = VOILE_START_REUSE;
  CODE(voile_node_start(&reuse, TEXT(config), &again), VOILE_OK);
  CHECK(again == node);
  CODE(voile_node_start(&reuse, TEXT("{\"program_name\":\"check\",\"namespace\":\"2\"}"), &again), VOILE_OK);
  CHECK(again != node);
  CODE(voile_node_list(list, 4, &count), VOILE_OK);
  CHECK(count == 2 && list[0] == node && list[1] == again);
  CODE(voile_node_list(NULL, 0, &count), VOILE_OK);
  CHECK(count == 2);
  CODE(voile_node_close(again), VOILE_OK);
  CODE(voile_node_set_network(again, TEXT("{}")), VOILE_INVALID_HANDLE);
  CODE(voile_node_close(node), VOILE_OK);

  /* a limit, and a node that asks the device */
  voile_options limit = VOILE_OPTIONS_INIT;
  limit.memory_limit = 64 << 20;
  limit.start_timeout_ms = PATIENCE_MS;
  CODE(voile_node_start(&limit, TEXT(config), &node), VOILE_OK);
  CODE(voile_node_set_network(node, TEXT("{}")), VOILE_INVALID_ARGUMENT);
  CODE(voile_node_close(node), VOILE_OK);
}

/* Bytes in, bytes back, and errors with their codes. */
static void payloads(void) {
  voile_handle node = start(), session = open_polled(node);
  unsigned table;
  voile_event *e = answer(session, "{\"op\":\"OpenTableDb\",\"name\":\"t\",\"column_count\":1}", NULL, 0, VOILE_OK);
  CHECK(sscanf(strstr(e->line, "\"value\":"), "\"value\":%u", &table) == 1);
  voile_free(e);
  char store[160], load[160];
  snprintf(store, sizeof store, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Store\",\"col\":0,\"key\":\"#0\",\"value\":\"#1\"}", table);
  snprintf(load, sizeof load, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Load\",\"col\":0,\"key\":\"#0\"}", table);
  const size_t all[] = {0, 1, 4095, 4096, 1 << 20};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    size_t size = all[i];
    uint8_t *value = malloc(size + 1);
    for (size_t k = 0; k < size; k++) value[k] = (uint8_t)(k * 31 + k / 251);
    voile_bytes row[2] = {{(const uint8_t *)"k", 1}, {size ? value : NULL, size}};
    voile_free(answer(session, store, row, 2, VOILE_OK));
    e = answer(session, load, row, 1, VOILE_OK);
    CHECK(e->blob_count == 1 && e->blobs[0].size == size);
    CHECK(size == 0 || memcmp(e->blobs[0].data, value, size) == 0);
    voile_free(e);
    free(value);
  }
  voile_free(answer(session, "{\"op\":\"Detach\"}", NULL, 0, VOILE_GENERIC));
  voile_free(answer(session, "nonsense", NULL, 0, VOILE_PARSE_ERROR));
  voile_free(answer(session, "", NULL, 0, VOILE_PARSE_ERROR));
  voile_free(answer(session, load, NULL, 0, VOILE_PARSE_ERROR)); /* "#0" without a blob */
  voile_free(answer(session, "{\"op\":\"ReleasePrivateRoute\",\"route_id\":\"VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
                    NULL, 0, VOILE_INVALID_ARGUMENT));
  CODE(voile_session_close(session), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
}

/* ---- polling --------------------------------------------------------------- */

static void poll_until_closed(void *argument) {
  voile_event *e;
  int32_t code;
  while ((code = voile_session_poll(*(voile_handle *)argument, -1, &e)) == VOILE_OK) voile_free(e);
  if (code != VOILE_INVALID_HANDLE) CODE(code, VOILE_CLOSED); /* closed between two polls, or in one */
  CHECK(e == NULL);
}

static void polling(void) {
  enum { CALLS = 1000 };
  voile_handle node = start(), session = open_polled(node), call;
  voile_event *e;
  CODE(voile_session_poll(session, 0, &e), VOILE_TIMEOUT);
  CODE(voile_session_poll(session, 20, &e), VOILE_TIMEOUT);
  CHECK(e == NULL);
  int32_t fd = -1;
  int32_t code = voile_session_wake_fd(session, &fd);
#if defined(_WIN32)
  CODE(code, VOILE_UNIMPLEMENTED);
#else
  CODE(code, VOILE_OK);
  struct pollfd waits = {fd, POLLIN, 0};
  CHECK(poll(&waits, 1, 0) == 0);
#endif
  /* a call that waits for ever, cancelled: all other events come meanwhile */
  CODE(voile_call(session, TEXT("{\"op\":\"WaitForAttachmentCondition\"}"), NULL, 0, 9999, NULL, NULL, &call), VOILE_OK);
  CHECK(call > 0);
  for (uint64_t i = 0; i < CALLS; i++) {
    CODE(voile_call(session, TEXT("{\"op\":\"Now\"}"), NULL, 0, i, NULL, NULL, NULL), VOILE_OK);
  }
  static char seen[CALLS];
  for (int i = 0; i < CALLS; i++) {
#if !defined(_WIN32)
    CHECK(poll(&waits, 1, PATIENCE_MS) == 1);
#endif
    CODE(voile_session_poll(session, PATIENCE_MS, &e), VOILE_OK);
    CHECK(e->type == VOILE_EVENT_ANSWER && e->code == VOILE_OK && e->tag < CALLS && !seen[e->tag]);
    seen[e->tag] = 1;
    voile_free(e);
  }
#if !defined(_WIN32)
  CHECK(poll(&waits, 1, 0) == 0);
#endif
  CODE(voile_call_cancel(call), VOILE_OK);
  CODE(voile_session_poll(session, PATIENCE_MS, &e), VOILE_OK);
  CHECK(e->tag == 9999 && e->code != VOILE_OK);
  voile_free(e);
  CODE(voile_call_cancel(call), VOILE_INVALID_HANDLE);
  voile_counts c = VOILE_COUNTS_INIT;
  CODE(voile_count(&c), VOILE_OK);
  CHECK(c.nodes == 1 && c.sessions == 1 && c.calls == 0 && c.events == 0);
  CODE(voile_call(session, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, (voile_event_fn)0, NULL, NULL), VOILE_OK);
  CODE(voile_session_poll(session, PATIENCE_MS, &e), VOILE_OK);
  voile_free(e);

  /* a poller that waits is told of both sorts of closing */
  thread t;
  body b = {poll_until_closed, &session};
  start_thread(&t, &b);
  CODE(voile_session_close(session), VOILE_OK);
  join_thread(t);
  voile_handle second = open_polled(node);
  CODE(voile_node_close(node), VOILE_OK);
  int updates = 0, closed = 0, shutdown = 0;
  while ((code = voile_session_poll(second, PATIENCE_MS, &e)) == VOILE_OK) {
    CHECK(!closed);
    updates += e->type == VOILE_EVENT_UPDATE;
    shutdown += strstr(e->line, "\"kind\":\"Shutdown\"") != NULL;
    closed = e->type == VOILE_EVENT_CLOSED;
    voile_free(e);
  }
  CODE(code, VOILE_CLOSED);
  CHECK(updates >= 1 && shutdown == 1 && closed);
  CODE(voile_call(second, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_CLOSED);
  CODE(voile_call_sync(second, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, &e), VOILE_NOT_INITIALIZED);
  voile_free(e);
  CODE(voile_session_close(second), VOILE_OK);
}

/* ---- callbacks ------------------------------------------------------------- */

typedef struct watcher {
  voile_handle node, session; /* what to close from within */
  atomic_int events, answers, running, done, closed, wrong;
  atomic_int over; /* the close has returned: nothing may come any more */
  int close_node, close_session;
} watcher;

static void watch(void *user, const voile_event *e) {
  watcher *w = user;
  if (atomic_fetch_add(&w->running, 1) != 0 || atomic_load(&w->over)) atomic_fetch_add(&w->wrong, 1);
  atomic_fetch_add(&w->events, 1);
  if (e->type == VOILE_EVENT_ANSWER) atomic_fetch_add(&w->answers, 1);
  if (e->type == VOILE_EVENT_CLOSED) atomic_fetch_add(&w->closed, 1);
  if (e->line == NULL || e->line[e->line_size] != 0) atomic_fetch_add(&w->wrong, 1);
  if (w->close_session) {
    w->close_session = 0;
    CODE(voile_session_close(w->session), VOILE_OK);
    CODE(voile_session_close(w->session), VOILE_INVALID_HANDLE);
    atomic_store(&w->over, 1);
  }
  if (w->close_node) {
    w->close_node = 0;
    CODE(voile_node_close(w->node), VOILE_OK);
    atomic_store(&w->over, 1);
  }
  atomic_fetch_sub(&w->running, 1);
  atomic_fetch_add(&w->done, 1);
}

static void count_done(void *user, const voile_event *e) {
  watcher *w = user;
  if (e->type != VOILE_EVENT_ANSWER || atomic_load(&w->over)) atomic_fetch_add(&w->wrong, 1);
  atomic_fetch_add(&w->answers, 1);
}

static void many_calls(void *argument) {
  watcher *w = argument;
  for (int i = 0; i < 250; i++) {
    int32_t code = voile_call(w->session, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, i % 2 ? count_done : NULL, w, NULL);
    if (code == VOILE_INVALID_HANDLE || code == VOILE_CLOSED) return; /* closed meanwhile */
    CODE(code, VOILE_OK);
  }
}

static void callbacks(void) {
  enum { THREADS = 4 };
  voile_handle node = start();
  watcher *w = calloc(1, sizeof *w);
  w->node = node;
  CODE(voile_session_open(node, watch, w, &w->session), VOILE_OK);
  voile_event *e;
  CODE(voile_session_poll(w->session, 0, &e), VOILE_INVALID_ARGUMENT);
  thread t[THREADS];
  body b = {many_calls, w};
  for (int i = 0; i < THREADS; i++) start_thread(&t[i], &b);
  for (int i = 0; i < THREADS; i++) join_thread(t[i]);
  CHECK(until(&w->answers, THREADS * 250));
  CHECK(atomic_load(&w->wrong) == 0);

  /* closed while many are under way, again and again */
  CODE(voile_session_close(w->session), VOILE_OK);
  for (int round = 0; round < 20; round++) {
    watcher *c = calloc(1, sizeof *c);
    c->node = node;
    CODE(voile_session_open(node, watch, c, &c->session), VOILE_OK);
    body calls = {many_calls, c};
    for (int i = 0; i < THREADS; i++) start_thread(&t[i], &calls);
    if (round % 2) until(&c->answers, 10 * round);
    CODE(voile_session_close(c->session), VOILE_OK);
    atomic_store(&c->over, 1);
    CHECK(atomic_load(&c->running) == 0);
    for (int i = 0; i < THREADS; i++) join_thread(t[i]);
    CHECK(atomic_load(&c->wrong) == 0);
    free(c); /* a callback after this would be noticed */
  }

  /* the node is closed: what is there comes, CLOSED last, before it returns */
  watcher *n = calloc(1, sizeof *n);
  CODE(voile_session_open(node, watch, n, &n->session), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
  CHECK(atomic_load(&n->closed) == 1 && atomic_load(&n->running) == 0);
  atomic_store(&n->over, 1);
  CODE(voile_session_close(n->session), VOILE_OK);
  CHECK(atomic_load(&n->wrong) == 0);
  free(n);
  free(w);
}

static void close_within(void) {
  for (int what = 0; what < 3; what++) {
    voile_handle node = start();
    watcher *w = calloc(1, sizeof *w);
    w->node = node;
    w->close_session = what != 1;
    w->close_node = what != 0;
    CODE(voile_session_open(node, watch, w, &w->session), VOILE_OK);
    /* the second one has a session of its own that goes on */
    watcher *other = calloc(1, sizeof *other);
    CODE(voile_session_open(node, watch, other, &other->session), VOILE_OK);
    for (int i = 0; i < 10; i++) {
      int32_t code = voile_call(w->session, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL);
      CHECK(code == VOILE_OK || code == VOILE_INVALID_HANDLE || code == VOILE_CLOSED);
    }
    CHECK(until(&w->done, 1) && until(&w->over, 1));
    if (what == 0) CODE(voile_node_close(node), VOILE_OK);
    CODE(voile_node_close(node), VOILE_INVALID_HANDLE);
    CHECK(until(&other->closed, 1));
    if (what == 1) CODE(voile_session_close(w->session), VOILE_OK);
    CODE(voile_session_close(other->session), VOILE_OK);
    CHECK(atomic_load(&w->events) == 1 && atomic_load(&w->wrong) == 0);
    CHECK(atomic_load(&other->wrong) == 0);
    free(w);
    free(other);
    nothing_left();
  }
}

/* Two sessions whose callbacks close each other's do not wait for ever. */
static atomic_int both;

typedef struct crossing {
  voile_handle mine, theirs;
  atomic_int done;
} crossing;

static void cross(void *user, const voile_event *e) {
  crossing *c = user;
  if (e->type != VOILE_EVENT_ANSWER) return;
  atomic_fetch_add(&both, 1);
  until(&both, 2);
  CODE(voile_session_close(c->theirs), VOILE_OK);
  atomic_fetch_add(&c->done, 1);
}

static void close_each_other(void) {
  voile_handle node = start();
  static crossing a, b;
  CODE(voile_session_open(node, cross, &a, &a.mine), VOILE_OK);
  CODE(voile_session_open(node, cross, &b, &b.mine), VOILE_OK);
  a.theirs = b.mine;
  b.theirs = a.mine;
  CODE(voile_call(a.mine, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_OK);
  CODE(voile_call(b.mine, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_OK);
  CHECK(until(&a.done, 1) && until(&b.done, 1));
  CODE(voile_node_close(node), VOILE_OK);
}

/* A callback may call what it likes. */
static void call_again(void *user, const voile_event *e) {
  watcher *w = user;
  if (e->type != VOILE_EVENT_ANSWER) return;
  voile_free(answer(e->session, "{\"op\":\"VeilidVersionString\"}", NULL, 0, VOILE_OK));
  if (atomic_fetch_add(&w->answers, 1) < 50) {
    CODE(voile_call(e->session, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_OK);
  }
}

static void calls_within(void) {
  voile_handle node = start(), session;
  watcher *w = calloc(1, sizeof *w);
  CODE(voile_session_open(node, call_again, w, &session), VOILE_OK);
  CODE(voile_call(session, TEXT("{\"op\":\"Now\"}"), NULL, 0, 0, NULL, NULL, NULL), VOILE_OK);
  CHECK(until(&w->answers, 51));
  CODE(voile_session_close(session), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
  free(w);
}

/* ---- adapters -------------------------------------------------------------- */

enum { SECRETS = 8 };

typedef struct box {
  char key[SECRETS][256];
  voile_bytes value[SECRETS];
  int given; /* by load, not released yet */
  int32_t refuse;
  int calls, reentrant;
  voile_handle node;
} box;

static int find(box *b, const char *key) {
  for (int i = 0; i < SECRETS; i++) {
    if (b->value[i].data != NULL && strcmp(b->key[i], key) == 0) return i;
  }
  return -1;
}

static int32_t box_load(void *user, const char *key, voile_bytes *value) {
  box *b = user;
  b->calls++;
  /* from within an adapter nothing with a handle may be called */
  b->reentrant += voile_node_close(b->node) == VOILE_REENTRANT;
  voile_handle other;
  b->reentrant += voile_node_start(NULL, TEXT(config), &other) == VOILE_REENTRANT;
  if (b->refuse) return b->refuse;
  int i = find(b, key);
  if (i < 0) return VOILE_KEY_NOT_FOUND;
  uint8_t *copy = malloc(b->value[i].size + 1);
  memcpy(copy, b->value[i].data, b->value[i].size);
  value->data = copy;
  value->size = b->value[i].size;
  b->given++;
  return VOILE_OK;
}

static void box_release(void *user, voile_bytes value) {
  ((box *)user)->given--;
  free((void *)value.data);
}

static int32_t box_remove(void *user, const char *key) {
  int i = find(user, key);
  if (i < 0) return VOILE_KEY_NOT_FOUND;
  free((void *)((box *)user)->value[i].data);
  ((box *)user)->value[i].data = NULL;
  return VOILE_OK;
}

static int32_t box_save(void *user, const char *key, const uint8_t *secret, size_t size) {
  box *b = user;
  if (b->refuse) return b->refuse;
  int i = find(b, key);
  if (i >= 0) box_remove(user, key);
  for (i = 0; i < SECRETS && b->value[i].data != NULL; i++) continue;
  if (i == SECRETS) return VOILE_TOO_LARGE;
  uint8_t *copy = malloc(size + 1);
  memcpy(copy, secret, size);
  snprintf(b->key[i], sizeof b->key[i], "%s", key);
  b->value[i] = (voile_bytes){copy, size};
  return VOILE_OK;
}

static atomic_int logged, log_wrong;

static void log_line(void *user, int32_t level, const char *line) {
  if (user != &logged || level < VOILE_LOG_ERROR || level > VOILE_LOG_DEBUG || strstr(line, "msg=") == NULL ||
      strchr(line, '\n') != NULL) {
    atomic_fetch_add(&log_wrong, 1);
  }
  atomic_fetch_add(&logged, 1);
}

static void adapters(void) {
  static box b;
  voile_store store = {&b, box_load, box_save, box_remove, box_release};
  voile_options o = VOILE_OPTIONS_INIT;
  o.store = &store;
  o.log = log_line;
  o.log_user = &logged;
  o.log_level = VOILE_LOG_DEBUG;
  o.update_log_level = VOILE_LOG_DEBUG;
  voile_handle node;
  b.refuse = VOILE_TRY_AGAIN;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_TRY_AGAIN);
  b.refuse = -5;
  CODE(voile_node_start(&o, TEXT(config), &node), VOILE_INTERNAL);
  CHECK(node == 0);
  b.refuse = VOILE_OK;
  CODE(voile_node_start(&o, TEXT("{\"program_name\":\"check\",\"not_known\":1}"), &node), VOILE_OK);
  memset(&store, 0x55, sizeof store); /* the library has its own */
  b.node = node;
  CHECK(find(&b, "device_encryption_key") >= 0);
  voile_handle session = open_polled(node);
  voile_bytes secret = {(const uint8_t *)"for nobody", 10}, empty = {NULL, 0};
  voile_free(answer(session, "{\"op\":\"SaveUserSecret\",\"key\":\"s\",\"value\":\"#0\"}", &secret, 1, VOILE_OK));
  voile_free(answer(session, "{\"op\":\"SaveUserSecret\",\"key\":\"e\",\"value\":\"#0\"}", &empty, 1, VOILE_OK));
  voile_event *e = answer(session, "{\"op\":\"LoadUserSecret\",\"key\":\"s\"}", NULL, 0, VOILE_OK);
  CHECK(e->blob_count == 1 && e->blobs[0].size == 10 && memcmp(e->blobs[0].data, "for nobody", 10) == 0);
  voile_free(e);
  e = answer(session, "{\"op\":\"LoadUserSecret\",\"key\":\"e\"}", NULL, 0, VOILE_OK);
  CHECK(e->blob_count == 1 && e->blobs[0].size == 0);
  voile_free(e);
  e = answer(session, "{\"op\":\"LoadUserSecret\",\"key\":\"no\"}", NULL, 0, VOILE_OK);
  CHECK(e->blob_count == 0 && strstr(e->line, "\"value\":null") != NULL);
  voile_free(e);
  CODE(voile_session_close(session), VOILE_OK);
  CODE(voile_node_close(node), VOILE_OK);
  CHECK(b.given == 0 && b.calls > 0 && b.reentrant == 2 * b.calls);
  CHECK(atomic_load(&logged) > 0 && atomic_load(&log_wrong) == 0);
  for (int i = 0; i < SECRETS; i++) free((void *)b.value[i].data);
}

/* ---- Dart ports ------------------------------------------------------------ */

/* The VM's side of the interface, as far as the library uses it: an own declaration,
 * not the library's, so that a slip in one of them shows. */
typedef struct dart_object {
  int32_t type;
  union {
    int32_t i32;
    int64_t i64;
    struct {
      intptr_t length;
      struct dart_object **values;
    } array;
    struct {
      int32_t type;
      intptr_t length;
      uint8_t *values;
      void *peer;
      void (*callback)(void *, void *);
    } bytes;
  } as;
} dart_object;

enum { MESSAGES = 64, PORT = 77, PORT_CLOSED = 78, PORT_STORE = 79 };

typedef struct message {
  int64_t port, type, code, handle, tag;
  size_t count; /* of bytes */
  struct {
    uint8_t *data;
    size_t size;
    void *peer;
    void (*callback)(void *, void *);
  } bytes[4];
} message;

static message inbox[MESSAGES];
static atomic_int arrived, post_wrong;

static _Bool post(int64_t port, dart_object *o) {
  if (port == PORT_CLOSED) { /* as the VM does: what is external is finalized */
    for (intptr_t i = 4; i < o->as.array.length; i++) {
      dart_object *v = o->as.array.values[i];
      if (v->type == 8) v->as.bytes.callback(NULL, v->as.bytes.peer);
    }
    return 0;
  }
  static atomic_int next;
  int at = atomic_fetch_add(&next, 1);
  message *m = &inbox[at];
  if (at >= MESSAGES || o->type != 6 || o->as.array.length < 5 || o->as.array.length > 8) {
    atomic_fetch_add(&post_wrong, 1);
    return 0;
  }
  dart_object **v = o->as.array.values;
  if (v[0]->type != 2 || v[1]->type != 2 || v[2]->type != 3 || v[3]->type != 3) atomic_fetch_add(&post_wrong, 1);
  m->port = port;
  m->type = v[0]->as.i32;
  m->code = v[1]->as.i32;
  m->handle = v[2]->as.i64;
  m->tag = v[3]->as.i64;
  for (intptr_t i = 4; i < o->as.array.length; i++) {
    dart_object *b = v[i];
    int n = (int)m->count++;
    m->bytes[n].size = (size_t)b->as.bytes.length;
    if (b->as.bytes.type != 2) atomic_fetch_add(&post_wrong, 1);
    if (b->type == 8) {
      m->bytes[n].data = b->as.bytes.values;
      m->bytes[n].peer = b->as.bytes.peer;
      m->bytes[n].callback = b->as.bytes.callback;
    } else if (b->type == 7) {
      m->bytes[n].data = malloc(m->bytes[n].size + 1);
      memcpy(m->bytes[n].data, b->as.bytes.values, m->bytes[n].size);
    } else {
      atomic_fetch_add(&post_wrong, 1);
    }
  }
  atomic_fetch_add(&arrived, 1);
  return 1;
}

/* received waits for a message and gives it, in the order of arrival. */
static message *received(int at) {
  CHECK(until(&arrived, at + 1));
  return &inbox[at];
}

static void forget(message *m) {
  for (size_t i = 0; i < m->count; i++) {
    if (m->bytes[i].callback != NULL) {
      m->bytes[i].callback(NULL, m->bytes[i].peer);
    } else {
      free(m->bytes[i].data);
    }
  }
  m->count = 0;
}

static int has(const message *m, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; m->count > 0 && i + n <= m->bytes[0].size; i++) {
    if (memcmp(m->bytes[0].data + i, text, n) == 0) return 1;
  }
  return 0;
}

static void dart(void) {
  struct entry {
    const char *name;
    void (*function)(void);
  };
  struct {
    int major, minor;
    const struct entry *functions;
  } api = {3, 0, (const struct entry[]){{"Dart_CloseNativePort", 0}, {"Dart_PostCObject", (void (*)(void))post}, {0, 0}}};
  voile_handle session;
  CODE(voile_dart_open(1, PORT, 0, &session), VOILE_INVALID_ARGUMENT); /* not initialized */
  CODE(voile_dart_init(NULL), VOILE_NULL_POINTER);
  CODE(voile_dart_init(&api), VOILE_ABI_MISMATCH);
  api.major = 2;
  CODE(voile_dart_init(&api), VOILE_OK);
  CODE(voile_dart_init(&api), VOILE_OK);

  /* a start that asks for secrets */
  int at = 0;
  CODE(voile_dart_start(PORT, 5, NULL, PORT_STORE, TEXT(config)), VOILE_OK);
  message *m = received(at++);
  CHECK(m->port == PORT_STORE && m->type == VOILE_DART_STORE && has(m, "{\"op\":\"load\",\"key\":\"device_encryption_key\"}"));
  CODE(voile_dart_store_reply(m->handle, VOILE_KEY_NOT_FOUND, NULL, 0), VOILE_OK);
  CODE(voile_dart_store_reply(m->handle, VOILE_KEY_NOT_FOUND, NULL, 0), VOILE_INVALID_HANDLE);
  forget(m);
  voile_handle node = 0;
  while (node == 0) {
    m = received(at++);
    if (m->type == VOILE_DART_STORE) {
      CHECK(m->port == PORT_STORE);
      CODE(voile_dart_store_reply(m->handle, has(m, "\"load\"") ? VOILE_KEY_NOT_FOUND : VOILE_OK, NULL, 0), VOILE_OK);
    } else {
      CHECK(m->port == PORT && m->type == VOILE_DART_STARTED && m->tag == 5 && m->code == VOILE_OK && m->handle > 0);
      node = m->handle;
    }
    forget(m);
  }
  CODE(voile_dart_start(PORT, 6, NULL, 0, TEXT("{")), VOILE_OK);
  m = received(at++);
  CHECK(m->type == VOILE_DART_STARTED && m->tag == 6 && m->code == VOILE_PARSE_ERROR && m->handle == 0 && has(m, "ParseError"));
  forget(m);

  CODE(voile_dart_open(node, PORT, 2, &session), VOILE_OK);
  voile_event *e;
  CODE(voile_session_poll(session, 0, &e), VOILE_INVALID_ARGUMENT);
  /* large bytes come without a copy by the VM, and are freed by its collector */
  unsigned table;
  e = answer(session, "{\"op\":\"OpenTableDb\",\"name\":\"t\",\"column_count\":1}", NULL, 0, VOILE_OK);
  CHECK(sscanf(strstr(e->line, "\"value\":"), "\"value\":%u", &table) == 1);
  voile_free(e);
  char line[160];
  static uint8_t big[1 << 20];
  memset(big, 7, sizeof big);
  voile_bytes row[2] = {{(const uint8_t *)"k", 1}, {big, sizeof big}};
  snprintf(line, sizeof line, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Store\",\"col\":0,\"key\":\"#0\",\"value\":\"#1\"}", table);
  voile_free(answer(session, line, row, 2, VOILE_OK));
  snprintf(line, sizeof line, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Load\",\"col\":0,\"key\":\"#0\"}", table);
  CODE(voile_call(session, line, strlen(line), row, 1, 8, NULL, NULL, NULL), VOILE_OK);
  m = received(at++);
  CHECK(m->type == VOILE_EVENT_ANSWER && m->tag == 8 && m->handle == session && m->count == 2);
  CHECK(m->bytes[1].size == sizeof big && m->bytes[1].callback != NULL && m->bytes[1].data[sizeof big - 1] == 7);
  voile_counts c = VOILE_COUNTS_INIT;
  CODE(voile_count(&c), VOILE_OK);
  CHECK(c.events == 1);
  forget(m);
  CODE(voile_count(&c), VOILE_OK);
  CHECK(c.events == 0);

  /* a port that is closed ends its session */
  voile_handle gone;
  CODE(voile_dart_open(node, PORT_CLOSED, 0, &gone), VOILE_OK);
  CODE(voile_call(gone, line, strlen(line), row, 1, 9, NULL, NULL, NULL), VOILE_OK);
  for (int i = 0; i < PATIENCE_MS && voile_dart_ack(gone, 1) != VOILE_INVALID_HANDLE; i++) pause_ms(1);
  CODE(voile_dart_ack(gone, 1), VOILE_INVALID_HANDLE);

  CODE(voile_dart_ack(session, 1000000), VOILE_OK);
  CODE(voile_dart_close(PORT, 10, node), VOILE_OK);
  int closed = 0;
  do {
    m = received(at++);
    closed += m->type == VOILE_EVENT_CLOSED;
    if (m->type == VOILE_DART_DONE) CHECK(m->tag == 10 && m->code == VOILE_OK && m->handle == node && closed == 1);
    forget(m);
  } while (m->type != VOILE_DART_DONE);
  CODE(voile_dart_close(PORT, 11, session), VOILE_OK);
  m = received(at++);
  CHECK(m->type == VOILE_DART_DONE && m->tag == 11 && m->code == VOILE_OK);
  forget(m);
  CODE(voile_dart_close(PORT, 12, node), VOILE_OK);
  m = received(at++);
  CHECK(m->type == VOILE_DART_DONE && m->tag == 12 && m->code == VOILE_INVALID_HANDLE && has(m, "InvalidHandle"));
  forget(m);
  CHECK(atomic_load(&post_wrong) == 0 && atomic_load(&arrived) == at);
}

/* ---- many times ------------------------------------------------------------ */

/* Starting and stopping leaves nothing: neither handles nor goroutines. */
static void cycles(void) {
  voile_counts before = VOILE_COUNTS_INIT, after = VOILE_COUNTS_INIT;
  for (int i = 0; i < 100; i++) {
    if (i == 10) CODE(voile_count(&before), VOILE_OK);
    voile_handle node = start(), session = open_polled(node);
    voile_free(answer(session, "{\"op\":\"GetState\"}", NULL, 0, VOILE_OK));
    CODE(voile_session_close(session), VOILE_OK);
    CODE(voile_node_close(node), VOILE_OK);
  }
  for (int i = 0; i < PATIENCE_MS; i++) {
    CODE(voile_count(&after), VOILE_OK);
    if (after.goroutines <= before.goroutines) return;
    pause_ms(1);
  }
  printf("FAILED %d goroutines, after ten cycles %d\n", (int)after.goroutines, (int)before.goroutines);
  exit(1);
}

int main(void) {
  static const struct {
    const char *name;
    void (*run)(void);
  } checks[] = {
      {"library", library},           {"nulls", nulls},
      {"sizes", sizes},               {"handles", handles},
      {"options", options},           {"payloads", payloads},
      {"polling", polling},           {"callbacks", callbacks},
      {"close within", close_within}, {"close each other", close_each_other},
      {"calls within", calls_within}, {"adapters", adapters},
      {"dart", dart},                 {"cycles", cycles},
  };
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    checks[i].run();
    nothing_left();
    printf("ok %s\n", checks[i].name);
    fflush(stdout);
  }
  return 0;
}
