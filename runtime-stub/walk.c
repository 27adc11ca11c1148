/* walk.c: walks wasm frames by the function table of the modules (docs/abi.md, "Frames"). Runs in signal handlers: no
 * allocation, no lock; reads stack words only inside this thread's wasm stack. */
#include "w2n_stub.h"

static bool on_stack(const w2n_thread *t, uintptr_t at) {
  return at % sizeof at == 0 && at >= t->stack_low && at < t->stack_top - sizeof at;
}
static uintptr_t word_at(uintptr_t at) { return *(const uintptr_t *)at; }

static void add_frame(w2n_trace *trace, const w2n_header *h, const w2n_module *module, uint64_t offset) {
  w2n_frame frame = {h, module ? module->name : NULL, offset};
  if (trace->count < W2N_TRACE_FIRST) trace->first[trace->count] = frame;
  else trace->last[trace->count % W2N_TRACE_LAST] = frame;
  trace->count++;
}

/* The row of a function for a code offset, NULL in thunks and elsewhere. */
static const w2n_code_row *function_at(const w2n_header *h, uint64_t offset) {
  const w2n_code_row *code = w2n_code_at(h, offset);
  return code && code->function < w2n_count(h, W2N_S_FUNCTIONS) ? code : NULL;
}

#if defined(__x86_64__)
/* Bytes between sp and the return address while the prologue runs: counted over the pushes and the `sub rsp` executed. */
static uint64_t prologue_frame(const uint8_t *p, const uint8_t *end) {
  uint64_t size = 0;
  if (p < end && p[0] == 0xf3 && p[1] == 0x0f && p[2] == 0x1e && p[3] == 0xfa) p += 4; /* endbr64 */
  while (p < end) {
    if ((*p & 0xf8) == 0x50) p += 1, size += 8;                                /* push r */
    else if (p[0] == 0x41 && (p[1] & 0xf8) == 0x50) p += 2, size += 8;         /* push r8-r15 */
    else if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xec) return size + p[3]; /* sub rsp, imm8 */
    else if (p[0] == 0x48 && p[1] == 0x81 && p[2] == 0xec)
      return size + (p[3] | (uint32_t)p[4] << 8 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 24);
    else break; /* a stack probe: rsp has not moved further yet */
  }
  return size;
}

/* One frame outwards; false at the end. is_return: pc is a return address, and sp what it is right after the return, when
 * the callee has popped its stack arguments: the body's sp lies below by what this call passed. */
static bool step(const w2n_thread *t, const w2n_header *h, w2n_regs *r, bool is_return) {
  uint64_t offset = r->pc - (uintptr_t)h;
  const w2n_code_row *f = function_at(h, offset - (is_return ? 1 : 0));
  if (!f && is_return) return false;
  uint64_t frame = 0; /* in a thunk: traps there come first of all */
  if (f && !is_return && offset - f->offset < f->prologue_bytes)
    frame = prologue_frame(w2n_at(h, f->offset), (const uint8_t *)r->pc);
  else if (f) frame = f->frame_bytes - (is_return ? w2n_call_argument_bytes(h, offset) : 0);
  uintptr_t at = r->sp + frame;
  if (!on_stack(t, at)) return false;
  r->pc = word_at(at);
  r->sp = at + 8 + (f ? f->stack_arg_bytes : 0);
  return true;
}

static bool start_at_exit(const w2n_thread *t, w2n_regs *r, uintptr_t exit_sp) {
  if (!on_stack(t, exit_sp)) return false;
  const w2n_header *h;
  r->pc = word_at(exit_sp);
  h = w2n_range_find(W2N_RANGE_TEXT, r->pc, NULL);
  r->sp = exit_sp + 8 + (h ? w2n_call_argument_bytes(h, r->pc - (uintptr_t)h) : 0);
  return h != NULL;
}
#else
/* A return address without its signature, if it has one (pointer authentication): xpaclri, a nop on older processors. */
static uintptr_t plain(uintptr_t address) {
  register uintptr_t x30 __asm__("x30") = address;
  __asm__("hint #7" : "+r"(x30));
  return x30;
}

static bool step(const w2n_thread *t, const w2n_header *h, w2n_regs *r, bool is_return) {
  uint64_t offset = r->pc - (uintptr_t)h;
  const w2n_code_row *f = function_at(h, offset - (is_return ? 1 : 0));
  if (!f && is_return) return false;
  if (!f || (!is_return && offset - f->offset < f->prologue_bytes) || f->prologue_bytes == 0) {
    r->pc = plain(r->lr);
    return true;
  }
  if (!on_stack(t, r->fp) || !on_stack(t, r->fp + 8)) return false;
  uintptr_t next = word_at(r->fp);
  r->pc = plain(word_at(r->fp + 8));
  if (next <= r->fp) return false;
  r->fp = next;
  return true;
}

static bool start_at_exit(const w2n_thread *t, w2n_regs *r, uintptr_t exit_sp) {
  if (!on_stack(t, exit_sp) || !on_stack(t, exit_sp + 8)) return false;
  r->fp = word_at(exit_sp);
  r->pc = plain(word_at(exit_sp + 8));
  return true;
}
#endif

void w2n_capture(w2n_thread *t, uint32_t kind, const w2n_regs *regs, uintptr_t exit_sp) {
  w2n_trace *trace = &t->trace;
  w2n_regs r = {0, 0, 0, 0};
  bool is_return = regs == NULL, more = regs != NULL;
  trace->kind = kind;
  trace->count = 0;
  if (regs) r = *regs;
  else more = start_at_exit(t, &r, exit_sp);
  for (const w2n_entry *e = t->entry; e; e = e->prev) {
    while (more) {
      const void *module = NULL;
      const w2n_header *h = w2n_range_find(W2N_RANGE_TEXT, r.pc, &module);
      if (!h) break;
      uint64_t offset = r.pc - (uintptr_t)h - (is_return ? 1 : 0);
      if (function_at(h, offset)) add_frame(trace, h, module, offset);
      more = step(t, h, &r, is_return);
      is_return = true;
    }
    more = e->prev && start_at_exit(t, &r, e->caller_exit_sp);
    is_return = true;
  }
}

uintptr_t w2n_latest_exit(const w2n_thread *t, const w2n_instance *hint) {
  uintptr_t here = (uintptr_t)__builtin_frame_address(0), best = 0;
  const uintptr_t candidates[3] = {hint ? hint->exit_sp : 0, t->host ? t->host->head.exit_sp : 0,
                                   t->entry ? t->entry->inst->exit_sp : 0};
  for (int i = 0; i < 3; i++)
    if (candidates[i] >= here && on_stack(t, candidates[i]) && (best == 0 || candidates[i] < best)) best = candidates[i];
  return best;
}
