/* hello: two people on a private network of this machine, through the C library.
 *
 *   make clib
 *   cc -o hello examples/c/hello.c -Idist/clib/include -Ldist/clib/host -lvoile
 *   LD_LIBRARY_PATH=dist/clib/host ./hello
 *
 * It starts five nodes in this process: three that make the network, and Ann and Ben.
 * Ann calls Ben over a private route, leaves him a note in a shared record, keeps
 * something in an encrypted table, and has her secrets kept by functions of this
 * program. It prints what happens and ends with 0, or says what went wrong.
 *
 * An argument is the first of five ports to use instead of 5250; a second one, "tcp",
 * does without datagrams. There are no threads and no callbacks here: one loop polls
 * both sessions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "voile.h"

enum { NODES = 5, ANN = 3, BEN = 4 };

static void die(const char *what, const char *why) {
  fprintf(stderr, "hello: %s: %s\n", what, why);
  exit(1);
}

/* must ends the program unless a function of the library succeeded. */
static void must(int32_t code, const char *what) {
  if (code == VOILE_OK) return;
  char why[1024];
  voile_last_error(why, sizeof why);
  die(what, why);
}

/* field copies the text or number that follows "name": in a line of JSON. Enough for
 * ids and handles, which need no escapes; a real program has a JSON library. */
static void field(const voile_event *e, const char *name, char *out, size_t size) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *p = strstr(e->line, key);
  if (p == NULL) die(name, e->line);
  p += strlen(key);
  const char *end = "\"\\";
  if (*p == '"') {
    p++;
  } else {
    end = ",}]";
  }
  size_t n = strcspn(p, end);
  if (n >= size) die(name, "too long");
  memcpy(out, p, n);
  out[n] = 0;
}

/* ---- secrets, where a phone would have its keychain ------------------------ */

enum { MAX_SECRETS = 32, SECRET_SIZE = 256 };

typedef struct keychain {
  struct {
    char key[256];
    uint8_t value[SECRET_SIZE];
    size_t size;
  } entry[MAX_SECRETS];
  int count;
} keychain;

static int find(const keychain *k, const char *key) {
  for (int i = 0; i < k->count; i++) {
    if (strcmp(k->entry[i].key, key) == 0) return i;
  }
  return -1;
}

static int32_t load_secret(void *user, const char *key, voile_bytes *value) {
  keychain *k = user;
  int i = find(k, key);
  if (i < 0) return VOILE_KEY_NOT_FOUND;
  value->data = k->entry[i].value; /* the library copies it; nothing to release */
  value->size = k->entry[i].size;
  return VOILE_OK;
}

static int32_t save_secret(void *user, const char *key, const uint8_t *secret, size_t size) {
  keychain *k = user;
  int i = find(k, key);
  if (size > SECRET_SIZE || (i < 0 && k->count == MAX_SECRETS)) return VOILE_TOO_LARGE;
  if (i < 0) i = k->count++;
  snprintf(k->entry[i].key, sizeof k->entry[i].key, "%s", key);
  memcpy(k->entry[i].value, secret, size);
  k->entry[i].size = size;
  return VOILE_OK;
}

static int32_t remove_secret(void *user, const char *key) {
  keychain *k = user;
  int i = find(k, key);
  if (i < 0) return VOILE_KEY_NOT_FOUND;
  k->entry[i] = k->entry[--k->count];
  return VOILE_OK;
}

/* ---- calls ----------------------------------------------------------------- */

static voile_handle node[NODES], session[NODES];
static const char *ben_says; /* what Ben answers to calls */

/* handle_update is what a person does when something comes. */
static void handle_update(int who, const voile_event *e) {
  if (strstr(e->line, "\"kind\":\"AppCall\"") != NULL) {
    char id[32], line[128];
    field(e, "call_id", id, sizeof id);
    printf("ben is asked: %.*s\n", (int)e->blobs[0].size, (const char *)e->blobs[0].data);
    snprintf(line, sizeof line, "{\"op\":\"AppCallReply\",\"call_id\":\"%s\",\"message\":\"#0\"}", id);
    voile_bytes reply = {(const uint8_t *)ben_says, strlen(ben_says)};
    must(voile_call(session[who], line, strlen(line), &reply, 1, 0, NULL, NULL, NULL), "reply");
  } else if (strstr(e->line, "\"kind\":\"ValueChange\"") != NULL) {
    printf("ben sees that the note has changed\n");
  }
}

/* ask does a call for somebody, and meanwhile handles what comes for both. The answer
 * is the caller's, who frees it. */
