/* driver.c: see driver.h. Exports named `run_*` must return, `trap_K_*` end with trap kind K. The import env.host calls the
 * export `callback`.
 * Output: `ok STEPS UNWOUND WALKED EXEMPT VENEERS DEEPEST`, or the first disagreement and exit status 1. */
#include "driver.h"
#include <stdarg.h>
#include <unwind.h>

typedef struct frame {
  uintptr_t ip, cfa, regs[MOST_SAVED];
} frame;

call calls[MOST_CALLS];
int depth, deepest;
static frame frames[MOST_FRAMES];
static int frame_count;
static bool found;
static uintptr_t interrupted;
uintptr_t last_text_pc;
static const char *current = "";
uint64_t steps, unwound, walked, exempt, veneers;

void fail(uintptr_t pc, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s, pc 0x%" PRIx64 " (w2n_text+0x%" PRIx64 ", function %d): ", current, (uint64_t)pc, offset_of(pc),
          in_text(pc) && w2n_code_at(header(), offset_of(pc)) ? (int)w2n_code_at(header(), offset_of(pc))->function : -2);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
  for (int i = depth - 1; i >= 0; i--)
    fprintf(stderr, "  call %d: returns to 0x%" PRIx64 " (text+0x%" PRIx64 "), slot 0x%" PRIx64 "\n", i,
            (uint64_t)calls[i].ret, offset_of(calls[i].ret), (uint64_t)calls[i].slot);
  for (int i = 0; i < frame_count && i < 40; i++)
    fprintf(stderr, "  frame %d: ip 0x%" PRIx64 " (text+0x%" PRIx64 "), cfa 0x%" PRIx64 "\n", i, (uint64_t)frames[i].ip,
            offset_of(frames[i].ip), (uint64_t)frames[i].cfa);
  _exit(1);
}

/* ---- the shadow list ---- */

call *push_call(uintptr_t pc, uintptr_t ret, bool from_text) {
  if (depth == MOST_CALLS) fail(pc, "too many calls");
  call *c = &calls[depth++];
  if (depth > deepest) deepest = depth;
  *c = (call){.ret = ret, .from_text = from_text};
  return c;
}

void pop_to_enter(uintptr_t pc) {
  while (depth > 0 && !calls[depth - 1].is_enter) depth--;
  if (depth == 0) fail(pc, "unwind without enter");
}

/* ---- the unwinder's account ---- */

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *unused) {
  (void)unused;
  int exact;
  uintptr_t ip = _Unwind_GetIPInfo(context, &exact);
  if (!found && !(exact && ip == interrupted)) return _URC_NO_REASON;
  found = true;
  if (frame_count == MOST_FRAMES) return _URC_END_OF_STACK;
  frame *f = &frames[frame_count++];
  f->ip = ip;
  f->cfa = _Unwind_GetCFA(context);
  for (int i = 0; i < saved; i++) f->regs[i] = _Unwind_GetGR(context, dwarf_register[i]);
  return _URC_NO_REASON;
}

void check_unwinder(uintptr_t pc) {
  found = false;
  frame_count = 0;
  interrupted = pc;
  if (_Unwind_Backtrace(visit, NULL) != _URC_END_OF_STACK) fail(pc, "the unwinder does not come to the stack's end");
  int at = 0;
  if (frame_count == 0) fail(pc, "the unwinder does not find the interrupted frame");
  for (int i = depth - 1; i >= 0; i--) {
    call *c = &calls[i];
    /* Frames of C that the list does not know stand only outwards of C. */
    bool inner_is_c = i == depth - 1 ? !in_text(pc) : !calls[i + 1].from_text;
    for (at++; inner_is_c && at < frame_count && frames[at].ip != c->ret && !in_text(frames[at].ip);) at++;
    if (at >= frame_count || frames[at].ip != c->ret)
      fail(pc, "frame %d of the unwinder should be call %d's return address", at, i);
    if (c->cfa == 0) c->cfa = frames[at].cfa;
    if (frames[at].cfa != c->cfa)
      fail(pc, "the CFA of call %d changes from 0x%" PRIx64 " to 0x%" PRIx64, i, (uint64_t)c->cfa, (uint64_t)frames[at].cfa);
    for (int r = 0; r < (c->from_text ? saved_by_wasm : saved); r++)
      if (frames[at].regs[r] != c->regs[r])
        fail(pc, "register %d of call %d's caller is 0x%" PRIx64 ", not 0x%" PRIx64, dwarf_register[r], i,
             (uint64_t)frames[at].regs[r], (uint64_t)c->regs[r]);
  }
  for (at++; at < frame_count; at++)
    if (in_text(frames[at].ip)) fail(pc, "the unwinder finds a frame of compiled code too much");
  unwound++;
}

