/* bulk.c: the helpers behind memory.* and table.* instructions. Bounds are checked before anything is written; the
 * offsets of 32-bit memories and tables arrive zero-extended. */
#include <string.h>
#include "w2n_stub.h"

static bool outside(uint64_t at, uint64_t n, uint64_t size) { return n > size || at > size - n; }
static bool is_dropped(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> (i % 64) & 1; }

static uint64_t size_of(const w2n_memory *m) { return __atomic_load_n(&m->bytes, __ATOMIC_SEQ_CST); }

static uint64_t memory_grow(w2n_instance *inst, uint64_t delta, uint32_t mem) {
  return w2n_memory_extend(w2n_get_memory(inst, mem), delta);
}

static void memory_copy(w2n_instance *inst, uint64_t dst, uint64_t src, uint64_t n, uint32_t dst_mem, uint32_t src_mem) {
  w2n_memory *d = w2n_get_memory(inst, dst_mem), *s = w2n_get_memory(inst, src_mem);
  if (outside(dst, n, size_of(d)) || outside(src, n, size_of(s))) w2n_trap_from(inst, W2N_TRAP_MEMORY_OUT_OF_BOUNDS);
  if (n > 0) memmove(d->base + dst, s->base + src, n);
}

static void memory_fill(w2n_instance *inst, uint64_t dst, uint32_t value, uint64_t n, uint32_t mem) {
  w2n_memory *m = w2n_get_memory(inst, mem);
  if (outside(dst, n, size_of(m))) w2n_trap_from(inst, W2N_TRAP_MEMORY_OUT_OF_BOUNDS);
  if (n > 0) memset(m->base + dst, (int)(value & 0xff), n);
}

static void memory_init(w2n_instance *inst, uint64_t dst, uint64_t src, uint64_t n, uint32_t mem, uint32_t seg) {
  w2n_memory *m = w2n_get_memory(inst, mem);
  const w2n_data_row *row = &w2n_data_rows(inst->header)[seg];
  uint64_t bytes = is_dropped(inst->dropped_data, seg) ? 0 : row->bytes;
  if (outside(dst, n, size_of(m)) || outside(src, n, bytes)) w2n_trap_from(inst, W2N_TRAP_MEMORY_OUT_OF_BOUNDS);
  if (n > 0) memcpy(m->base + dst, (const uint8_t *)w2n_at(inst->header, row->bytes_offset) + src, n);
}

static void data_drop(w2n_instance *inst, uint32_t seg) { inst->dropped_data[seg / 64] |= (uint64_t)1 << seg % 64; }

static uint64_t table_grow(w2n_instance *inst, void *init, uint64_t n, uint32_t table) {
  return w2n_table_extend(w2n_get_table(inst, table), n, init);
}

static void table_fill(w2n_instance *inst, uint64_t i, void *val, uint64_t n, uint32_t table) {
  w2n_table *t = w2n_get_table(inst, table);
  if (outside(i, n, t->size)) w2n_trap_from(inst, W2N_TRAP_TABLE_OUT_OF_BOUNDS);
  for (uint64_t k = 0; k < n; k++) t->elems[i + k] = val;
}

static void table_copy(w2n_instance *inst, uint64_t dst, uint64_t src, uint64_t n, uint32_t dst_table, uint32_t src_table) {
  w2n_table *d = w2n_get_table(inst, dst_table), *s = w2n_get_table(inst, src_table);
  if (outside(dst, n, d->size) || outside(src, n, s->size)) w2n_trap_from(inst, W2N_TRAP_TABLE_OUT_OF_BOUNDS);
  if (n > 0) memmove(d->elems + dst, s->elems + src, n * sizeof *d->elems);
}

static void table_init(w2n_instance *inst, uint64_t dst, uint64_t src, uint64_t n, uint32_t table, uint32_t seg) {
  w2n_table *t = w2n_get_table(inst, table);
  const w2n_element_row *row = &w2n_element_rows(inst->header)[seg];
  uint64_t count = is_dropped(inst->dropped_elem, seg) ? 0 : row->count;
  if (outside(dst, n, t->size) || outside(src, n, count)) w2n_trap_from(inst, W2N_TRAP_TABLE_OUT_OF_BOUNDS);
  if (n > 0) w2n_element_items(inst, row, src, n, t->elems + dst);
}

static void elem_drop(w2n_instance *inst, uint32_t seg) { inst->dropped_elem[seg / 64] |= (uint64_t)1 << seg % 64; }

static uint32_t is_subtype(w2n_instance *inst, uint32_t sub_id, uint32_t super_id) {
  (void)inst;
  return w2n_type_is_subtype(sub_id, super_id);
}

static void call_export(w2n_instance *inst, const w2n_func *f, w2n_value *vals) {
  (void)inst;
  uint32_t kind = w2n_call(f, vals);
  if (kind != 0) w2n_raise(kind);
}

static void trap(w2n_instance *inst, uint32_t kind) { w2n_trap_from(inst, kind); }

const w2n_helpers w2n_helper_table = {
    trap,        call_export, memory_grow,          memory_copy, memory_fill, memory_init, data_drop,
    table_grow,  table_fill,  table_copy,           table_init,  elem_drop,   is_subtype,
};
