/* call.c: entering wasm code and leaving it again, by return or by a trap. */
#define _GNU_SOURCE
#include "w2n_stub.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define W2N_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define W2N_ASAN 1
#endif

#ifdef W2N_ASAN
#include <sanitizer/asan_interface.h>
/* A trap leaves C frames without their epilogues: their red zones are nobody's now. */
static void forget_frames(uintptr_t from, uintptr_t to) { __asan_unpoison_memory_region((void *)from, to - from); }
#else
static void forget_frames(uintptr_t from, uintptr_t to) { (void)from, (void)to; }
#endif

static void set_limit(w2n_instance *inst, uintptr_t host_limit) {
  inst->host_limit = host_limit;
  uint64_t n = w2n_function_imports(inst->header);
  for (uint64_t i = 0; i < n; i++) inst->hosts[i].head.host_limit = host_limit;
}

void w2n_adopt(w2n_instance *inst, uintptr_t host_limit) {
  if (inst->host_limit != host_limit) set_limit(inst, host_limit);
  /* Another thread may have used one of these since. */
  for (uint64_t i = 0; i < inst->linked_count; i++)
    if (inst->linked[i]->host_limit != host_limit) set_limit(inst->linked[i], host_limit);
}

uint32_t w2n_enter_wasm(w2n_instance *inst, const w2n_func *f, w2n_value *vals) {
  w2n_thread *t = w2n_thread_get();
  if (!t) return W2N_TRAP_OUT_OF_MEMORY;
  const w2n_header *h = inst->header;
  uint64_t thunk = w2n_types(h)[f->local_type].call_thunk;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  void *stack_top = (void *)t->stack_top;
  if (thunk == 0) return W2N_TRAP_HOST;
  w2n_adopt(inst, t->host_limit);
  w2n_entry entry = {.prev = t->entry, .inst = inst, .tries = t->tries};
  entry.unwind = (w2n_unwind_fn)(uintptr_t)w2n_at(h, h->unwind_offset);
  t->passed_on = 0;
  if (t->entry) {
    entry.caller_exit_sp = w2n_latest_exit(t, NULL);
    /* Called back from a host function: go on below its frames. On a foreign stack (a coroutine of the host's) there
     * is no limit to check against, and the wasm stack is in use. */
    if (here < t->host_limit || here >= t->stack_top) {
      w2n_capture(t, W2N_TRAP_STACK_EXHAUSTED, NULL, entry.caller_exit_sp);
      t->passed_on = W2N_TRAP_STACK_EXHAUSTED;
      return W2N_TRAP_STACK_EXHAUSTED;
    }
    stack_top = NULL;
  }
  w2n_host_object *host = t->host;
  w2n_enter_fn enter = (w2n_enter_fn)(uintptr_t)w2n_at(h, h->enter_offset);
  w2n_entry *outer = inst->entry;
  t->entry = &entry;
  inst->entry = &entry;
  uint32_t kind = enter(inst, f, vals, w2n_at(h, thunk), stack_top, &entry.sp);
  inst->entry = outer;
  t->entry = entry.prev;
  t->tries = entry.tries;
  t->host = host;
  t->passed_on = kind;
  if (kind != 0) forget_frames(t->stack_low, stack_top ? t->stack_top : here);
  return kind;
}

uint32_t w2n_call(const w2n_func *f, w2n_value *vals) { return f->array_entry(f->instance, f, vals); }

uint32_t w2n_try(void (*fn)(void *arg), void *arg) {
  w2n_thread *t = w2n_thread_get();
  if (!t) return W2N_TRAP_OUT_OF_MEMORY;
  w2n_try_frame frame = {.prev = t->tries, .entry = t->entry};
  w2n_host_object *host = t->host;
  t->tries = &frame;
  if (_setjmp(frame.buf) == 0) fn(arg);
  t = w2n_self;
  t->tries = frame.prev;
  t->host = host;
  return frame.kind;
}

void w2n_raise(uint32_t kind) {
  w2n_thread *t = w2n_self;
  if (t && t->tries && t->tries->entry == t->entry) {
    t->tries->kind = kind;
    _longjmp(t->tries->buf, 1);
  }
  if (t && t->entry) t->entry->unwind(t->entry->sp, kind);
  w2n_report(2);
  __builtin_trap();
}

/* Records the stack, unless a host function only passes on the trap of a nested call: the trace shows where that
 * happened, and walking the stack once a level would take quadratic time. */
static void record(w2n_thread *t, uint32_t kind, const w2n_instance *hint) {
  if (t->passed_on != kind || t->trace.kind != kind) w2n_capture(t, kind, NULL, w2n_latest_exit(t, hint));
}

void w2n_trap_from(w2n_instance *inst, uint32_t kind) {
  w2n_thread *t = w2n_self;
  if (t && kind != W2N_TRAP_EXIT) record(t, kind, inst);
  w2n_raise(kind);
}

void w2n_trap(uint32_t kind) {
  w2n_thread *t = w2n_thread_get();
  if (t) record(t, kind, NULL);
  w2n_raise(kind);
}

void w2n_exit(w2n_instance *inst, uint32_t code) {
  w2n_thread *t = w2n_thread_get();
  if (t) {
    t->exit_code = code;
    t->trace.kind = W2N_TRAP_EXIT;
    t->trace.count = 0;
  }
  w2n_trap_from(inst, W2N_TRAP_EXIT);
}

uint32_t w2n_exit_code(void) { return w2n_self ? w2n_self->exit_code : 0; }
uint32_t w2n_last_trap(void) { return w2n_self ? w2n_self->trace.kind : 0; }
