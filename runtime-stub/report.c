/* report.c: the words for traps, and the report of a thread's last one. */
#include <string.h>
#include "w2n_stub.h"

const char *w2n_error_string(uint32_t kind) {
  static const char *const messages[W2N_TRAP_KINDS] = {
      "no trap",
      "unreachable",
      "out of bounds memory access",
      "out of bounds table access",
      "uninitialized element",
      "indirect call type mismatch",
      "integer overflow",
      "integer divide by zero",
      "invalid conversion to integer",
      "call stack exhausted",
      "null reference",
      "uncaught exception",
      "host trap",
      "out of memory",
      "exit",
      "undefined element",
  };
  return kind < W2N_TRAP_KINDS ? messages[kind] : "unknown trap";
}

static void put_frame(w2n_writer *w, const w2n_frame *frame) {
  const w2n_header *h = frame->header;
  const w2n_code_row *row = w2n_code_at(h, frame->code_offset);
  uint32_t function = row ? row->function : W2N_NONE, at = w2n_wasm_offset(h, frame->code_offset);
  w2n_put(w, "    at ");
  w2n_string name = {0, 0};
  if (w2n_count(h, W2N_S_NAMES) > function) name = W2N_ROWS(h, W2N_S_NAMES, w2n_string)[function];
  if (name.bytes > 0) {
    w2n_put_name(w, w2n_at(h, name.offset), name.bytes);
  } else {
    w2n_put(w, "function ");
    w2n_put_number(w, function, 10);
  }
  w2n_put(w, " (");
  if (frame->module) w2n_put_name(w, frame->module, strlen(frame->module));
  if (at != W2N_NONE) {
    w2n_put(w, frame->module ? ", wasm offset 0x" : "wasm offset 0x");
    w2n_put_number(w, at, 16);
  }
  w2n_put(w, ")\n");
}

void w2n_report(int fd) {
  char buffer[512];
  w2n_writer w = {fd, 0, sizeof buffer, buffer};
  const w2n_thread *t = w2n_self;
  w2n_put(&w, "wasm trap: ");
  w2n_put(&w, w2n_error_string(t ? t->trace.kind : W2N_TRAP_HOST));
  w2n_put(&w, "\n");
  uint64_t count = t ? t->trace.count : 0;
  for (uint64_t i = 0; i < count && i < W2N_TRACE_FIRST; i++) put_frame(&w, &t->trace.first[i]);
  uint64_t rest = W2N_TRACE_FIRST;
  if (count > W2N_TRACE_FIRST + W2N_TRACE_LAST) {
    rest = count - W2N_TRACE_LAST;
    w2n_put(&w, "    ... ");
    w2n_put_number(&w, rest - W2N_TRACE_FIRST, 10);
    w2n_put(&w, " more\n");
  }
  for (uint64_t i = rest; i < count; i++) put_frame(&w, &t->trace.last[i % W2N_TRACE_LAST]);
  w2n_flush(&w);
}
