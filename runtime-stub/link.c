/* link.c: finds a module's imports and checks them against their declared types (specification, "External typing" and
 * "Import matching"). Nothing of the instance but its import fields is written. */
#include <stdlib.h>
#include <string.h>
#include "w2n_stub.h"
#include "w2n_link.h"

int w2n_link_failure(int status, const char *what, const w2n_header *h, const w2n_import_row *import) {
  w2n_thread *t = w2n_self;
  if (!t) return status;
  w2n_writer w = {-1, 0, sizeof t->link_error - 1, t->link_error};
  w2n_put(&w, what);
  if (import) {
    w2n_put(&w, ": ");
    w2n_put_name(&w, w2n_at(h, import->module.offset), import->module.bytes);
    w2n_put(&w, ".");
    w2n_put_name(&w, w2n_at(h, import->field.offset), import->field.bytes);
  }
  t->link_error[w.used] = 0;
  return status;
}

const char *w2n_link_error(void) { return w2n_self ? w2n_self->link_error : "out of memory"; }

static bool same(const char *text, const char *name, size_t bytes) {
  return strlen(text) == bytes && memcmp(text, name, bytes) == 0;
}

static bool find(const w2n_imports *imports, const w2n_header *h, const w2n_import_row *row, w2n_extern *out) {
  if (!imports) return false;
  const char *module = w2n_at(h, row->module.offset), *name = w2n_at(h, row->field.offset);
  for (size_t i = 0; i < imports->count; i++) {
    const w2n_import *import = &imports->list[i];
    if (!same(import->module, module, row->module.bytes) || !same(import->name, name, row->field.bytes)) continue;
    *out = import->value;
    return true;
  }
  return imports->resolve &&
         imports->resolve(imports->env, module, row->module.bytes, name, row->field.bytes, out);
}

static bool limits_match(uint64_t size, uint64_t max, uint64_t want_min, uint64_t want_max) {
  return size >= want_min && (want_max == W2N_NO_MAX || (max != W2N_NO_MAX && max <= want_max));
}

/* Adds an instance to those that functions of `inst` may call. */
static bool add_linked(w2n_instance *inst, w2n_instance *other) {
  if (other == inst) return true;
  for (uint64_t i = 0; i < inst->linked_count; i++)
    if (inst->linked[i] == other) return true;
  w2n_instance **more = realloc(inst->linked, (inst->linked_count + 1) * sizeof(w2n_instance *));
  if (!more) return false;
  inst->linked = more;
  more[inst->linked_count++] = other;
  for (uint64_t i = 0; i < other->linked_count; i++)
    if (!add_linked(inst, other->linked[i])) return false;
  return true;
}

/* A host function gets an object of this instance's own, so that threads do not meet in one. */
static bool link_host(w2n_instance *inst, uint32_t index, const w2n_func *given, w2n_func *slot) {
  const w2n_header *h = inst->header;
  uint64_t thunk = w2n_types(h)[w2n_functions(h)[index].type].host_thunk;
  w2n_host_object *object = &inst->hosts[index];
  if (thunk == 0) return false;
  w2n_host_copy(object, (const w2n_host_object *)given->instance);
  *slot = (w2n_func){w2n_at(h, thunk), given->type_id, given->local_type, &object->head, w2n_host_entry};
  return true;
}

static bool link_func(w2n_instance *inst, uint32_t index, const w2n_func *given) {
  const w2n_function_row *row = &w2n_functions(inst->header)[index];
  w2n_func *slot = w2n_slot(inst, index);
  if (!slot || !w2n_type_is_subtype(given->type_id, inst->type_ids[row->type])) return false;
  if (given->array_entry == w2n_host_entry) return link_host(inst, index, given, slot);
  *slot = *given;
  return add_linked(inst, given->instance);
}

