/* w2n_stub.h: what the stub's files share. Internal. */
#ifndef W2N_STUB_H
#define W2N_STUB_H

#include <setjmp.h>
#include "w2n_abi.h"

#if defined(__x86_64__)
#define W2N_THIS_ISA W2N_ISA_X86_64
#elif defined(__aarch64__)
#define W2N_THIS_ISA W2N_ISA_AARCH64
#else
#error "wasm2native supports x86_64 and aarch64"
#endif

#define W2N_HIDDEN __attribute__((visibility("hidden")))

/* Sizes in bytes. */
#define W2N_GUARD_LOW ((uint64_t)65536)                      /* no access before memory 0 */
#define W2N_GUARD_SPAN (((uint64_t)1 << 33) + 65536)         /* reserved from its base on */
#define W2N_STACK_GUARD ((size_t)1 << 20)
#define W2N_STACK_DEFAULT ((size_t)8 << 20)
#define W2N_HOST_RESERVE ((size_t)256 << 10)                 /* stack left to C functions */
#define W2N_MAX_TABLE ((uint64_t)10000000)                   /* elements that a table may grow to */

/* ---- threads, entries, traps ---- */

typedef struct w2n_try_frame {
  struct w2n_try_frame *prev;
  w2n_entry *entry; /* the thread's innermost entry when the frame was made */
  uint32_t kind;
  jmp_buf buf;
} w2n_try_frame;

struct w2n_entry {
  w2n_entry *prev;
  w2n_instance *inst;
  uintptr_t sp; /* what `enter` stored */
  w2n_unwind_fn unwind;
  uintptr_t caller_exit_sp; /* where the wasm frames of `prev` begin, 0 unknown */
  w2n_try_frame *tries;
};

enum { W2N_TRACE_FIRST = 48, W2N_TRACE_LAST = 16 };
typedef struct w2n_frame {
  const w2n_header *header;
  const char *module; /* its name */
  uint64_t code_offset; /* of the trapping instruction, or of the call's last byte */
} w2n_frame;

/* The stack of a trap: its first frames (innermost) and, in a ring, its last ones. */
typedef struct w2n_trace {
  uint32_t kind;
  uint64_t count; /* all frames */
  w2n_frame first[W2N_TRACE_FIRST];
  w2n_frame last[W2N_TRACE_LAST];
} w2n_trace;

typedef struct w2n_thread {
  w2n_entry *entry;
  w2n_try_frame *tries;
  w2n_host_object *host; /* the host function that runs */
  uint8_t *mapping; /* guard, wasm stack, this structure, signal stack */
  size_t mapping_bytes;
  uintptr_t stack_low; /* end of the guard */
  uintptr_t stack_top;
  uintptr_t host_limit;
  uint32_t exit_code;
  uint32_t passed_on; /* kind with which the last nested call of the running host function ended, 0: none */
  w2n_trace trace;
  char link_error[320];
} w2n_thread;

/* This thread's state, NULL before its first w2n_thread_get. Initial-exec, so that a signal handler may read it. */
extern W2N_HIDDEN _Thread_local w2n_thread *w2n_self __attribute__((tls_model("initial-exec")));
/* This thread's state, made if need be together with its stacks; NULL: no memory. */
W2N_HIDDEN w2n_thread *w2n_thread_get(void);

W2N_HIDDEN uint32_t w2n_enter_wasm(w2n_instance *inst, const w2n_func *f, w2n_value *vals);
W2N_HIDDEN uint32_t w2n_host_entry(w2n_instance *inst, const w2n_func *f, w2n_value *vals);
/* Makes a thread the user of an instance and of all that its functions may call through imports. */
W2N_HIDDEN void w2n_adopt(w2n_instance *inst, uintptr_t host_limit);
/* Makes `to`, zeroed, an object for the same host function. */
W2N_HIDDEN void w2n_host_copy(w2n_host_object *to, const w2n_host_object *from);
/* Leaves to the innermost w2n_try or entry without touching the trace. */
W2N_HIDDEN W2N_NORETURN void w2n_raise(uint32_t kind);
/* A trap raised by a helper that `inst` called. */
W2N_HIDDEN W2N_NORETURN void w2n_trap_from(w2n_instance *inst, uint32_t kind);

/* Registers at the start of a walk. Only pc and sp count on x86_64. */
typedef struct w2n_regs {
  uintptr_t pc;
  uintptr_t sp;
  uintptr_t fp;
  uintptr_t lr;
} w2n_regs;
/* Records the stack of a trap in t->trace, from `regs`, or from exit_sp if regs is NULL (0: unknown). Safe in a signal
 * handler. */
