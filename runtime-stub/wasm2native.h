/* wasm2native.h: what C code sees of a compiled WebAssembly module.
 *
 * Three kinds of C code use it: functions that a module imports, programs that embed a module, and the headers that
 * `wasm2native --emit header` writes. docs/abi.md describes names, values and calls.
 *
 * Errors: functions that can fail return 0 for success, or a trap kind (w2n_call and its kin) or a link error
 * (w2n_instantiate); w2n_error_string() and w2n_link_error() put them into words.
 * Threads: an instance, and everything linked to it, is used by one thread at a time. */
#ifndef WASM2NATIVE_H
#define WASM2NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define W2N_ABI_VERSION 2

#define W2N_ALIGNED __attribute__((aligned(16)))
#define W2N_NORETURN __attribute__((noreturn))

typedef struct w2n_module w2n_module;     /* A compiled module: `extern const w2n_module w2n_module_MOD;` */
typedef struct w2n_instance w2n_instance; /* An instance of a module. */
typedef struct w2n_memory w2n_memory;
typedef struct w2n_table w2n_table;
typedef struct w2n_func w2n_func;

typedef struct w2n_v128 {
  uint8_t bytes[16];
} w2n_v128;

/* One argument or result of an array call. A 32-bit value lies in the low four bytes; the rest is ignored when read
 * by compiled code and written as zero by it. */
typedef union W2N_ALIGNED w2n_value {
  int32_t i32;
  int64_t i64;
  uint32_t u32;
  uint64_t u64;
  float f32;
  double f64;
  w2n_v128 v128;
  const w2n_func *funcref;
  void *externref;
  uint64_t lanes[2];
} w2n_value;

/* An array call: arguments in vals[0..], results left in vals[0..]; `vals` holds the greater of both counts.
 * Returns 0 or a trap kind. */
typedef uint32_t (*w2n_array_entry)(w2n_instance *inst, const w2n_func *f, w2n_value *vals);

/* A function reference points to one of these; the null reference is NULL. Layout: docs/abi.md. */
struct w2n_func {
  const void *code;
  uint32_t type_id;
  uint32_t local_type;
  w2n_instance *instance;
  w2n_array_entry array_entry;
};

enum {
  W2N_TRAP_NONE = 0,
  W2N_TRAP_UNREACHABLE = 1,
  W2N_TRAP_MEMORY_OUT_OF_BOUNDS = 2,
  W2N_TRAP_TABLE_OUT_OF_BOUNDS = 3,
  W2N_TRAP_UNINITIALIZED_ELEMENT = 4,
  W2N_TRAP_INDIRECT_CALL_TYPE = 5,
  W2N_TRAP_INTEGER_OVERFLOW = 6,
  W2N_TRAP_INTEGER_DIVIDE_BY_ZERO = 7,
  W2N_TRAP_INVALID_CONVERSION = 8,
  W2N_TRAP_STACK_EXHAUSTED = 9,
  W2N_TRAP_NULL_REFERENCE = 10,
  W2N_TRAP_UNCAUGHT_EXCEPTION = 11,
  W2N_TRAP_HOST = 12,
  W2N_TRAP_OUT_OF_MEMORY = 13,
  W2N_TRAP_EXIT = 14, /* Not an error: w2n_exit() was called; w2n_exit_code() has its argument. */
  W2N_TRAP_UNDEFINED_ELEMENT = 15, /* call_indirect beyond the end of the table. */
  W2N_TRAP_KINDS
};

/* What w2n_instantiate returns. W2N_TRAPPED: linking went well, but a segment was out of bounds or the start function
 * trapped; w2n_last_trap() has the kind. */
enum {
  W2N_OK = 0,
  W2N_UNKNOWN_IMPORT = 1,
  W2N_INCOMPATIBLE_IMPORT = 2,
  W2N_TRAPPED = 3,
  W2N_NO_RESERVATION = 4, /* The address space for memory 0 is not to be had. */
  W2N_NO_MEMORY = 5,
  W2N_BAD_MODULE = 6 /* Other ABI version, other instruction set, or its image has been moved away. */
};

enum { W2N_FUNC = 0, W2N_TABLE = 1, W2N_MEMORY = 2, W2N_GLOBAL = 3, W2N_TAG = 4 };

/* Value types, as in the binary format. References other than these two: docs/abi.md, "Type codes". */
enum {
  W2N_I32 = 0x7f,
  W2N_I64 = 0x7e,
  W2N_F32 = 0x7d,
  W2N_F64 = 0x7c,
  W2N_V128 = 0x7b,
  W2N_FUNCREF = 0x70,
  W2N_EXTERNREF = 0x6f
};

typedef struct w2n_global {
  w2n_value *value; /* Where the value lies; an i32 in its low four bytes, the rest zero. */
  uint32_t type;    /* Type code, process-wide (docs/abi.md). */
  uint32_t mutability; /* 0 constant, 1 variable */
} w2n_global;

/* Something that a module imports or exports. */
typedef struct w2n_extern {
  uint32_t kind; /* W2N_FUNC ... */
  union {
    const w2n_func *func;
    w2n_table *table;
    w2n_memory *memory;
    w2n_global global;
  } of;
} w2n_extern;

typedef struct w2n_import {
  const char *module;
  const char *name;
  w2n_extern value;
} w2n_import;

/* Where imports come from: first `list`, then `resolve` (may be NULL; returns whether it found one; names are not
 * NUL-terminated and may hold any byte), then, for functions, the C functions the module was linked with. */
