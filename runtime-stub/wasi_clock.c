/* wasi_clock.c: clocks. With a fixed clock all of them are one counter, so that two runs see the same times. */
#include "wasi_internal.h"

static const clockid_t host_clocks[4] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                         CLOCK_THREAD_CPUTIME_ID};

int32_t wasi_clock_now(w2n_wasi *c, int32_t id, uint64_t *ns) {
  struct timespec t;
  if ((uint32_t)id >= 4) return WASI_INVAL;
  if (c->fixed_clock) {
    *ns = (id < 2 ? c->clock_start : 0) + c->clock;
    c->clock += c->clock_step;
    return WASI_OK;
  }
  if (clock_gettime(host_clocks[id], &t) != 0) return wasi_errno(errno);
  *ns = wasi_ns(t);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__clock_time_get(w2n_instance *caller, int32_t id, int64_t precision, int32_t time) {
  (void)precision; /* The vDSO's clocks are as cheap as they are exact. */
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, time, 8);
  uint64_t ns;
  if (out == NULL) return WASI_FAULT;
  int32_t r = wasi_clock_now(wasi_context(caller), id, &ns);
  if (r == WASI_OK) wasi_store64(out, ns);
  return r;
}

int32_t wasi_snapshot_preview1__clock_res_get(w2n_instance *caller, int32_t id, int32_t resolution) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, resolution, 8);
  struct timespec t;
  if ((uint32_t)id >= 4) return WASI_INVAL;
  if (out == NULL) return WASI_FAULT;
  if (c->fixed_clock) {
    wasi_store64(out, c->clock_step == 0 ? 1 : c->clock_step);
    return WASI_OK;
  }
  if (clock_getres(host_clocks[id], &t) != 0) return wasi_errno(errno);
  wasi_store64(out, wasi_ns(t));
  return WASI_OK;
}
