/* invoke.c: one call of an exported function from the command line. Arguments are read as the function's parameter types
 * say; results are written as ECMAScript's String() writes numbers (ECMA-262, Number::toString): f32 as the double it
 * equals, vectors as 0x and 32 digits, references as null or as what they refer to. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "w2n_invoke.h"

enum { MOST_DIGITS = 17 }; /* of a double, enough to tell any two apart */

static char message[256];

/* "argument NUMBER: WHY", in static storage. */
static const char *complain(uint32_t number, const char *why) {
  w2n_writer w = {-1, 0, sizeof message - 1, message};
  w2n_put(&w, "--invoke: argument ");
  w2n_put_number(&w, number, 10);
  w2n_put(&w, ": ");
  w2n_put(&w, why);
  message[w.used] = 0;
  return message;
}

/* Decimal or 0x-hexadecimal with an optional sign; from -2^(bits-1) to 2^bits - 1. */
static bool read_integer(const char *text, unsigned bits, uint64_t *out) {
  bool negative = *text == '-';
  if (*text == '-' || *text == '+') text++;
  bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (hex) text += 2;
  const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
  if (*text == 0 || text[strspn(text, digits)] != 0) return false;
  errno = 0;
  uint64_t n = strtoull(text, NULL, hex ? 16 : 10), half = (uint64_t)1 << (bits - 1);
  if (errno != 0 || n > (negative ? half : half - 1 + half)) return false;
  *out = negative ? 0 - n : n;
  return true;
}

static const char *read_value(const char *text, uint8_t type, w2n_value *out) {
  char *end;
  *out = (w2n_value){.lanes = {0, 0}};
  switch (type) {
    case W2N_I32:
      if (!read_integer(text, 32, &out->u64)) return "is no i32";
      out->u64 &= UINT32_MAX;
      return NULL;
    case W2N_I64: return read_integer(text, 64, &out->u64) ? NULL : "is no i64";
    case W2N_F32: out->f32 = strtof(text, &end); return end != text && *end == 0 ? NULL : "is no f32";
    case W2N_F64: out->f64 = strtod(text, &end); return end != text && *end == 0 ? NULL : "is no f64";
    case W2N_FUNCREF:
    case W2N_EXTERNREF: return strcmp(text, "null") == 0 ? NULL : "a reference can only be null";
    default: return "has a type that cannot be given as text";
  }
}

/* Writes a finite positive number: the fewest digits that give it back, the point where ECMA-262 puts it. */
static void put_positive(w2n_writer *w, double x) {
  char text[40], digits[MOST_DIGITS + 1];
  for (int precision = 0; precision < MOST_DIGITS; precision++) {
    snprintf(text, sizeof text, "%.*e", precision, x);
    if (strtod(text, NULL) == x) break;
  }
  int count = 0, exponent = atoi(strchr(text, 'e') + 1);
  for (const char *p = text; *p != 'e'; p++)
    if (*p >= '0' && *p <= '9') digits[count++] = *p;
  int point = exponent + 1; /* digits before the decimal point */
  if (point > 21 || point < -5) {
    w2n_put_name(w, digits, 1);
    if (count > 1) w2n_put(w, ".");
    w2n_put_name(w, digits + 1, (size_t)count - 1);
    w2n_put(w, exponent < 0 ? "e-" : "e+");
    w2n_put_number(w, (uint64_t)abs(exponent), 10);
    return;
  }
  if (point <= 0) w2n_put(w, "0.");
  for (int i = point; i < 0; i++) w2n_put(w, "0");
  for (int i = 0; i < count; i++) {
    if (i == point && i > 0) w2n_put(w, ".");
    w2n_put_name(w, digits + i, 1);
  }
  for (int i = count; i < point; i++) w2n_put(w, "0");
}

static void put_double(w2n_writer *w, double x) {
  if (isnan(x)) {
    w2n_put(w, "NaN");
  } else if (x == 0) {
    w2n_put(w, "0");
  } else {
    if (x < 0) w2n_put(w, "-");
    if (isinf(x)) w2n_put(w, "Infinity");
    else put_positive(w, fabs(x));
  }
}

static void put_integer(w2n_writer *w, int64_t n) {
  if (n < 0) w2n_put(w, "-");
  w2n_put_number(w, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 10);
}

static void put_value(w2n_writer *w, uint8_t type, const w2n_value *v) {
  switch (type) {
    case W2N_I32: put_integer(w, v->i32); break;
    case W2N_I64: put_integer(w, v->i64); break;
    case W2N_F32: put_double(w, (double)v->f32); break;
    case W2N_F64: put_double(w, v->f64); break;
    case W2N_V128:
      w2n_put(w, "0x");
      for (int i = 15; i >= 0; i--) {
        w2n_put_number(w, v->v128.bytes[i] >> 4, 16);
        w2n_put_number(w, v->v128.bytes[i] & 15, 16);
      }
      break;
    default: w2n_put(w, !v->externref ? "null" : type == W2N_EXTERNREF ? "external" : "reference");
  }
  w2n_put(w, "\n");
}

#ifdef __APPLE__
bool w2n_has_invoke = true;
#endif

uint32_t w2n_invoke(w2n_instance *inst, const char *name, int argc, char **argv, const char **problem) {
  const w2n_func *f = name ? w2n_export_func(inst, name) : NULL;
  if (!f) {
    *problem = "--invoke: no exported function of that name";
    return 0;
  }
  const w2n_header *h = f->instance->header;
  const w2n_type_row *type = &w2n_types(h)[f->local_type];
  const uint8_t *types = w2n_at(h, type->valtypes_offset);
  if ((uint32_t)argc != type->params) {
    w2n_writer w = {-1, 0, sizeof message - 1, message};
    w2n_put(&w, "--invoke: arguments wanted: ");
    w2n_put_number(&w, type->params, 10);
    w2n_put(&w, ", given: ");
    w2n_put_number(&w, (uint32_t)argc, 10);
    message[w.used] = 0;
    *problem = message;
    return 0;
  }
  uint32_t most = type->params > type->results ? type->params : type->results;
  w2n_value *vals = calloc((size_t)most + 1, sizeof *vals);
  if (!vals) {
    *problem = "out of memory";
    return 0;
  }
  for (uint32_t i = 0; i < type->params; i++) {
    const char *why = read_value(argv[i], types[i], &vals[i]);
    if (why) {
      *problem = complain(i + 1, why);
      return 0;
    }
  }
  uint32_t kind = w2n_call(f, vals);
  char buffer[512];
  w2n_writer w = {1, 0, sizeof buffer, buffer};
  for (uint32_t i = 0; kind == 0 && i < type->results; i++) put_value(&w, types[type->params + i], &vals[i]);
  w2n_flush(&w);
  free(vals);
  return kind;
}
