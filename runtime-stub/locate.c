/* locate.c: reads the tables of code offsets that src/emit/tables.ts writes (its opening comment defines the bytes).
 * W2N_S_LOCATIONS is the index, sorted by code offset; W2N_S_CALL_SITES the stream. Safe in signal handlers. */
#include "w2n_stub.h"

const w2n_code_row *w2n_code_at(const w2n_header *h, uint64_t code_offset) {
  const w2n_code_row *rows = W2N_ROWS(h, W2N_S_LOCATIONS, w2n_code_row);
  uint64_t low = 0, high = w2n_count(h, W2N_S_LOCATIONS) / sizeof *rows;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (code_offset < rows[middle].offset) high = middle;
    else if (code_offset - rows[middle].offset < rows[middle].bytes) return &rows[middle];
    else low = middle + 1;
  }
  return NULL;
}

static const uint8_t *read_number(const uint8_t *p, const uint8_t *end, bool is_signed, int64_t *out) {
  uint64_t value = 0;
  unsigned shift = 0;
  uint8_t byte = 0x80;
  while (byte & 0x80 && p < end && shift < 63) {
    byte = *p++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    shift += 7;
  }
  if (is_signed && byte & 0x40) value |= ~(uint64_t)0 << shift;
  *out = (int64_t)value;
  return p;
}

uint32_t w2n_wasm_offset(const w2n_header *h, uint64_t code_offset) {
  const w2n_code_row *row = w2n_code_at(h, code_offset);
  if (!row) return W2N_NONE;
  const uint8_t *stream = w2n_at(h, h->sections[W2N_S_CALL_SITES].offset);
  const uint8_t *end = stream + w2n_count(h, W2N_S_CALL_SITES), *p = stream + row->locations;
  uint64_t wanted = code_offset - row->offset, at = 0;
  int64_t count, delta, wasm = 0;
  uint32_t found = W2N_NONE;
  p = read_number(p, end, false, &count);
  for (int64_t i = 0; i < count && p < end; i++) {
    p = read_number(p, end, false, &delta);
    at += (uint64_t)delta;
    p = read_number(p, end, true, &delta);
    wasm += delta;
    if (at > wanted) break;
    found = (uint32_t)wasm;
  }
  return found;
}

uint32_t w2n_call_argument_bytes(const w2n_header *h, uint64_t return_offset) {
  const w2n_code_row *row = w2n_code_at(h, return_offset - 1);
  if (!row) return 0;
  const uint8_t *stream = w2n_at(h, h->sections[W2N_S_CALL_SITES].offset);
  const uint8_t *end = stream + w2n_count(h, W2N_S_CALL_SITES), *p = stream + row->call_sites;
  uint64_t wanted = return_offset - row->offset, at = 0;
  int64_t count, number;
  p = read_number(p, end, false, &count);
  for (int64_t i = 0; i < count && p < end && at < wanted; i++) {
    p = read_number(p, end, false, &number);
    at += (uint64_t)number;
    p = read_number(p, end, true, &number);  /* wasm offset */
    p = read_number(p, end, false, &number); /* landing pad */
    p = read_number(p, end, false, &number); /* stack map */
    p = read_number(p, end, false, &number);
    if (at == wanted) return (uint32_t)number;
  }
  return 0;
}