/* ---- the frame tables' account ---- */

const w2n_code_row *function_row(uintptr_t pc) {
  const w2n_code_row *row = in_text(pc) ? w2n_code_at(header(), offset_of(pc)) : NULL;
  return row && row->function != W2N_NONE ? row : NULL;
}

/* Compares a walk with the shadow list from its call `from` outwards; `innermost`: pc of the first frame, 0: none. */
static void compare_walk(uintptr_t pc, const w2n_trace *trace, uintptr_t innermost) {
  uint64_t at = 0;
  if (innermost) {
    if (trace->count == 0 || trace->first[0].code_offset != offset_of(innermost)) fail(pc, "the walk misses the first frame");
    at = 1;
  }
  for (int i = depth - 1; i >= 0; i--) {
    if (!calls[i].from_text || !function_row(calls[i].ret - 1)) continue;
    if (at >= trace->count || at >= W2N_TRACE_FIRST || trace->first[at].code_offset != offset_of(calls[i].ret) - 1)
      fail(pc, "frame %" PRIu64 " of the walk should be call %d's", at, i);
    at++;
  }
  if (at != trace->count) fail(pc, "the walk has %" PRIu64 " frames, not %" PRIu64, trace->count, at);
  walked++;
}

void check_walk(const w2n_regs *regs) {
  w2n_thread copy = *w2n_self;
  w2n_capture(&copy, W2N_TRAP_HOST, regs, 0);
  compare_walk(regs->pc, &copy.trace, regs->pc);
}

/* From C code that compiled code called: as a helper's trap does it. */
static void check_walk_from_c(void) {
  w2n_thread copy = *w2n_self;
  w2n_capture(&copy, W2N_TRAP_HOST, NULL, w2n_latest_exit(w2n_self, NULL));
  compare_walk(last_text_pc, &copy.trace, 0);
}

/* ---- the program ---- */

static const w2n_func *callback;

int32_t env__host(w2n_instance *caller, int32_t a, int64_t b, double c, int32_t d, int32_t e, int32_t f, int32_t g,
                  int32_t h, int32_t i, int32_t j, int32_t k, int32_t l, int32_t m, int32_t n, int32_t o, int32_t p,
                  int32_t q, int32_t r, int32_t s);
int32_t env__host(w2n_instance *caller, int32_t a, int64_t b, double c, int32_t d, int32_t e, int32_t f, int32_t g,
                  int32_t h, int32_t i, int32_t j, int32_t k, int32_t l, int32_t m, int32_t n, int32_t o, int32_t p,
                  int32_t q, int32_t r, int32_t s) {
  const int32_t got[16] = {d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s};
  for (int32_t at = 0; at < 16; at++)
    if (got[at] != at + 3) abort();
  if (b != -1 || c != 0.5) abort();
  check_walk_from_c();
  w2n_value vals[1] = {{.i32 = a}};
  (void)caller;
  uint32_t kind = w2n_call(callback, vals);
  if (kind != 0) w2n_trap(kind);
  return vals[0].i32;
}

static void step_through(const w2n_func *f, uint32_t wanted) {
  w2n_value vals[1] = {{.lanes = {0, 0}}};
  depth = 0;
  step_begin();
  uint32_t kind = w2n_call(f, vals);
  step_end();
  if (kind != wanted) {
    fprintf(stderr, "%s ends with %s\n", current, w2n_error_string(kind));
    _exit(1);
  }
  if (depth != 0) fail(last_text_pc, "calls are left over");
}

int main(void) {
  w2n_instance *inst;
  if (w2n_instantiate(&w2n_main_module, NULL, &inst) != W2N_OK) {
    fprintf(stderr, "%s\n", w2n_link_error());
    return 1;
  }
  callback = w2n_export_func(inst, "callback");
  const w2n_header *h = header();
  uint64_t exports = w2n_count(h, W2N_S_EXPORTS);
  for (uint64_t i = 0; i < exports; i++) {
    const w2n_export_row *row = &W2N_ROWS(h, W2N_S_EXPORTS, w2n_export_row)[i];
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)row->name.bytes, (const char *)w2n_at(h, row->name.offset));
    current = name;
    if (strncmp(name, "run_", 4) == 0) step_through(w2n_export_func(inst, name), 0);
    if (strncmp(name, "trap_", 5) == 0) step_through(w2n_export_func(inst, name), (uint32_t)atoi(name + 5));
  }
  w2n_free(inst);
  printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d\n", steps, unwound, walked, exempt, veneers,
         deepest);
  return 0;
}
