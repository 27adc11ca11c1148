/* table.c: tables of references. Room for all that a table may grow to is reserved at once (pages come when they are
 * touched), so that its base never changes. */
#include <stdlib.h>
#include <string.h>
#include "w2n_stub.h"

static uint64_t max_table_elements = UINT64_MAX;

void w2n_set_max_table_elements(uint64_t elements) { max_table_elements = elements; }

uint64_t w2n_table_capacity(uint64_t min, uint64_t max) {
  uint64_t most = max < W2N_MAX_TABLE ? max : W2N_MAX_TABLE;
  return most > min ? most : min;
}

bool w2n_table_make(w2n_table *t, uint32_t type, uint32_t flags, uint64_t min, uint64_t max, void **room) {
  uint64_t capacity = w2n_table_capacity(min, max);
  if (min > UINT64_MAX / 16 || min > max_table_elements) return false;
  t->stub_private[0] = 0;
  while (!room && capacity > 0) {
    room = w2n_map(capacity * sizeof *room);
    if (room) t->stub_private[0] = capacity * sizeof *room; /* bytes to unmap */
    else if (capacity == min) return false;
    else capacity = capacity / 2 > min ? capacity / 2 : min;
  }
  t->elems = room;
  t->size = min;
  t->max = max;
  t->type = type;
  t->flags = flags;
  t->capacity = capacity;
  return true;
}

void w2n_table_unmake(w2n_table *t) {
  if (t->stub_private[0]) w2n_unmap(t->elems, t->stub_private[0]);
  t->elems = NULL;
}

uint64_t w2n_table_extend(w2n_table *t, uint64_t delta, void *init) {
  uint64_t old = t->size, limit = t->max < t->capacity ? t->max : t->capacity;
  if (limit > max_table_elements) limit = max_table_elements;
  if (limit < old || delta > limit - old) return UINT64_MAX;
  if (init)
    for (uint64_t i = 0; i < delta; i++) t->elems[old + i] = init;
  t->size = old + delta;
  return old;
}

w2n_table *w2n_table_new(uint32_t type, uint64_t min, uint64_t max, void *init) {
  w2n_table *t = calloc(1, sizeof *t);
  if (!t || !w2n_table_make(t, type, 0, min, max, NULL)) {
    free(t);
    return NULL;
  }
  for (uint64_t i = 0; init && i < min; i++) t->elems[i] = init;
  return t;
}

void w2n_table_free(w2n_table *t) {
  if (t) w2n_table_unmake(t);
  free(t);
}

uint64_t w2n_table_size(const w2n_table *t) { return t->size; }
int64_t w2n_table_grow(w2n_table *t, uint64_t delta, void *init) { return (int64_t)w2n_table_extend(t, delta, init); }

bool w2n_table_get(const w2n_table *t, uint64_t index, void **out) {
  if (index >= t->size || t->flags & W2N_TABLE_CLOSED) return false;
  *out = t->elems[index];
  return true;
}

bool w2n_table_set(w2n_table *t, uint64_t index, void *ref) {
  if (index >= t->size || t->flags & W2N_TABLE_CLOSED) return false;
  t->elems[index] = ref;
  return true;
}
