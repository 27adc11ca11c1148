/* runtime_checks.c: exercises the stub through its C interface with the hand-made module. Prints the line of the first
 * wrong answer and exits 1, or prints "ok N" with the number of checks. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "wasm2native.h"

extern const w2n_module w2n_module_hand;

/* Emulators take their time over 8 GiB of address space. */
#ifdef FEW_INSTANCES
#define INSTANCES 20
#else
#define INSTANCES 200
#endif

static _Atomic int checks; /* threads count, too */
#define CHECK(condition)                                         \
  do {                                                           \
    checks++;                                                    \
    if (!(condition)) {                                          \
      printf("line %d: %s\n", __LINE__, #condition);             \
      exit(1);                                                   \
    }                                                            \
  } while (0)

static w2n_instance *current;
static int no_instance; /* an address that is no instance */

static uint32_t call(w2n_instance *inst, const char *name, int32_t a, int32_t b, int32_t *result) {
  w2n_value v[2] = {{.i32 = a}, {.i32 = b}};
  uint32_t kind = w2n_call(w2n_export_func(inst, name), v);
  if (result) *result = v[0].i32;
  return kind;
}

/* The host function of all instances: what it does depends on its argument. */
static uint32_t host(void *env, w2n_value *v) {
  int32_t n = v[0].i32, result = 0;
  uint32_t kind;
  (void)env;
  switch (n) {
    case 1: w2n_trap(W2N_TRAP_HOST);
    case 2: return W2N_TRAP_INTEGER_OVERFLOW;
    case 3: w2n_exit(current, 7);
    case 4: /* a trap in a nested call is an ordinary result */
      kind = call(current, "unreachable", 0, 0, NULL);
      v[0].i32 = 100 + (int32_t)kind;
      return 0;
    case 5: /* nests until the stack ends */
      kind = call(current, "call_host", 5, 0, &result);
      if (kind) return kind;
      break;
    case 6: kind = call(current, "load", -4, 0, NULL); v[0].i32 = (int32_t)kind; return 0;
    case 7: /* two levels, trap in the inner one passed on */
      kind = call(current, "call_host", 1, 0, NULL);
      return kind;
    default: break;
  }
  v[0].i32 = n + 1;
  return 0;
}

static w2n_instance *make(w2n_func *f) {
  w2n_import list[] = {{"env", "host", {W2N_FUNC, {.func = f}}}};
  w2n_imports imports = {.list = list, .count = 1};
  w2n_instance *inst = NULL;
  int status = w2n_instantiate(&w2n_module_hand, &imports, &inst);
  if (status != W2N_OK) printf("%s\n", w2n_link_error());
  CHECK(status == W2N_OK && inst);
  return inst;
}

static char *report(void) {
  static char text[4096];
  int pipes[2];
  CHECK(pipe(pipes) == 0);
  w2n_report(pipes[1]);
  close(pipes[1]);
  ssize_t n = 0, got;
  while ((got = read(pipes[0], text + n, sizeof text - 1 - (size_t)n)) > 0) n += got;
  close(pipes[0]);
  text[n] = 0;
  return text;
}

static void try_body(void *arg) {
  (void)arg;
  w2n_trap(W2N_TRAP_NULL_REFERENCE);
}
static void try_nested(void *arg) {
  CHECK(w2n_try(try_body, NULL) == W2N_TRAP_NULL_REFERENCE);
  *(int *)arg = 5;
}

static void traps(w2n_instance *inst) {
  int32_t r;
  CHECK(call(inst, "add", 2, 40, &r) == 0 && r == 42);
  CHECK(call(inst, "unreachable", 0, 0, NULL) == W2N_TRAP_UNREACHABLE);
  CHECK(w2n_last_trap() == W2N_TRAP_UNREACHABLE);
  CHECK(strcmp(report(), "wasm trap: unreachable\n    at unreachable (hand, wasm offset 0x11)\n") == 0);
  CHECK(call(inst, "load", 65532, 0, &r) == 0 && (uint32_t)r == 0xcdab0000u);
  CHECK(call(inst, "load", 65533, 0, &r) == W2N_TRAP_MEMORY_OUT_OF_BOUNDS);
  CHECK(strcmp(report(), "wasm trap: out of bounds memory access\n    at load (hand, wasm offset 0x22)\n") == 0);
  CHECK(call(inst, "load", -1, 0, &r) == W2N_TRAP_MEMORY_OUT_OF_BOUNDS);
  CHECK(call(inst, "recurse", 1, 0, &r) == W2N_TRAP_STACK_EXHAUSTED);
  char *text = report();
  CHECK(strstr(text, "call stack exhausted\n    at recurse (hand, wasm offset 0x11)\n    at recurse"));
  CHECK(strstr(text, " more\n    at recurse"));
  CHECK(call(inst, "indirect", 0, 0, NULL) == W2N_TRAP_UNINITIALIZED_ELEMENT);
  CHECK(call(inst, "indirect", 3, 0, NULL) == W2N_TRAP_UNDEFINED_ELEMENT);
  CHECK(call(inst, "indirect", 1, 0, &r) == 0 && r == 2);
}

static void host_calls(w2n_instance *inst) {
  int32_t r;
  int done = 0;
  current = inst;
  CHECK(call(inst, "call_host", 10, 0, &r) == 0 && r == 11);
  CHECK(call(inst, "call_host", 1, 0, &r) == W2N_TRAP_HOST);
  CHECK(strcmp(report(), "wasm trap: host trap\n    at call_host (hand, wasm offset 0x11)\n") == 0);
  CHECK(call(inst, "call_host", 2, 0, &r) == W2N_TRAP_INTEGER_OVERFLOW);
  CHECK(call(inst, "call_host", 3, 0, &r) == W2N_TRAP_EXIT && w2n_exit_code() == 7);
  CHECK(call(inst, "call_host", 4, 0, &r) == 0 && r == 101);
  CHECK(call(inst, "call_host", 5, 0, &r) == W2N_TRAP_STACK_EXHAUSTED);
  CHECK(call(inst, "call_host", 6, 0, &r) == 0 && r == W2N_TRAP_MEMORY_OUT_OF_BOUNDS);
  CHECK(call(inst, "call_host", 7, 0, &r) == W2N_TRAP_HOST);
  CHECK(call(inst, "host", 20, 0, &r) == 0 && r == 21); /* the re-exported import */
  CHECK(call(inst, "host", 1, 0, &r) == W2N_TRAP_HOST);
  CHECK(w2n_try(try_nested, &done) == 0 && done == 5);
}

static void memory_and_tables(w2n_instance *inst) {
  uint64_t bytes;
  int32_t r;
  uint8_t *data = w2n_memory0(inst, &bytes);
  CHECK(bytes == 65536 && memcmp(data, "image", 5) == 0 && data[65535] == 0xcd);
  CHECK(call(inst, "grow", 0, 0, &r) == 0 && r == 1);
  CHECK(call(inst, "grow", 2, 0, &r) == 0 && r == 1);
  CHECK(call(inst, "grow", 2, 0, &r) == 0 && r == -1);
  CHECK(call(inst, "grow", 1, 0, &r) == 0 && r == 3);
  CHECK(call(inst, "grow", -1, 0, &r) == 0 && r == -1);
  CHECK(w2n_memory0(inst, &bytes) == data && bytes == 4 * 65536);
  CHECK(call(inst, "store", 4 * 65536 - 4, 0x01020304, &r) == 0 && data[4 * 65536 - 1] == 1);
  CHECK(call(inst, "store", 4 * 65536 - 3, 9, &r) == W2N_TRAP_MEMORY_OUT_OF_BOUNDS && data[4 * 65536 - 1] == 1);
  w2n_extern e;
  CHECK(w2n_export(inst, "table", 5, &e) && e.kind == W2N_TABLE && w2n_table_size(e.of.table) == 3);
  void *f = NULL;
  CHECK(w2n_table_get(e.of.table, 1, &f) && f == w2n_export_func(inst, "add"));
  CHECK(!w2n_table_get(e.of.table, 3, &f));
  CHECK(w2n_table_grow(e.of.table, 17, f) == 3 && w2n_table_grow(e.of.table, 1, NULL) == -1);
  CHECK(call(inst, "indirect", 19, 0, &r) == 0 && r == 38);
  CHECK(w2n_table_set(e.of.table, 2, (void *)(uintptr_t)w2n_export_func(inst, "load")));
  CHECK(call(inst, "indirect", 2, 0, &r) == W2N_TRAP_INDIRECT_CALL_TYPE);
  CHECK(w2n_export(inst, "global", 6, &e) && e.kind == W2N_GLOBAL && e.of.global.value->i32 == 42);
  CHECK(e.of.global.mutability == 1 && e.of.global.type == W2N_I32);
  CHECK(!w2n_export(inst, "globa", 5, &e) && !w2n_export_func(inst, "memory"));
}

static void linking(w2n_func *f) {
  w2n_instance *inst = (w2n_instance *)(void *)&no_instance;
  CHECK(w2n_instantiate(&w2n_module_hand, NULL, &inst) == W2N_UNKNOWN_IMPORT && !inst);
  CHECK(strcmp(w2n_link_error(), "unknown import: env.host") == 0);
  w2n_func *other = w2n_func_new_sig("I", "i", host, NULL), *same = w2n_func_new_sig("i", "i", host, NULL);
  CHECK(other && same && same->type_id == f->type_id && other->type_id != f->type_id);
  w2n_import list[] = {{"env", "host", {W2N_FUNC, {.func = other}}}};
  w2n_imports imports = {.list = list, .count = 1};
  CHECK(w2n_instantiate(&w2n_module_hand, &imports, &inst) == W2N_INCOMPATIBLE_IMPORT && !inst);
  CHECK(strcmp(w2n_link_error(), "incompatible import type: env.host") == 0);
  w2n_memory *m = w2n_memory_new(1, 2);
  CHECK(m && w2n_memory_size(m) == 65536 && w2n_memory_grow(m, 1) == 1 && w2n_memory_grow(m, 1) == -1);
  list[0].value = (w2n_extern){W2N_MEMORY, {.memory = m}};
  CHECK(w2n_instantiate(&w2n_module_hand, &imports, &inst) == W2N_INCOMPATIBLE_IMPORT);
  w2n_memory_free(m);
  list[0].value = (w2n_extern){W2N_FUNC, {.func = same}};
  CHECK(w2n_instantiate(&w2n_module_hand, &imports, &inst) == W2N_OK);
  int32_t r;
  CHECK(call(inst, "call_host", 30, 0, &r) == 0 && r == 31);
  w2n_free(inst);
  w2n_func_free(other);
  w2n_func_free(same);
}

static void *thread(void *arg) {
  w2n_func *f = arg;
  for (int i = 0; i < INSTANCES / 10; i++) {
    w2n_instance *inst = make(f);
    int32_t r;
    if (call(inst, "recurse", 1, 0, &r) != W2N_TRAP_STACK_EXHAUSTED) return NULL;
    if (call(inst, "load", -1, 0, &r) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS) return NULL;
    if (call(inst, "add", i, 1, &r) != 0 || r != i + 1) return NULL;
    w2n_free(inst);
  }
  return f;
}

/* Instances move between threads, and threads end while others run. */
static void threads(w2n_func *f, w2n_instance *inst) {
  pthread_t ids[3];
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&ids[i], NULL, thread, f) == 0);
  for (int i = 0; i < 3; i++) {
    void *result = NULL;
    CHECK(pthread_join(ids[i], &result) == 0 && result == f);
  }
  int32_t r;
  CHECK(call(inst, "call_host", 1, 0, &r) == W2N_TRAP_HOST);
}

