/* locate.c: reads the tables of code offsets that src/emit/tables.ts writes (its opening comment defines the bytes).
 * W2N_S_CODE_INDEX is the index, sorted by code offset; W2N_S_CODE_RECORDS the stream. Safe in signal handlers. */
#include "w2n_stub.h"

const w2n_code_row *w2n_code_at(const w2n_header *h, uint64_t code_offset) {
  const w2n_code_row *rows = W2N_ROWS(h, W2N_S_CODE_INDEX, w2n_code_row);
  uint64_t low = 0, high = w2n_count(h, W2N_S_CODE_INDEX) / sizeof *rows;
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

enum { MARK_END, MARK_TRAP, MARK_CALL, MARK_CALL_WITH_MORE, MARK_BITS = 2 };
enum { MOST_CALL_BYTES = 8 };

/* A function's records, read one after the other. */
typedef struct {
  const uint8_t *p, *end;
  uint64_t at; /* code offset from the function's first byte */
  uint32_t wasm;
  uint32_t mark;
  uint32_t argument_bytes;
} records;

static records first_record(const w2n_header *h, const w2n_code_row *row) {
  const uint8_t *stream = w2n_at(h, h->sections[W2N_S_CODE_RECORDS].offset);
  return (records){stream + row->records, stream + w2n_count(h, W2N_S_CODE_RECORDS), 0, 0, MARK_END, 0};
}

static bool next_record(records *r) {
  int64_t number;
  if (r->p >= r->end) return false;
  r->p = read_number(r->p, r->end, false, &number);
  r->mark = number & ((1 << MARK_BITS) - 1);
  if (r->mark == MARK_END) return false;
  r->at += (uint64_t)number >> MARK_BITS;
  r->p = read_number(r->p, r->end, true, &number);
  r->wasm += (uint32_t)number;
  r->argument_bytes = 0;
  if (r->mark == MARK_CALL_WITH_MORE) {
    r->p = read_number(r->p, r->end, false, &number); /* landing pad */
    r->p = read_number(r->p, r->end, false, &number); /* stack map */
    r->p = read_number(r->p, r->end, false, &number);
    r->argument_bytes = (uint32_t)number;
  }
  return true;
}

uint32_t w2n_wasm_offset(const w2n_header *h, uint64_t code_offset) {
  const w2n_code_row *row = w2n_code_at(h, code_offset);
  if (!row) return W2N_NONE;
  uint64_t wanted = code_offset - row->offset;
  uint32_t before = W2N_NONE;
  for (records r = first_record(h, row); next_record(&r); before = r.wasm) {
    if (r.mark == MARK_TRAP && r.at == wanted) return r.wasm;
    if (r.at > wanted) return r.mark != MARK_TRAP && r.at - wanted <= MOST_CALL_BYTES ? r.wasm : before;
  }
  return before;
}

uint32_t w2n_call_argument_bytes(const w2n_header *h, uint64_t return_offset) {
  const w2n_code_row *row = w2n_code_at(h, return_offset - 1);
  if (!row) return 0;
  uint64_t wanted = return_offset - row->offset;
  for (records r = first_record(h, row); next_record(&r) && r.at <= wanted;)
    if (r.at == wanted && r.mark != MARK_TRAP) return r.argument_bytes;
  return 0;
}
