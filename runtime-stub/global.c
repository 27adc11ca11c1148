/* global.c: globals that an embedder makes. */
#include <stdlib.h>
#include "w2n_stub.h"

bool w2n_global_new(uint32_t type, bool is_mutable, const w2n_value *init, w2n_global *out) {
  w2n_value *value = aligned_alloc(16, sizeof *value);
  if (!value) return false;
  *value = *init;
  if (type == W2N_I32 || type == W2N_F32) {
    value->lanes[0] &= 0xffffffffu;
    value->lanes[1] = 0;
  }
  *out = (w2n_global){value, type, is_mutable};
  return true;
}

void w2n_global_free(w2n_global *g) {
  free(g->value);
  g->value = NULL;
}
