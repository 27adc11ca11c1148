/* api.c: looking into instances. */
#include <string.h>
#include "w2n_stub.h"

bool w2n_export(w2n_instance *inst, const char *name, size_t name_bytes, w2n_extern *out) {
  const w2n_header *h = inst->header;
  const w2n_export_row *rows = W2N_ROWS(h, W2N_S_EXPORTS, w2n_export_row);
  for (uint64_t i = 0; i < w2n_count(h, W2N_S_EXPORTS); i++) {
    const w2n_export_row *row = &rows[i];
    if (row->name.bytes != name_bytes || memcmp(w2n_at(h, row->name.offset), name, name_bytes) != 0) continue;
    out->kind = row->kind;
    switch (row->kind) {
      case W2N_FUNC: out->of.func = w2n_slot(inst, row->index); return out->of.func != NULL;
      case W2N_TABLE: out->of.table = w2n_get_table(inst, row->index); return true;
      case W2N_MEMORY: out->of.memory = w2n_get_memory(inst, row->index); return true;
      case W2N_GLOBAL: {
        const w2n_global_row *global = &w2n_global_rows(h)[row->index];
        out->of.global.value = w2n_get_global(inst, row->index);
        out->of.global.type = w2n_type_code(inst->type_ids, global->type);
        out->of.global.mutability = (global->flags & W2N_GLOBAL_MUTABLE) != 0;
        return true;
      }
      default: return false;
    }
  }
  return false;
}

const w2n_func *w2n_export_func(w2n_instance *inst, const char *name) {
  w2n_extern found;
  return w2n_export(inst, name, strlen(name), &found) && found.kind == W2N_FUNC ? found.of.func : NULL;
}

void *w2n_user_data(const w2n_instance *inst) { return inst->user; }
void w2n_set_user_data(w2n_instance *inst, void *data) { inst->user = data; }

uint8_t *w2n_memory0(w2n_instance *inst, uint64_t *bytes) {
  *bytes = 0;
  if (w2n_count(inst->header, W2N_S_MEMORIES) == 0) return NULL;
  w2n_memory *m = w2n_get_memory(inst, 0);
  *bytes = w2n_memory_size(m);
  return m->base;
}