W2N_HIDDEN void w2n_capture(w2n_thread *t, uint32_t kind, const w2n_regs *regs, uintptr_t exit_sp);
/* The exit_sp of the innermost call out to C that is still active, 0 if there is none. */
W2N_HIDDEN uintptr_t w2n_latest_exit(const w2n_thread *t, const w2n_instance *hint);

/* The row of the function or thunk that contains a code offset, NULL if none does. */
W2N_HIDDEN const w2n_code_row *w2n_code_at(const w2n_header *h, uint64_t code_offset);
/* Byte offset in the .wasm file for a code offset, W2N_NONE if unknown. */
W2N_HIDDEN uint32_t w2n_wasm_offset(const w2n_header *h, uint64_t code_offset);
/* Bytes of stack arguments that the callee pops at a call with this return address. */
W2N_HIDDEN uint32_t w2n_call_argument_bytes(const w2n_header *h, uint64_t return_offset);

/* ---- ranges of addresses that the signal handler knows ---- */

enum { W2N_RANGE_TEXT = 1, W2N_RANGE_MEMORY = 2 };
/* Adds a range, or one more user of the same range. `owner`: the module's record for texts. False: no memory. */
W2N_HIDDEN bool w2n_range_add(int kind, const void *start, uint64_t bytes, const void *owner);
W2N_HIDDEN void w2n_range_remove(int kind, const void *start);
/* Start of the range that contains `address`, or NULL; safe in a signal handler. */
W2N_HIDDEN const void *w2n_range_find(int kind, uintptr_t address, const void **owner);

/* ---- types ---- */

/* Interns a type key, `super` is a type id or 0. Returns its id, 0: no memory. */
W2N_HIDDEN uint32_t w2n_type_intern(const uint8_t *key, size_t bytes, uint32_t super);
W2N_HIDDEN bool w2n_type_is_subtype(uint32_t sub, uint32_t super);
/* Type code of a module -> type code of the process. */
W2N_HIDDEN uint32_t w2n_type_code(const uint32_t *type_ids, uint32_t code);
W2N_HIDDEN bool w2n_code_is_subtype(uint32_t sub, uint32_t super);

/* ---- tables of the module ---- */

static inline const void *w2n_at(const w2n_header *h, uint64_t offset) { return (const uint8_t *)h + offset; }
static inline uint64_t w2n_count(const w2n_header *h, int section) { return h->sections[section].count; }
#define W2N_ROWS(h, section, type) ((const type *)w2n_at((h), (h)->sections[section].offset))
static inline const w2n_type_row *w2n_types(const w2n_header *h) { return W2N_ROWS(h, W2N_S_TYPES, w2n_type_row); }
static inline const w2n_import_row *w2n_import_rows(const w2n_header *h) {
  return W2N_ROWS(h, W2N_S_IMPORTS, w2n_import_row);
}
static inline const w2n_function_row *w2n_functions(const w2n_header *h) {
  return W2N_ROWS(h, W2N_S_FUNCTIONS, w2n_function_row);
}
static inline const w2n_global_row *w2n_global_rows(const w2n_header *h) {
  return W2N_ROWS(h, W2N_S_GLOBALS, w2n_global_row);
}
static inline const w2n_memory_row *w2n_memory_rows(const w2n_header *h) {
  return W2N_ROWS(h, W2N_S_MEMORIES, w2n_memory_row);
}
static inline const w2n_table_row *w2n_table_rows(const w2n_header *h) {
  return W2N_ROWS(h, W2N_S_TABLES, w2n_table_row);
}
static inline const w2n_element_row *w2n_element_rows(const w2n_header *h) {
  return W2N_ROWS(h, W2N_S_ELEMENTS, w2n_element_row);
}
static inline const w2n_data_row *w2n_data_rows(const w2n_header *h) { return W2N_ROWS(h, W2N_S_DATA, w2n_data_row); }