static voile_event *ask(int who, const char *line, const voile_bytes *blobs, size_t count) {
  static uint64_t last;
  uint64_t tag = ++last;
  must(voile_call(session[who], line, strlen(line), blobs, count, tag, NULL, NULL, NULL), line);
  for (;;) {
    for (int i = ANN; i <= BEN; i++) {
      voile_event *e;
      int32_t code = voile_session_poll(session[i], 5, &e);
      if (code == VOILE_TIMEOUT) continue;
      must(code, "poll");
      if (e->type == VOILE_EVENT_ANSWER && e->tag == tag) return e;
      if (e->type == VOILE_EVENT_UPDATE) handle_update(i, e);
      voile_free(e);
    }
  }
}

/* ask_well is ask for what must succeed. */
static voile_event *ask_well(int who, const char *line, const voile_bytes *blobs, size_t count) {
  voile_event *e = ask(who, line, blobs, count);
  if (e->code != VOILE_OK) die(voile_code_name(e->code), e->line);
  return e;
}

/* tell is ask_well without interest in the answer. */
static void tell(int who, const char *line) { voile_free(ask_well(who, line, NULL, 0)); }

/* ask_number is ask_well for a handle of the API. */
static unsigned ask_number(int who, const char *line) {
  char number[32];
  voile_event *e = ask_well(who, line, NULL, 0);
  field(e, "value", number, sizeof number);
  voile_free(e);
  return (unsigned)strtoul(number, NULL, 10);
}

