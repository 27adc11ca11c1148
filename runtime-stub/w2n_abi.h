/* w2n_abi.h: the binary interface between compiled code and the stub, as C structures (docs/abi.md is its description,
 * src/abi/layout.ts the compiler's copy; test/abi/layout.test.ts compares them). Internal to the stub and test host.
 * All tables lie in w2n_text, little-endian, 8-byte aligned, and name places by their distance from the header. */
#ifndef W2N_ABI_H
#define W2N_ABI_H

#include "wasm2native.h"

#define W2N_MAGIC 0x314e3257u /* "W2N1" */
#define W2N_NONE 0xffffffffu
#define W2N_NO_MAX UINT64_MAX
#define W2N_PAGE 65536u

/* Header flags. */
enum {
  W2N_FLAG_CLOSED = 1,  /* No function reference crosses to or from the outside. */
  W2N_FLAG_CHECKED = 2, /* Memory 0 needs no reservation: every access is checked. */
  W2N_FLAG_GS = 4,
  W2N_FLAG_THREADS = 8,
  W2N_FLAG_PAGED_IMAGE = 16, /* The image is made of whole pages and may be moved. */
  W2N_FLAG_ISA_SHIFT = 8, /* 8 bits: W2N_ISA_* */
  W2N_FLAG_LEVEL_SHIFT = 16 /* 8 bits: x86_64: 1..4 = x86-64-v1..v4; aarch64: 0 = ARMv8.0, n = ARMv8.n */
};
enum { W2N_ISA_X86_64 = 0, W2N_ISA_AARCH64 = 1 };

typedef struct w2n_span {
  uint64_t offset; /* from the header */
  uint64_t count;
} w2n_span;

enum {
  W2N_S_TYPES,
  W2N_S_IMPORTS,
  W2N_S_FUNCTIONS,
  W2N_S_EXPORTS,
  W2N_S_GLOBALS,
  W2N_S_MEMORIES,
  W2N_S_TABLES,
  W2N_S_ELEMENTS,
  W2N_S_DATA,
  W2N_S_EXPRS,
  W2N_S_CODE_RECORDS, /* the stream of src/emit/tables.ts; count in bytes */
  W2N_S_CODE_INDEX,   /* the index of src/emit/tables.ts; count in bytes */
  W2N_S_NAMES,        /* w2n_string per function, count 0 or the number of functions */
  W2N_S_CONFIG,       /* count in bytes */
  W2N_SECTIONS
};

typedef struct w2n_header {
  uint32_t magic;
  uint32_t abi_version;
  uint32_t header_bytes;
  uint32_t flags;
  uint64_t text_bytes;
  uint32_t instance_bytes;
  uint32_t start; /* start function's index + 1; 0 none */
  uint64_t enter_offset;
  uint64_t unwind_offset;
  w2n_span sections[W2N_SECTIONS];
} w2n_header;

struct w2n_module {
  const w2n_header *header;
  uint8_t *image;
  uint64_t image_bytes;
  void *const *cimports; /* one per imported function, NULL if none; the array itself may be NULL */
  const char *name;
  uint64_t image_offset; /* where the image belongs in memory 0 */
};

typedef struct w2n_string {
  uint32_t offset;
  uint32_t bytes;
} w2n_string;

typedef struct w2n_type_row {
  uint32_t key_offset;
  uint32_t key_bytes;
  uint32_t super; /* local type index or W2N_NONE */
  uint32_t params;
  uint32_t results;
  uint32_t valtypes_offset; /* u8 codes, parameters then results */
  uint64_t call_thunk;      /* array -> wasm; 0 none */
  uint64_t host_thunk;      /* wasm -> array host function; 0 none */
} w2n_type_row;

typedef struct w2n_function_row {
  uint64_t code_offset; /* imports: the thunk to C, 0 if the module has none */
  uint32_t type;        /* local type index */
  uint32_t slot_offset; /* instance offset of its w2n_func, or W2N_NONE */
} w2n_function_row;

