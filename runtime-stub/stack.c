/* stack.c: what each thread that runs wasm owns: one mapping of guard | wasm stack | w2n_thread | signal stack. It is
 * freed when the thread ends. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#include "w2n_stub.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

_Thread_local w2n_thread *w2n_self __attribute__((tls_model("initial-exec")));

static size_t stack_bytes = W2N_STACK_DEFAULT;
static pthread_key_t key;
/* Not pthread_once: it costs a system call. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_set_up, have_key;

#define UNIT ((size_t)65536)
static size_t round_up(size_t n) { return (n + UNIT - 1) & ~(UNIT - 1); }

void w2n_set_stack_size(size_t bytes) {
  size_t least = 2 * W2N_HOST_RESERVE;
  if (bytes > (size_t)1 << 46) bytes = (size_t)1 << 46;
  stack_bytes = round_up(bytes < least ? least : bytes);
}

static size_t signal_stack_bytes(void) {
#ifdef __linux__
  return UNIT + round_up(getauxval(AT_MINSIGSTKSZ));
#else
  return 2 * UNIT;
#endif
}

static void thread_end(void *p) {
  w2n_thread *t = p;
  stack_t off = {.ss_flags = SS_DISABLE, .ss_size = UNIT};
  sigaltstack(&off, NULL);
  w2n_self = NULL;
  w2n_unmap(t->mapping, t->mapping_bytes);
}

static void set_up_process(void) {
  pthread_mutex_lock(&lock);
  if (!is_set_up) {
    have_key = pthread_key_create(&key, thread_end) == 0 && w2n_install_handlers() == 0;
    is_set_up = true;
  }
  pthread_mutex_unlock(&lock);
}

w2n_thread *w2n_thread_get(void) {
  if (w2n_self) return w2n_self;
  set_up_process();
  size_t state = round_up(sizeof(w2n_thread)), signals = signal_stack_bytes();
  size_t bytes = W2N_STACK_GUARD + stack_bytes + state + signals;
  uint8_t *p = w2n_map(bytes);
  if (!p) return NULL;
  w2n_thread *t = (w2n_thread *)(p + W2N_STACK_GUARD + stack_bytes);
  stack_t alternate = {.ss_sp = (uint8_t *)t + state, .ss_size = signals};
  if (!have_key || mprotect(p, W2N_STACK_GUARD, PROT_NONE) != 0 || sigaltstack(&alternate, NULL) != 0 ||
      pthread_setspecific(key, t) != 0) {
    w2n_unmap(p, bytes);
    return NULL;
  }
  t->mapping = p;
  t->mapping_bytes = bytes;
  t->stack_low = (uintptr_t)p + W2N_STACK_GUARD;
  t->stack_top = t->stack_low + stack_bytes;
  t->host_limit = t->stack_low + W2N_HOST_RESERVE;
  w2n_self = t;
  return t;
}