#ifndef NO_FOREIGN_SIGNALS
static sigjmp_buf back;
static volatile sig_atomic_t seen;
static void own_handler(int sig) {
  seen = sig;
  siglongjmp(back, 1);
}

/* Faults that are not the module's go to the handler that was there first, also from a host function. */
static uint32_t fault(void *env, w2n_value *v) {
  (void)v;
  *(volatile char *)env = 1;
  return 0;
}
static void foreign_signals(w2n_instance *inst) {
  char *page = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char *)page = 1;
    CHECK(!"reached");
  }
  CHECK(seen == SIGSEGV);
  seen = 0;
  uint64_t bytes;
  uint8_t *data = w2n_memory0(inst, &bytes);
  /* Outside of wasm even an access to a reservation is the program's own fault. */
  if (sigsetjmp(back, 1) == 0) {
    ((volatile uint8_t *)data)[bytes] = 1;
    CHECK(!"reached");
  }
  CHECK(seen == SIGSEGV);
  seen = 0;
  if (sigsetjmp(back, 1) == 0) {
    w2n_func *f = w2n_func_new_sig("i", "i", fault, page);
    w2n_instance *other = make(f);
    call(other, "call_host", 1, 0, NULL);
    CHECK(!"reached");
  }
  CHECK(seen == SIGSEGV);
}
#endif

int main(void) {
#ifndef NO_FOREIGN_SIGNALS
  struct sigaction own;
  memset(&own, 0, sizeof own);
  own.sa_handler = own_handler;
  sigaction(SIGSEGV, &own, NULL);
#endif
  w2n_func *f = w2n_func_new(&w2n_module_hand, 0, host, NULL);
  CHECK(f);
  w2n_instance *first = make(f), *second = make(f);
  for (int round = 0; round < 3; round++) traps(first);
  host_calls(first);
  memory_and_tables(first);
  host_calls(second);
  memory_and_tables(second); /* the first one has left the image alone */
  linking(f);
  threads(f, first);
  for (int i = 0; i < INSTANCES; i++) w2n_free(make(f));
  w2n_instance *last = make(f);
  traps(last);
  w2n_free(last);
#ifndef NO_FOREIGN_SIGNALS
  foreign_signals(second);
#else
  w2n_free(first);
  w2n_free(second);
  w2n_func_free(f);
#endif
  printf("ok %d\n", checks);
  return 0;
}
