/* instantiate.c: makes instances (specification, "Instantiation"): link, allocate, initialise globals and tables, run
 * active segments in order, run the start function. One mapping holds the instance, its type ids, the bits of dropped
 * segments, and the elements of small tables. */
#include <stdlib.h>
#include <string.h>
#include "w2n_link.h"
#include "w2n_stub.h"

enum { SMALL_TABLE = 1024 }; /* elements */

typedef struct layout {
  uint64_t type_ids, dropped_data, dropped_elem, hosts, elems, bytes;
} layout;

static uint64_t align(uint64_t n, uint64_t to) { return (n + to - 1) & ~(to - 1); }

static bool is_small(const w2n_table_row *row) {
  return !(row->flags & (W2N_TABLE_IMPORTED | W2N_TABLE_CLOSED)) && w2n_table_capacity(row->min, row->max) <= SMALL_TABLE;
}

static layout plan(const w2n_header *h) {
  layout l;
  l.type_ids = align(h->instance_bytes, 8);
  l.dropped_data = align(l.type_ids + 4 * w2n_count(h, W2N_S_TYPES), 8);
  l.dropped_elem = l.dropped_data + 8 * (w2n_count(h, W2N_S_DATA) / 64 + 1);
  l.hosts = align(l.dropped_elem + 8 * (w2n_count(h, W2N_S_ELEMENTS) / 64 + 1), 64);
  l.elems = l.hosts + w2n_function_imports(h) * sizeof(w2n_host_object);
  l.bytes = l.elems;
  const w2n_table_row *tables = w2n_table_rows(h);
  for (uint64_t i = 0; i < w2n_count(h, W2N_S_TABLES); i++)
    if (is_small(&tables[i])) l.bytes += 8 * w2n_table_capacity(tables[i].min, tables[i].max);
  return l;
}

static bool make_types(const w2n_header *h, uint32_t *ids) {
  const w2n_type_row *rows = w2n_types(h);
  for (uint64_t i = 0; i < w2n_count(h, W2N_S_TYPES); i++) {
    uint32_t super = rows[i].super == W2N_NONE ? 0 : ids[rows[i].super];
    ids[i] = w2n_type_intern(w2n_at(h, rows[i].key_offset), rows[i].key_bytes, super);
    if (ids[i] == 0) return false;
  }
  return true;
}

static void make_slots(w2n_instance *inst) {
  const w2n_header *h = inst->header;
  const w2n_function_row *rows = w2n_functions(h);
  for (uint64_t i = w2n_function_imports(h); i < w2n_count(h, W2N_S_FUNCTIONS); i++) {
    if (rows[i].slot_offset == W2N_NONE) continue;
    const void *code = w2n_at(h, rows[i].code_offset);
    *w2n_slot(inst, (uint32_t)i) = (w2n_func){code, inst->type_ids[rows[i].type], rows[i].type, inst, w2n_enter_wasm};
  }
}

static int make_memories(w2n_instance *inst, bool move_image) {
  const w2n_header *h = inst->header;
  const w2n_memory_row *rows = w2n_memory_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_MEMORIES); i++) {
    w2n_memory *m = w2n_get_memory(inst, i);
    if (!(rows[i].flags & W2N_MEM_IMPORTED)) {
      bool full = !(rows[i].flags & (W2N_MEM_CHECKED | W2N_MEM_64)) && !(h->flags & W2N_FLAG_CHECKED) &&
                  rows[i].page_log2 == 16;
      int status = w2n_memory_make(m, &rows[i], full, i == 0 ? inst->module : NULL, move_image);
      if (status != W2N_OK) {
        const char *why = status == W2N_NO_RESERVATION ? "cannot reserve the address space of memory 0" : "out of memory";
        return w2n_link_failure(status, why, h, NULL);
      }
    }
    if (i == 0) inst->memory0 = m->base;
  }
  return W2N_OK;
}