static bool link_table(w2n_instance *inst, uint32_t index, w2n_table *given) {
  const w2n_table_row *row = &w2n_table_rows(inst->header)[index];
  if (given->flags & W2N_TABLE_CLOSED || (given->flags ^ row->flags) & W2N_TABLE_64) return false;
  if (given->type != w2n_type_code(inst->type_ids, row->type)) return false;
  if (!limits_match(given->size, given->max, row->min, row->max)) return false;
  *(w2n_table **)w2n_field(inst, row->instance_offset) = given;
  return true;
}

static bool link_memory(w2n_instance *inst, uint32_t index, w2n_memory *given) {
  const w2n_memory_row *row = &w2n_memory_rows(inst->header)[index];
  uint64_t min = w2n_pages_to_bytes(row->min_pages, row->page_log2);
  uint64_t max = row->max_pages == W2N_NO_MAX ? W2N_NO_MAX : w2n_pages_to_bytes(row->max_pages, row->page_log2);
  if ((given->flags ^ row->flags) & (W2N_MEM_64 | W2N_MEM_SHARED) || given->page_log2 != row->page_log2) return false;
  if (!limits_match(w2n_memory_size(given), given->max_bytes, min, max)) return false;
  bool unchecked = !(row->flags & W2N_MEM_CHECKED) && !(inst->header->flags & W2N_FLAG_CHECKED);
  if (index == 0 && unchecked && !w2n_memory_is_full(given)) return false;
  *(w2n_memory **)w2n_field(inst, row->instance_offset) = given;
  return true;
}

static bool link_global(w2n_instance *inst, uint32_t index, const w2n_global *given) {
  const w2n_global_row *row = &w2n_global_rows(inst->header)[index];
  uint32_t type = w2n_type_code(inst->type_ids, row->type);
  bool is_mutable = (row->flags & W2N_GLOBAL_MUTABLE) != 0;
  if (is_mutable != (given->mutability != 0)) return false;
  if (is_mutable ? given->type != type : !w2n_code_is_subtype(given->type, type)) return false;
  *(w2n_value **)w2n_field(inst, row->instance_offset) = given->value;
  return true;
}

static bool link_one(w2n_instance *inst, const w2n_import_row *row, const w2n_extern *given) {
  if (given->kind != row->kind) return false;
  switch (row->kind) {
    case W2N_FUNC: return link_func(inst, row->index, given->of.func);
    case W2N_TABLE: return link_table(inst, row->index, given->of.table);
    case W2N_MEMORY: return link_memory(inst, row->index, given->of.memory);
    case W2N_GLOBAL: return link_global(inst, row->index, &given->of.global);
    default: return false;
  }
}

/* The C function that the module was linked with. */
static bool link_c(w2n_instance *inst, uint32_t index) {
  const w2n_function_row *row = &w2n_functions(inst->header)[index];
  void *const *c = inst->module->cimports;
  w2n_func *slot = w2n_slot(inst, index);
  if (!c || !c[index] || row->code_offset == 0 || !slot) return false;
  const void *code = w2n_at(inst->header, row->code_offset);
  *slot = (w2n_func){code, inst->type_ids[row->type], row->type, inst, w2n_enter_wasm};
  return true;
}

int w2n_link(w2n_instance *inst, const w2n_imports *imports) {
  const w2n_header *h = inst->header;
  const w2n_import_row *rows = w2n_import_rows(h);
  for (uint64_t i = 0; i < w2n_count(h, W2N_S_IMPORTS); i++) {
    w2n_extern given;
    if (find(imports, h, &rows[i], &given)) {
      if (!link_one(inst, &rows[i], &given))
        return w2n_link_failure(W2N_INCOMPATIBLE_IMPORT, "incompatible import type", h, &rows[i]);
    } else if (rows[i].kind != W2N_FUNC || !link_c(inst, rows[i].index)) {
      return w2n_link_failure(W2N_UNKNOWN_IMPORT, "unknown import", h, &rows[i]);
    }
  }
  return W2N_OK;
}
