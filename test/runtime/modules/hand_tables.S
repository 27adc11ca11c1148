/* hand_tables.S: header, tables and record of the hand-made module; code_x86_64.S and code_aarch64.S include it behind
 * their code. One import (env.host: i32 -> i32; others by macros), memory 0 of 1 to 4 pages with an image, a table of 3, two globals. */
#define OFF(label) (label - header)
#define SLOTS 128             /* instance: slots of functions 0 to 9 */
#define MEMORY (SLOTS + 10 * 32)
#define TABLE (MEMORY + 64)
#define GLOBALS (TABLE + 64)
#define INSTANCE (GLOBALS + 32)

  .balign 8
types:
#define TYPE(key, bytes, params, results, codes)                                                                       \
  .long OFF(key), bytes, 0xffffffff, params, results, OFF(codes);                                                      \
  .quad OFF(call_thunk), OFF(host_thunk)
  TYPE(key0, 3, 0, 0, codes)
  TYPE(key1, 6, 2, 1, codes)
  TYPE(key2, 5, 1, 1, codes)
  TYPE(key3, 4, 1, 0, codes)
imports:
#if defined(IMPORT_SPECTEST)
  .long OFF(s_spectest), 8, OFF(s_print_i32), 9, 0, 0
#elif defined(IMPORT_LOAD)
  .long OFF(s_env), 3, OFF(s_load), 4, 0, 0
#else
  .long OFF(s_env), 3, OFF(s_host), 4, 0, 0
#endif
functions:
#define FUNCTION(label, type, index)                                                                                   \
  .quad OFF(label);                                                                                                    \
  .long type, SLOTS + index * 32
#ifdef C_IMPORT
  .quad OFF(c_thunk)
#else
  .quad 0
#endif
  .long IMPORT_TYPE, SLOTS
  FUNCTION(f_add, 1, 1)
  FUNCTION(f_unreachable, 0, 2)
  FUNCTION(f_load, 2, 3)
  FUNCTION(f_recurse, 2, 4)
  FUNCTION(f_call_host, 2, 5)
  FUNCTION(f_grow, 2, 6)
  FUNCTION(f_store, 1, 7)
  FUNCTION(f_start, 0, 8)
  FUNCTION(f_indirect, 2, 9)
functions_end:
exports:
#define EXPORT(name, bytes, kind, index) .long OFF(name), bytes, kind, index
  EXPORT(s_add, 3, 0, 1)
  EXPORT(s_unreachable, 11, 0, 2)
  EXPORT(s_load, 4, 0, 3)
  EXPORT(s_recurse, 7, 0, 4)
  EXPORT(s_call_host, 9, 0, 5)
  EXPORT(s_grow, 4, 0, 6)
  EXPORT(s_store, 5, 0, 7)
  EXPORT(s_indirect, 8, 0, 9)
  EXPORT(s_memory, 6, 2, 0)
  EXPORT(s_table, 5, 1, 0)
  EXPORT(s_global, 6, 3, 0)
  EXPORT(s_host, 4, 0, 0)
  EXPORT(s_start, 6, 0, START_FUNCTION)
exports_end:
globals:
  .long 0x7f, 2, GLOBALS, 0, 1 /* mutable i32 = 40 */
  .long 0x7f, 0, GLOBALS + 16, 1, 3 /* i32 = 40 * 3 */
memories:
  .quad 1, 4
  .long 0, MEMORY, 16, 0
tables:
  .quad 3, 20
  .long 0x70, 0, TABLE, 0, 0, 0
  .quad 0
elements:
  .long 0, 0, 4, 1, 0x70, 0 /* active at 1: add */
  .quad OFF(items), 1
data:
  .long 0, 0, 5, 1 /* active at 65534: 2 bytes */
  .quad OFF(bytes), 2
  .long 1, 0, 0, 0 /* passive */
  .quad OFF(bytes), 2
exprs:
#define OP(op, imm, lo) .long op, imm; .quad lo, 0
  OP(0, 0x7f, 40)
  OP(1, 0, 0)
  OP(0, 0x7f, 3)
  OP(6, 0, 0)
  OP(0, 0x7f, 1)
  OP(0, 0x7f, DATA_AT)
exprs_end:
index:
#define ROW(label, records, function, prologue)                                                                        \
  .quad OFF(label);                                                                                                    \
  .long label##_end - label, label##_frame, 0, records, function;                                                      \
  .short prologue, 0
  ROW(f_add, 1, 1, 0)
  ROW(f_unreachable, 1, 2, 0)
  ROW(f_load, 4, 3, 0)
  ROW(f_recurse, 1, 4, f_recurse_body - f_recurse)
  ROW(f_call_host, 1, 5, f_call_host_body - f_call_host)
  ROW(f_grow, 1, 6, f_grow_body - f_grow)
  ROW(f_store, 1, 7, 0)
  ROW(f_start, 1, 8, 0)
  ROW(f_indirect, 1, 9, f_indirect_body - f_indirect)
index_end:
stream:
  .byte 0                /* nothing */
  .byte 1, 0x11, 0       /* a trap at byte 0: wasm offset 0x11 */
  .byte 1, 0x20, 5, 2, 0 /* a trap at byte 0: 0x20; one at byte 1: 0x22 */
stream_end:
  .balign 8
names:
  .quad 0
#define NAME(name, bytes) .long OFF(name), bytes
  NAME(s_add, 3)
#ifdef START_TRAPS
  NAME(s_odd, 5)
#else
  NAME(s_unreachable, 11)
#endif
  NAME(s_load, 4)
  NAME(s_recurse, 7)
  NAME(s_call_host, 9)
  .quad 0
  .quad 0
  .quad 0
  NAME(s_indirect, 8)
config:
  .asciz "stack-size"
  .asciz "1048576"
config_end:
  .balign 8
items: .long 1
key0: .byte 0x60, 0, 0
key1: .byte 0x60, 2, 0x7f, 0x7f, 1, 0x7f
key2: .byte 0x60, 1, 0x7f, 1, 0x7f
key3: .byte 0x60, 1, 0x7f, 0
codes: .byte 0x7f, 0x7f, 0x7f
bytes: .byte 0xAB, 0xCD
s_env: .ascii "env"
s_host: .ascii "host"
s_add: .ascii "add"
s_unreachable: .ascii "unreachable"
s_load: .ascii "load"
s_recurse: .ascii "recurse"
s_call_host: .ascii "call_host"
s_grow: .ascii "grow"
s_store: .ascii "store"
s_indirect: .ascii "indirect"
s_memory: .ascii "memory"
s_table: .ascii "table"
s_global: .ascii "global"
s_start: .ascii "_start"
s_spectest: .ascii "spectest"
s_print_i32: .ascii "print_i32"
s_odd: .ascii "a\033[0m"
  .balign 8
text_end:

  .section w2n_image, "aw", %progbits
  .balign 65536
image:
  .ascii "image"
  .balign 65536

  .section .data.rel.ro, "aw", %progbits
  .balign 8
  .globl w2n_module_hand
w2n_module_hand:
  .quad header, image, 65536, CIMPORTS, module_name, 0
  .globl w2n_main_module
  .set w2n_main_module, w2n_module_hand
#ifdef C_IMPORT
cimports: .quad env__host
#endif
module_name: .asciz "hand"
  .section .note.GNU-stack, "", %progbits