int main(int argc, char **argv) {
  if (voile_abi() != VOILE_ABI) die("libvoile", "is made for another version of voile.h");
  printf("voile %s\n", voile_version());
  int port = argc > 1 ? atoi(argv[1]) : 5250;
  const char *udp = argc > 2 && strcmp(argv[2], "tcp") == 0 ? "false" : "true";
  static const char *const names[NODES] = {"relay1", "relay2", "relay3", "ann", "ben"};
  static keychain secrets[NODES];
  char join[256] = "";
  char line[2048];

  for (int i = 0; i < NODES; i++) {
    voile_store store = {&secrets[i], load_secret, save_secret, remove_secret, NULL};
    voile_options options = VOILE_OPTIONS_INIT;
    options.store = &store;
    snprintf(line, sizeof line,
             "{\"program_name\":\"%s\",\"network\":{\"private_network\":true,"
             "\"network_key_password\":\"hello\",\"upnp\":false,"
             "\"routing_table\":{\"bootstrap\":[],\"bootstrap_keys\":[],\"bootstrap_records\":[%s]},"
             "\"protocol\":{\"udp\":{\"enabled\":%s,\"listen_address\":\"127.0.0.1:%d\"},"
             "\"tcp\":{\"listen_address\":\"127.0.0.1:%d\"},"
             "\"ws\":{\"listen_address\":\"127.0.0.1:%d\"}}}}",
             names[i], join, udp, port + i, port + i, port + i);
    must(voile_node_start(&options, line, strlen(line), &node[i]), names[i]);
    must(voile_session_open(node[i], NULL, NULL, &session[i]), "session");
    voile_event *e;
    static const char who[] = "{\"op\":\"Debug\",\"command\":\"nodeid\"}", attach[] = "{\"op\":\"Attach\"}";
    if (i == 0) { /* the others join by this one's id and address */
      char id[128];
      must(voile_call_sync(session[i], who, sizeof who - 1, NULL, 0, 1000, &e), "node id");
      field(e, "value", id, sizeof id);
      voile_free(e);
      snprintf(join, sizeof join, "\"0|0|%s|127.0.0.1|U%d,T%d,W%d/ws\"", id, port, port, port);
    }
    must(voile_call_sync(session[i], attach, sizeof attach - 1, NULL, 0, 1000, &e), "attach");
    voile_free(e);
  }
  for (int i = ANN; i <= BEN; i++) {
    tell(i, "{\"op\":\"WaitForAttachmentCondition\",\"timeout_ms\":60000}");
    printf("%s is in the network\n", names[i]);
  }

  /* A call over a private route: Ben makes one, Ann is given its blob. */
  char route[128], record[256];
  voile_event *made = ask_well(BEN, "{\"op\":\"NewPrivateRoute\"}", NULL, 0);
  voile_event *e = ask_well(ANN, "{\"op\":\"ImportRemotePrivateRoute\",\"blob\":\"#0\"}", made->blobs, 1);
  field(e, "value", route, sizeof route);
  voile_free(e);
  voile_free(made);
  unsigned ann = ask_number(ANN, "{\"op\":\"NewRoutingContext\"}");
  unsigned ben = ask_number(BEN, "{\"op\":\"NewRoutingContext\"}");
  ben_says = "hello ann, nobody knows where I am";
  snprintf(line, sizeof line,
           "{\"op\":\"RoutingContext\",\"rc_id\":%u,\"rc_op\":\"AppCall\",\"target\":{\"RouteId\":\"%s\"},"
           "\"message\":\"#0\"}",
           ann, route);
  voile_bytes message = {(const uint8_t *)"hello ben", 9};
  e = ask_well(ANN, line, &message, 1);
  printf("ann hears: %.*s\n", (int)e->blobs[0].size, (const char *)e->blobs[0].data);
  voile_free(e);

  /* A record: Ann writes a note, Ben reads it. */
  snprintf(line, sizeof line,
           "{\"op\":\"RoutingContext\",\"rc_id\":%u,\"rc_op\":\"CreateDhtRecord\",\"kind\":\"VLD0\","
           "\"schema\":{\"kind\":\"DFLT\",\"o_cnt\":1}}",
           ann);
  e = ask_well(ANN, line, NULL, 0);
  field(e, "key", record, sizeof record);
  voile_free(e);
  voile_bytes note = {(const uint8_t *)"the key is under the mat", 24};
  snprintf(line, sizeof line,
           "{\"op\":\"RoutingContext\",\"rc_id\":%u,\"rc_op\":\"SetDhtValue\",\"key\":\"%s\",\"subkey\":0,"
           "\"data\":\"#0\",\"options\":{\"allow_offline\":false}}",
           ann, record);
  voile_free(ask_well(ANN, line, &note, 1));
  snprintf(line, sizeof line, "{\"op\":\"RoutingContext\",\"rc_id\":%u,\"rc_op\":\"OpenDhtRecord\",\"key\":\"%s\"}",
           ben, record);
  tell(BEN, line);
  snprintf(line, sizeof line,
           "{\"op\":\"RoutingContext\",\"rc_id\":%u,\"rc_op\":\"GetDhtValue\",\"key\":\"%s\",\"subkey\":0,"
           "\"force_refresh\":true}",
           ben, record);
  e = ask_well(BEN, line, NULL, 0);
  if (e->blob_count != 1) die("the note", e->line);
  printf("ben reads: %.*s\n", (int)e->blobs[0].size, (const char *)e->blobs[0].data);
  voile_free(e);

  /* A table, encrypted under a key that is in Ann's keychain. */
  unsigned table = ask_number(ANN, "{\"op\":\"OpenTableDb\",\"name\":\"friends\",\"column_count\":1}");
  voile_bytes row[2] = {{(const uint8_t *)"ben", 3}, {(const uint8_t *)"likes tea", 9}};
  snprintf(line, sizeof line,
           "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Store\",\"col\":0,\"key\":\"#0\",\"value\":\"#1\"}", table);
  voile_free(ask_well(ANN, line, row, 2));
  snprintf(line, sizeof line, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Load\",\"col\":0,\"key\":\"#0\"}", table);
  e = ask_well(ANN, line, row, 1);
  printf("ann remembers that ben %.*s\n", (int)e->blobs[0].size, (const char *)e->blobs[0].data);
  voile_free(e);
  printf("ann's keychain holds %d secret(s) for her node\n", secrets[ANN].count);

  /* An error: its code says what sort of thing it is, its line the details. */
  snprintf(line, sizeof line,
           "{\"op\":\"RoutingContext\",\"rc_id\":%u,\"rc_op\":\"GetDhtValue\",\"key\":\"%s\",\"subkey\":9,"
           "\"force_refresh\":false}",
           ann, record);
  e = ask(ANN, line, NULL, 0);
  printf("a ninth page: %s (%d)\n", voile_code_name(e->code), (int)e->code);
  if (e->code != VOILE_INVALID_ARGUMENT) die("a ninth page", e->line);
  voile_free(e);

  for (int i = NODES - 1; i >= 0; i--) {
    must(voile_session_close(session[i]), "close");
    must(voile_node_close(node[i]), "close");
  }
  voile_counts left = VOILE_COUNTS_INIT;
  must(voile_count(&left), "count");
  if (left.nodes + left.sessions + left.calls + left.events != 0) die("the end", "something is left");
  printf("all is closed\n");
  return 0;
}