typedef struct w2n_export_row {
  w2n_string name;
  uint32_t kind;
  uint32_t index;
} w2n_export_row;

typedef struct w2n_import_row {
  w2n_string module;
  w2n_string field;
  uint32_t kind;
  uint32_t index; /* in the index space of its kind */
} w2n_import_row;

enum { W2N_MEM_IMPORTED = 1, W2N_MEM_64 = 2, W2N_MEM_SHARED = 4, W2N_MEM_CHECKED = 8 };
typedef struct w2n_memory_row {
  uint64_t min_pages;
  uint64_t max_pages;
  uint32_t flags;
  uint32_t instance_offset; /* of a w2n_memory, or of a pointer to one if imported */
  uint32_t page_log2;
  uint32_t reserved;
} w2n_memory_row;

enum { W2N_TABLE_IMPORTED = 1, W2N_TABLE_64 = 2, W2N_TABLE_CLOSED = 4 };
typedef struct w2n_table_row {
  uint64_t min;
  uint64_t max;
  uint32_t type; /* type code of the elements */
  uint32_t flags;
  uint32_t instance_offset; /* of a w2n_table, or of a pointer to one if imported */
  uint32_t init_first;
  uint32_t init_count; /* 0: null */
  uint32_t reserved;
  uint64_t closed_image_offset;
} w2n_table_row;

enum { W2N_GLOBAL_IMPORTED = 1, W2N_GLOBAL_MUTABLE = 2 };
typedef struct w2n_global_row {
  uint32_t type;
  uint32_t flags;
  uint32_t instance_offset; /* of a 16-byte value, or of a pointer to one if imported */
  uint32_t expr_first;
  uint32_t expr_count;
} w2n_global_row;

enum { W2N_SEG_ACTIVE = 0, W2N_SEG_PASSIVE = 1, W2N_SEG_DECLARED = 2 };
enum { W2N_ITEMS_FUNCTIONS = 0, W2N_ITEMS_EXPRS = 1 };
typedef struct w2n_element_row {
  uint32_t mode;
  uint32_t table;
  uint32_t offset_first;
  uint32_t offset_count;
  uint32_t type;
  uint32_t kind;         /* W2N_ITEMS_* */
  uint64_t items_offset; /* u32 function indices, or {u32 first, u32 count} expressions */
  uint64_t count;
} w2n_element_row;

typedef struct w2n_data_row {
  uint32_t mode;
  uint32_t memory;
  uint32_t expr_first;
  uint32_t expr_count;
  uint64_t bytes_offset;
  uint64_t bytes;
} w2n_data_row;

enum {
  W2N_X_CONST, /* imm: type code; lo, hi: the bits */
  W2N_X_GLOBAL_GET,
  W2N_X_REF_FUNC,
  W2N_X_REF_NULL,
  W2N_X_I32_ADD,
  W2N_X_I32_SUB,
  W2N_X_I32_MUL,
  W2N_X_I64_ADD,
  W2N_X_I64_SUB,
  W2N_X_I64_MUL,
  W2N_X_OPS
};
typedef struct w2n_expr_op {
  uint32_t op;
  uint32_t imm; /* index for global.get and ref.func */
  uint64_t lo;
  uint64_t hi;
} w2n_expr_op;

/* A row of W2N_S_CODE_INDEX: src/emit/tables.ts describes it and the records in the stream W2N_S_CODE_RECORDS. */
typedef struct w2n_code_row {
  uint64_t offset;
  uint32_t bytes;
  uint32_t frame_bytes; /* from sp in the body to the return address (x86_64) or the frame's end (aarch64) */
  uint32_t saved_mask;
  uint32_t records;  /* offset into the stream */
  uint32_t function; /* W2N_NONE: a thunk */
  uint16_t prologue_bytes;
  uint16_t stack_arg_bytes;
} w2n_code_row;

/* ---- Objects that compiled code reads ---- */

