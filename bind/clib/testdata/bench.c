/* bench: what crossing the border costs. Prints one line for each figure; with -check
 * it ends with 1 if one is above what the project promises. The best of several rounds
 * counts, since the machine does other things too. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "voile.h"

enum { ROUNDS = 9, MIB = 1 << 20 };

static const double most_sync_ns = 5000;       /* a small synchronous call */
static const double most_allocated = 1.1 * MIB; /* by Go for 1 MiB that passes: one copy */

static int failed;

static double now_ns(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int32_t code) {
  if (code == VOILE_OK) return;
  char why[1024];
  voile_last_error(why, sizeof why);
  fprintf(stderr, "bench: %s %s\n", voile_code_name(code), why);
  exit(1);
}

static void report(const char *what, double value, const char *unit, double most) {
  printf("%-28s %12.0f %s", what, value, unit);
  if (most > 0) printf("   at most %.0f", most);
  printf("\n");
  if (most > 0 && value > most) failed = 1;
}

static voile_handle node, session;

static void quick(const char *line, const voile_bytes *blobs, size_t count) {
  voile_event *e;
  must(voile_call_sync(session, line, strlen(line), blobs, count, 0, &e));
  voile_free(e);
}

static double allocated(void) {
  voile_counts c = VOILE_COUNTS_INIT;
  must(voile_count(&c));
  return (double)c.allocated_bytes;
}

/* best is the least time of a round, for each of count calls. */
static double best(int count, void (*round)(int count)) {
  double least = 1e18;
  for (int i = 0; i < ROUNDS; i++) {
    double start = now_ns();
    round(count);
    double took = (now_ns() - start) / count;
    if (took < least) least = took;
  }
  return least;
}

static void code_names(int count) {
  for (int i = 0; i < count; i++) {
    if (voile_code_name(VOILE_TIMEOUT)[0] != 'T') exit(1);
  }
}

static void small_sync(int count) {
  for (int i = 0; i < count; i++) quick("{\"op\":\"VeilidVersionString\"}", NULL, 0);
}

static void small_async(int count) {
  for (int i = 0; i < count; i++) {
    must(voile_call(session, "{\"op\":\"VeilidVersionString\"}", 28, NULL, 0, 0, NULL, NULL, NULL));
  }
  for (int i = 0; i < count; i++) {
    voile_event *e;
    must(voile_session_poll(session, -1, &e));
    voile_free(e);
  }
}

static uint8_t *mib;

/* The line is refused after its blob was taken over: that alone is measured. */
static void mib_in(int count) {
  voile_bytes b = {mib, MIB};
  for (int i = 0; i < count; i++) {
    voile_event *e;
    if (voile_call_sync(session, "{}", 2, &b, 1, 0, &e) != VOILE_PARSE_ERROR) exit(1);
    voile_free(e);
  }
}

static char load[160];

/* A value of a table: it is read and decrypted, and then crosses. */
static void mib_out(int count) {
  voile_bytes key = {(const uint8_t *)"k", 1};
  for (int i = 0; i < count; i++) {
    voile_event *e;
    must(voile_call_sync(session, load, strlen(load), &key, 1, 0, &e));
    if (e->blob_count != 1 || e->blobs[0].size != MIB) exit(1);
    voile_free(e);
  }
}

static void mib_memcpy(int count) {
  for (int i = 0; i < count; i++) {
    uint8_t *copy = malloc(MIB);
    memcpy(copy, mib, MIB);
    if (copy[i] == 9) exit(1);
    free(copy);
  }
}

int main(int argc, char **argv) {
  int check = argc > 1 && strcmp(argv[1], "-check") == 0;
  static const char config[] = "{\"program_name\":\"bench\"}";
  must(voile_node_start(NULL, config, sizeof config - 1, &node));
  must(voile_session_open(node, NULL, NULL, &session));
  mib = malloc(MIB);
  memset(mib, 5, MIB);

  report("library call", best(20000, code_names), "ns", 0);
  report("small synchronous call", best(20000, small_sync), "ns", most_sync_ns);
  report("small asynchronous call", best(5000, small_async), "ns", 0);

  unsigned table;
  voile_event *e;
  static const char open[] = "{\"op\":\"OpenTableDb\",\"name\":\"t\",\"column_count\":1}";
  must(voile_call_sync(session, open, sizeof open - 1, NULL, 0, 0, &e));
  if (sscanf(strstr(e->line, "\"value\":"), "\"value\":%u", &table) != 1) exit(1);
  voile_free(e);
  char store[160];
  snprintf(store, sizeof store, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Store\",\"col\":0,\"key\":\"#0\",\"value\":\"#1\"}", table);
  snprintf(load, sizeof load, "{\"op\":\"TableDb\",\"db_id\":%u,\"db_op\":\"Load\",\"col\":0,\"key\":\"#0\"}", table);
  voile_bytes row[2] = {{(const uint8_t *)"k", 1}, {mib, MIB}};
  quick(store, row, 2);

  report("1 MiB memcpy", best(100, mib_memcpy), "ns", 0);
  report("1 MiB in", best(100, mib_in), "ns", 0);
  double before = allocated();
  mib_in(100);
  report("allocated for 1 MiB in", (allocated() - before) / 100, "bytes", most_allocated);
  report("1 MiB out of a table", best(50, mib_out), "ns", 0);

  must(voile_session_close(session));
  must(voile_node_close(node));
  free(mib);
  return check && failed;
}