static inline void *w2n_field(w2n_instance *inst, uint32_t offset) { return (uint8_t *)inst + offset; }
static inline w2n_memory *w2n_get_memory(w2n_instance *inst, uint32_t index) {
  const w2n_memory_row *row = &w2n_memory_rows(inst->header)[index];
  void *p = w2n_field(inst, row->instance_offset);
  return row->flags & W2N_MEM_IMPORTED ? *(w2n_memory **)p : (w2n_memory *)p;
}
static inline w2n_table *w2n_get_table(w2n_instance *inst, uint32_t index) {
  const w2n_table_row *row = &w2n_table_rows(inst->header)[index];
  void *p = w2n_field(inst, row->instance_offset);
  return row->flags & W2N_TABLE_IMPORTED ? *(w2n_table **)p : (w2n_table *)p;
}
static inline w2n_value *w2n_get_global(w2n_instance *inst, uint32_t index) {
  const w2n_global_row *row = &w2n_global_rows(inst->header)[index];
  void *p = w2n_field(inst, row->instance_offset);
  return row->flags & W2N_GLOBAL_IMPORTED ? *(w2n_value **)p : (w2n_value *)p;
}
/* The slot of a function; NULL if it has none. */
static inline w2n_func *w2n_slot(w2n_instance *inst, uint32_t function) {
  uint32_t offset = w2n_functions(inst->header)[function].slot_offset;
  return offset == W2N_NONE ? NULL : (w2n_func *)w2n_field(inst, offset);
}

/* Number of imported functions. */
static inline uint64_t w2n_function_imports(const w2n_header *h) {
  uint64_t n = 0;
  for (uint64_t i = 0; i < w2n_count(h, W2N_S_IMPORTS); i++) n += w2n_import_rows(h)[i].kind == W2N_FUNC;
  return n;
}

/* ---- memories and tables ---- */

/* pages << page_log2, saturating below "no maximum". */
W2N_HIDDEN uint64_t w2n_pages_to_bytes(uint64_t pages, uint32_t page_log2);
/* Whether the module has an image that may be moved. */
W2N_HIDDEN bool w2n_image_moves(const w2n_module *module);
/* Fills in a memory as `row` says; full: reserve for accesses without checks. The image of `module` (NULL: none) is
 * copied to its place, or moved there if `move` and it may. Returns a W2N_ link error. */
W2N_HIDDEN int w2n_memory_make(w2n_memory *m, const w2n_memory_row *row, bool full, const w2n_module *module, bool move);
W2N_HIDDEN void w2n_memory_unmake(w2n_memory *m);
W2N_HIDDEN bool w2n_memory_is_full(const w2n_memory *m);
/* Old size in pages, UINT64_MAX: no. */
W2N_HIDDEN uint64_t w2n_memory_extend(w2n_memory *m, uint64_t pages);

/* Elements that a table of this size and maximum gets room for. */
W2N_HIDDEN uint64_t w2n_table_capacity(uint64_t min, uint64_t max);
/* `room`: zeroed space for that many elements, NULL: to be allocated. */
W2N_HIDDEN bool w2n_table_make(w2n_table *t, uint32_t type, uint32_t flags, uint64_t min, uint64_t max, void **room);
W2N_HIDDEN void w2n_table_unmake(w2n_table *t);
W2N_HIDDEN uint64_t w2n_table_extend(w2n_table *t, uint64_t delta, void *init);

/* dst[0..n) from an element segment; bounds are the caller's. */
W2N_HIDDEN void w2n_element_items(w2n_instance *inst, const w2n_element_row *seg, uint64_t first, uint64_t n, void **dst);
W2N_HIDDEN w2n_value w2n_eval(w2n_instance *inst, uint32_t first, uint32_t count);

extern W2N_HIDDEN const w2n_helpers w2n_helper_table;

/* As w2n_instantiate; move_image: the module's image itself becomes memory 0 (once). */
W2N_HIDDEN int w2n_instantiate_with(const w2n_module *module, const w2n_imports *imports, bool move_image,
                                    w2n_instance **out);
W2N_HIDDEN int w2n_link_failure(int status, const char *what, const w2n_header *h, const w2n_import_row *import);

/* ---- pages from the system, zeroed; NULL: none ---- */

W2N_HIDDEN void *w2n_map(size_t bytes);
W2N_HIDDEN void *w2n_map_reserved(uint64_t bytes);
W2N_HIDDEN void w2n_unmap(void *p, uint64_t bytes);
W2N_HIDDEN bool w2n_make_writable(void *p, uint64_t bytes);

extern W2N_HIDDEN uint64_t w2n_max_memory_bytes;

/* ---- text output without stdio ---- */

typedef struct w2n_writer {
  int fd; /* -1: keep what fits */
  size_t used;
  size_t size;
  char *buffer;
} w2n_writer;
W2N_HIDDEN void w2n_put(w2n_writer *w, const char *text);
/* Bytes that are not printable ASCII are escaped; long names are cut. */
W2N_HIDDEN void w2n_put_name(w2n_writer *w, const char *name, size_t bytes);
W2N_HIDDEN void w2n_put_number(w2n_writer *w, uint64_t n, unsigned base);
W2N_HIDDEN void w2n_flush(w2n_writer *w);

#endif