struct w2n_memory {
  uint8_t *base;
  uint64_t bytes;
  uint64_t max_bytes; /* the declared maximum, UINT64_MAX for none */
  uint64_t reserved_bytes; /* bytes from base that it may grow into */
  uint32_t flags;     /* W2N_MEM_* of its type */
  uint32_t page_log2;
  void *mapping; /* what the stub reserved */
  uint64_t mapping_bytes;
  uint64_t stub_private;
};

struct w2n_table {
  void **elems;
  uint64_t size;
  uint64_t max;
  uint32_t type; /* process-wide type code */
  uint32_t flags;
  uint64_t capacity;
  uint64_t stub_private[3];
};

/* The call sequence numbers of the helper table. */
enum {
  W2N_H_TRAP,
  W2N_H_CALL_EXPORT,
  W2N_H_MEMORY_GROW,
  W2N_H_MEMORY_COPY,
  W2N_H_MEMORY_FILL,
  W2N_H_MEMORY_INIT,
  W2N_H_DATA_DROP,
  W2N_H_TABLE_GROW,
  W2N_H_TABLE_FILL,
  W2N_H_TABLE_COPY,
  W2N_H_TABLE_INIT,
  W2N_H_ELEM_DROP,
  W2N_H_IS_SUBTYPE,
  W2N_HELPERS
};

typedef struct w2n_helpers {
  void (*trap)(w2n_instance *, uint32_t kind);
  void (*call_export)(w2n_instance *, const w2n_func *, w2n_value *);
  uint64_t (*memory_grow)(w2n_instance *, uint64_t delta, uint32_t mem);
  void (*memory_copy)(w2n_instance *, uint64_t dst, uint64_t src, uint64_t n, uint32_t dst_mem, uint32_t src_mem);
  void (*memory_fill)(w2n_instance *, uint64_t dst, uint32_t value, uint64_t n, uint32_t mem);
  void (*memory_init)(w2n_instance *, uint64_t dst, uint64_t src, uint64_t n, uint32_t mem, uint32_t seg);
  void (*data_drop)(w2n_instance *, uint32_t seg);
  uint64_t (*table_grow)(w2n_instance *, void *init, uint64_t n, uint32_t table);
  void (*table_fill)(w2n_instance *, uint64_t i, void *val, uint64_t n, uint32_t table);
  void (*table_copy)(w2n_instance *, uint64_t dst, uint64_t src, uint64_t n, uint32_t dst_table, uint32_t src_table);
  void (*table_init)(w2n_instance *, uint64_t dst, uint64_t src, uint64_t n, uint32_t table, uint32_t seg);
  void (*elem_drop)(w2n_instance *, uint32_t seg);
  uint32_t (*is_subtype)(w2n_instance *, uint32_t sub_id, uint32_t super_id);
} w2n_helpers;

/* One call from C into wasm; a chain through `prev` for each thread. */
typedef struct w2n_entry w2n_entry;
typedef struct w2n_host_object w2n_host_object;

struct w2n_instance {
  uint8_t *memory0;
  const w2n_header *header; /* NULL: a host function's object */
  uintptr_t host_limit;     /* the stack pointer may not be below this when C is called */
  w2n_entry *entry;
  const uint32_t *type_ids;
  const w2n_helpers *helpers;
  const w2n_module *module;
  uintptr_t exit_sp; /* see docs/abi.md, "Calls out to C" */
  void *user;
  /* From here to 128: the stub's own. */
  uint64_t *dropped_data; /* one bit a segment */
  uint64_t *dropped_elem;
  void *block; /* the instance's allocation */
  uint64_t block_bytes;
  w2n_host_object *hosts; /* one a function import: objects of the instance's own for host functions */
  w2n_instance **linked;  /* all other instances that its functions may call through imports */
  uint64_t linked_count;
};

/* What the host thunk finds behind the head of a host function's object. */
struct w2n_host_object {
  w2n_instance head;
  uint32_t (*fn)(void *env, w2n_value *args_then_results);
  void *env;
  w2n_host_fn user_fn;
  void *user_env;
  w2n_func func;
};