typedef struct w2n_imports {
  const w2n_import *list;
  size_t count;
  bool (*resolve)(void *env, const char *module, size_t module_bytes, const char *name, size_t name_bytes,
                  w2n_extern *out);
  void *env;
} w2n_imports;

/* ---- Instances ---- */

/* Makes an instance and runs the module's start function. `imports` may be NULL. *out is NULL after an error, except
 * after W2N_TRAPPED: then it is the instance, as others may refer to it by now; it is to be freed like any other. */
int w2n_instantiate(const w2n_module *module, const w2n_imports *imports, w2n_instance **out);

/* Frees an instance and the memories and tables that it defined. Nothing that was imported from it may be used
 * afterwards. NULL is ignored. */
void w2n_free(w2n_instance *inst);

/* Finds an export by name (`name_bytes` bytes, any content). */
bool w2n_export(w2n_instance *inst, const char *name, size_t name_bytes, w2n_extern *out);
/* The exported function `name` (NUL-terminated), or NULL. */
const w2n_func *w2n_export_func(w2n_instance *inst, const char *name);

/* A pointer of the embedder's own, NULL at first. */
void *w2n_user_data(const w2n_instance *inst);
void w2n_set_user_data(w2n_instance *inst, void *data);

/* Memory 0 of the instance for host functions: base, and its present size in *bytes (0 and NULL if it has none). The
 * base never changes; the size does, by memory.grow. */
uint8_t *w2n_memory0(w2n_instance *inst, uint64_t *bytes);

/* ---- Calls and traps ---- */

/* Array call of any function reference. Returns 0 or a trap kind; after a trap `vals` is undefined. */
uint32_t w2n_call(const w2n_func *f, w2n_value *vals);

/* Runs fn(arg); a trap inside, raised by a typed export (w2n_MOD__f) or w2n_trap, comes back as the trap kind; 0 if fn
 * returned. Nests. C frames between are left without unwinding. */
uint32_t w2n_try(void (*fn)(void *arg), void *arg);

/* Raises a trap from a host function: never returns. Outside of any call and w2n_try: reports and aborts. */
W2N_NORETURN void w2n_trap(uint32_t kind);

/* Ends the program as proc_exit does: leaves all wasm frames with W2N_TRAP_EXIT. */
W2N_NORETURN void w2n_exit(w2n_instance *inst, uint32_t code);
uint32_t w2n_exit_code(void);

/* The last trap of this thread: its kind, and its report (kind, wasm functions and offsets of the stack) to a file
 * descriptor. */
uint32_t w2n_last_trap(void);
void w2n_report(int fd);

/* The name of a trap kind, as the specification's tests have it. */
const char *w2n_error_string(uint32_t trap_kind);
/* Words for the last failed w2n_instantiate of this thread, with the import's names; never NULL. */
const char *w2n_link_error(void);

/* Bytes of the stack that wasm code runs on, for threads that have not run any yet (default 8 MiB). */
void w2n_set_stack_size(size_t bytes);
/* Upper limit in bytes of each memory made from now on (default: none but the module's). */
void w2n_set_max_memory(uint64_t bytes);
/* Upper limit of the elements of each table made or grown from now on (default: the implementation's, 10 million). A table
 * that never changes is read in place and is not counted. */
void w2n_set_max_table_elements(uint64_t elements);
/* Installs the signal handlers again, after other code replaced them. */
int w2n_install_handlers(void);

/* ---- Host functions, memories, tables, globals ---- */

/* A host function: returns 0 or a trap kind. */
typedef uint32_t (*w2n_host_fn)(void *env, w2n_value *args_then_results);

/* Makes a host function whose type is the one of `module`'s function import number `import` (its thunk is in that
 * module's code). NULL if memory is short. Freed by w2n_func_free. */
w2n_func *w2n_func_new(const w2n_module *module, uint32_t import, w2n_host_fn fn, void *env);
/* Makes a host function from its signature, usable with each module: params and results are strings of 'i' i32, 'I'
 * i64, 'f' f32, 'd' f64, 'v' v128, 'r' funcref, 'e' externref. Its code address is found when a module imports it. */
w2n_func *w2n_func_new_sig(const char *params, const char *results, w2n_host_fn fn, void *env);
void w2n_func_free(w2n_func *f);

/* max: ~0 for none. Sizes in pages of 64 KiB. NULL if memory or address space is short. */
w2n_memory *w2n_memory_new(uint64_t min, uint64_t max);
void w2n_memory_free(w2n_memory *m);
uint8_t *w2n_memory_data(const w2n_memory *m);
uint64_t w2n_memory_size(const w2n_memory *m);           /* in bytes */
int64_t w2n_memory_grow(w2n_memory *m, uint64_t pages);  /* old size in pages, or -1 */

/* type: W2N_FUNCREF or W2N_EXTERNREF. max: ~0 for none. Sizes in elements. */
w2n_table *w2n_table_new(uint32_t type, uint64_t min, uint64_t max, void *init);
void w2n_table_free(w2n_table *t);
uint64_t w2n_table_size(const w2n_table *t);
int64_t w2n_table_grow(w2n_table *t, uint64_t delta, void *init); /* old size, or -1 */
bool w2n_table_get(const w2n_table *t, uint64_t index, void **out); /* false: out of bounds */
bool w2n_table_set(w2n_table *t, uint64_t index, void *ref);

/* Allocates the value; freed by w2n_global_free. Returns whether there was memory. */
bool w2n_global_new(uint32_t type, bool is_mutable, const w2n_value *init, w2n_global *out);
void w2n_global_free(w2n_global *g);

#ifdef __cplusplus
}
#endif
#endif
