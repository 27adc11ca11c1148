/* wasi_proc.c: end of the program, signals to itself, yielding, random bytes. */
#include "wasi_internal.h"

#include <sched.h>
#include <sys/random.h>

/* Fills up to n bytes; returns how many, -1 with errno on an error. */
static ssize_t host_random(uint8_t *out, uint64_t n) {
#ifdef __linux__
  return getrandom(out, n < (1u << 20) ? n : 1u << 20, 0);
#else
  size_t step = n < 256 ? (size_t)n : 256;
  return getentropy(out, step) == 0 ? (ssize_t)step : -1;
#endif
}

/* wasm type: no result. */
void wasi_snapshot_preview1__proc_exit(w2n_instance *caller, int32_t code) { w2n_exit(caller, (uint32_t)code); }

/* Signals of the specification: 1 HUP .. 30 SYS. The host's signals are not the guest's to send: one whose default
 * action ends a process ends the program with status 128 + number, as a shell reports it; ignored ones do nothing;
 * stopping is refused. */
int32_t wasi_snapshot_preview1__proc_raise(w2n_instance *caller, int32_t signal) {
  enum { CHLD = 16, CONT = 17, STOP = 18, TSTP = 19, TTIN = 20, TTOU = 21, URG = 22, WINCH = 27, LAST = 30 };
  if (signal == 0 || signal == CHLD || signal == CONT || signal == URG || signal == WINCH) return WASI_OK;
  if ((uint32_t)signal > LAST) return WASI_INVAL;
  if (signal >= STOP && signal <= TTOU) return WASI_NOTSUP;
  w2n_exit(caller, 128 + (uint32_t)signal);
}

int32_t wasi_snapshot_preview1__sched_yield(w2n_instance *caller) {
  (void)caller;
  return sched_yield() == 0 ? WASI_OK : wasi_errno(errno);
}

/* splitmix64 (Steele, Lea, Flood 2014): every state is good, so every seed is. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int32_t wasi_snapshot_preview1__random_get(w2n_instance *caller, int32_t buffer, int32_t bytes) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint64_t n = (uint32_t)bytes;
  uint8_t *out = wasi_at(&m, buffer, n);
  if (out == NULL) return WASI_FAULT;
  while (n > 0) {
    uint64_t step = n;
    if (c->seeded) {
      uint64_t v = next_random(&c->random_state);
      if (step > 8) step = 8;
      memcpy(out, &v, step);
    } else {
      ssize_t r = host_random(out, n);
      if (r < 0 && errno == EINTR) continue;
      if (r < 0) return wasi_errno(errno);
      step = (uint64_t)r;
    }
    out += step;
    n -= step;
  }
  return WASI_OK;
}