/* Entry points in w2n_text. */
typedef uint32_t (*w2n_enter_fn)(w2n_instance *inst, const w2n_func *f, w2n_value *vals, const void *call_thunk,
                                 void *stack_top, uintptr_t *entry_sp);
typedef void (*w2n_unwind_fn)(uintptr_t entry_sp, uint32_t kind);

#define W2N_AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define W2N_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
W2N_SIZE(w2n_value, 16);
W2N_AT(w2n_func, code, 0);
W2N_AT(w2n_func, type_id, 8);
W2N_AT(w2n_func, instance, 16);
W2N_AT(w2n_func, array_entry, 24);
W2N_SIZE(w2n_func, 32);
W2N_AT(w2n_header, flags, 12);
W2N_AT(w2n_header, text_bytes, 16);
W2N_AT(w2n_header, instance_bytes, 24);
W2N_AT(w2n_header, start, 28);
W2N_AT(w2n_header, enter_offset, 32);
W2N_AT(w2n_header, unwind_offset, 40);
W2N_AT(w2n_header, sections, 48);
W2N_SIZE(w2n_header, 272);
W2N_AT(struct w2n_module, image, 8);
W2N_AT(struct w2n_module, image_bytes, 16);
W2N_AT(struct w2n_module, cimports, 24);
W2N_AT(struct w2n_module, name, 32);
W2N_AT(struct w2n_module, image_offset, 40);
W2N_SIZE(struct w2n_module, 48);
W2N_SIZE(w2n_type_row, 40);
W2N_AT(w2n_type_row, call_thunk, 24);
W2N_AT(w2n_type_row, host_thunk, 32);
W2N_SIZE(w2n_function_row, 16);
W2N_AT(w2n_function_row, type, 8);
W2N_AT(w2n_code_row, prologue_bytes, 28);
W2N_SIZE(w2n_code_row, 32);
W2N_SIZE(w2n_export_row, 16);
W2N_SIZE(w2n_import_row, 24);
W2N_SIZE(w2n_memory_row, 32);
W2N_AT(w2n_memory_row, page_log2, 24);
W2N_SIZE(w2n_table_row, 48);
W2N_AT(w2n_table_row, closed_image_offset, 40);
W2N_SIZE(w2n_global_row, 20);
W2N_SIZE(w2n_element_row, 40);
W2N_AT(w2n_element_row, items_offset, 24);
W2N_SIZE(w2n_data_row, 32);
W2N_AT(w2n_data_row, bytes_offset, 16);
W2N_SIZE(w2n_expr_op, 24);
W2N_AT(w2n_memory, bytes, 8);
W2N_AT(w2n_memory, max_bytes, 16);
W2N_AT(w2n_memory, reserved_bytes, 24);
W2N_AT(w2n_memory, flags, 32);
W2N_AT(w2n_memory, page_log2, 36);
W2N_SIZE(w2n_memory, 64);
W2N_AT(w2n_table, size, 8);
W2N_AT(w2n_table, max, 16);
W2N_AT(w2n_table, type, 24);
W2N_AT(w2n_table, flags, 28);
W2N_SIZE(w2n_table, 64);
W2N_SIZE(w2n_helpers, 8 * W2N_HELPERS);
W2N_AT(w2n_instance, memory0, 0);
W2N_AT(w2n_instance, header, 8);
W2N_AT(w2n_instance, host_limit, 16);
W2N_AT(w2n_instance, entry, 24);
W2N_AT(w2n_instance, type_ids, 32);
W2N_AT(w2n_instance, helpers, 40);
W2N_AT(w2n_instance, module, 48);
W2N_AT(w2n_instance, exit_sp, 56);
W2N_AT(w2n_instance, user, 64);
W2N_SIZE(w2n_instance, 128);
W2N_AT(w2n_host_object, fn, 128);
W2N_AT(w2n_host_object, env, 136);

#endif