static int make_tables(w2n_instance *inst, const layout *l) {
  const w2n_header *h = inst->header;
  const w2n_table_row *rows = w2n_table_rows(h);
  void **room = (void **)((uint8_t *)inst + l->elems);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_TABLES); i++) {
    const w2n_table_row *row = &rows[i];
    w2n_table *t = w2n_get_table(inst, i);
    if (row->flags & W2N_TABLE_IMPORTED) continue;
    if (row->flags & W2N_TABLE_CLOSED) {
      void **image = (void **)(uintptr_t)w2n_at(h, row->closed_image_offset);
      *t = (w2n_table){.elems = image, .size = row->min, .max = row->min, .type = row->type, .flags = W2N_TABLE_CLOSED};
      continue;
    }
    uint32_t type = w2n_type_code(inst->type_ids, row->type);
    bool small = is_small(row);
    if (!w2n_table_make(t, type, row->flags, row->min, row->max, small ? room : NULL))
      return w2n_link_failure(W2N_NO_MEMORY, "out of memory", h, NULL);
    if (small) room += t->capacity;
  }
  return W2N_OK;
}

static void init_globals_and_tables(w2n_instance *inst) {
  const w2n_header *h = inst->header;
  const w2n_global_row *globals = w2n_global_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_GLOBALS); i++)
    if (!(globals[i].flags & W2N_GLOBAL_IMPORTED))
      *w2n_get_global(inst, i) = w2n_eval(inst, globals[i].expr_first, globals[i].expr_count);
  const w2n_table_row *tables = w2n_table_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_TABLES); i++) {
    if (tables[i].flags & (W2N_TABLE_IMPORTED | W2N_TABLE_CLOSED) || tables[i].init_count == 0) continue;
    w2n_value v = w2n_eval(inst, tables[i].init_first, tables[i].init_count);
    w2n_table *t = w2n_get_table(inst, i);
    for (uint64_t k = 0; v.externref && k < t->size; k++) t->elems[k] = v.externref;
  }
}

void w2n_element_items(w2n_instance *inst, const w2n_element_row *seg, uint64_t first, uint64_t n, void **dst) {
  const uint32_t *items = w2n_at(inst->header, seg->items_offset);
  for (uint64_t i = first; i < first + n; i++) {
    if (seg->kind == W2N_ITEMS_FUNCTIONS) *dst++ = w2n_slot(inst, items[i]);
    else *dst++ = w2n_eval(inst, items[2 * i], items[2 * i + 1]).externref;
  }
}

/* Runs the active segments; returns 0 or a trap kind. */
static uint32_t run_segments(w2n_instance *inst) {
  const w2n_header *h = inst->header;
  const w2n_element_row *elements = w2n_element_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_ELEMENTS); i++) {
    const w2n_element_row *seg = &elements[i];
    if (seg->mode == W2N_SEG_PASSIVE) continue;
    inst->dropped_elem[i / 64] |= (uint64_t)1 << i % 64;
    if (seg->mode != W2N_SEG_ACTIVE) continue;
    w2n_table *t = w2n_get_table(inst, seg->table);
    uint64_t at = w2n_eval(inst, seg->offset_first, seg->offset_count).u64;
    if (seg->count > t->size || at > t->size - seg->count) return W2N_TRAP_TABLE_OUT_OF_BOUNDS;
    w2n_element_items(inst, seg, 0, seg->count, t->elems + at);
  }
  const w2n_data_row *data = w2n_data_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_DATA); i++) {
    const w2n_data_row *seg = &data[i];
    if (seg->mode != W2N_SEG_ACTIVE) continue;
    inst->dropped_data[i / 64] |= (uint64_t)1 << i % 64;
    w2n_memory *m = w2n_get_memory(inst, seg->memory);
    uint64_t at = w2n_eval(inst, seg->expr_first, seg->expr_count).u64, size = w2n_memory_size(m);
    if (seg->bytes > size || at > size - seg->bytes) return W2N_TRAP_MEMORY_OUT_OF_BOUNDS;
    if (seg->bytes > 0) memcpy(m->base + at, w2n_at(h, seg->bytes_offset), seg->bytes);
  }
  return 0;
}

static uint32_t run_start(w2n_instance *inst) {
  const w2n_header *h = inst->header;
  if (h->start == 0) return 0;
  const w2n_function_row *row = &w2n_functions(h)[h->start - 1];
  w2n_func *slot = w2n_slot(inst, h->start - 1);
  w2n_func own = {w2n_at(h, row->code_offset), inst->type_ids[row->type], row->type, inst, w2n_enter_wasm};
  w2n_value none = {.lanes = {0, 0}};
  return w2n_call(slot ? slot : &own, &none);
}

static const w2n_module *moved; /* The module whose image has become a memory. */

static bool is_usable(const w2n_module *module) {
  const w2n_header *h = module->header;
  return h->magic == W2N_MAGIC && h->abi_version == W2N_ABI_VERSION && h->header_bytes == sizeof *h &&
         (h->flags >> W2N_FLAG_ISA_SHIFT & 0xff) == W2N_THIS_ISA &&
         h->instance_bytes >= sizeof(w2n_instance) && __atomic_load_n(&moved, __ATOMIC_ACQUIRE) != module;
}

int w2n_instantiate_with(const w2n_module *module, const w2n_imports *imports, bool move_image, w2n_instance **out) {
  *out = NULL;
  w2n_thread *t = w2n_thread_get();
  if (!t) return W2N_NO_MEMORY;
  if (!is_usable(module))
    return w2n_link_failure(W2N_BAD_MODULE, "the module is for another version or instruction set, or in use", NULL, NULL);
  const w2n_header *h = module->header;
  layout l = plan(h);
  w2n_instance *inst = w2n_map(l.bytes);
  if (!inst || !w2n_range_add(W2N_RANGE_TEXT, h, h->text_bytes, module)) {
    w2n_unmap(inst, l.bytes);
    return w2n_link_failure(W2N_NO_MEMORY, "out of memory", NULL, NULL);
  }
  uint32_t *ids = (uint32_t *)((uint8_t *)inst + l.type_ids);
  inst->header = h;
  inst->module = module;
  inst->helpers = &w2n_helper_table;
  inst->type_ids = ids;
  inst->dropped_data = (uint64_t *)((uint8_t *)inst + l.dropped_data);
  inst->dropped_elem = (uint64_t *)((uint8_t *)inst + l.dropped_elem);
  inst->hosts = (w2n_host_object *)((uint8_t *)inst + l.hosts);
  inst->block_bytes = l.bytes;
  int status = make_types(h, ids) ? W2N_OK : w2n_link_failure(W2N_NO_MEMORY, "out of memory", NULL, NULL);
  if (status == W2N_OK) status = w2n_link(inst, imports);
  if (status == W2N_OK) status = make_memories(inst, move_image);
  if (status == W2N_OK) status = make_tables(inst, &l);
  if (status != W2N_OK) {
    w2n_free(inst);
    return status;
  }
  if (move_image && w2n_image_moves(module)) __atomic_store_n(&moved, module, __ATOMIC_RELEASE);
  make_slots(inst);
  w2n_adopt(inst, t->host_limit);
  init_globals_and_tables(inst);
  *out = inst;
  uint32_t kind = run_segments(inst);
  if (kind != 0) {
    t->trace.kind = kind;
    t->trace.count = 0;
  } else {
    kind = run_start(inst);
  }
  if (kind == 0) return W2N_OK;
  return w2n_link_failure(W2N_TRAPPED, w2n_error_string(kind), NULL, NULL);
}

int w2n_instantiate(const w2n_module *module, const w2n_imports *imports, w2n_instance **out) {
  return w2n_instantiate_with(module, imports, false, out);
}

void w2n_free(w2n_instance *inst) {
  if (!inst) return;
  const w2n_header *h = inst->header;
  const w2n_memory_row *memories = w2n_memory_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_MEMORIES); i++)
    if (!(memories[i].flags & W2N_MEM_IMPORTED)) w2n_memory_unmake(w2n_get_memory(inst, i));
  const w2n_table_row *tables = w2n_table_rows(h);
  for (uint32_t i = 0; i < w2n_count(h, W2N_S_TABLES); i++)
    if (!(tables[i].flags & W2N_TABLE_IMPORTED)) w2n_table_unmake(w2n_get_table(inst, i));
  w2n_range_remove(W2N_RANGE_TEXT, h);
  free(inst->linked);
  w2n_unmap(inst, inst->block_bytes);
}
