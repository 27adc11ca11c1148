/* table.h: functions.h as a table of calls that take their arguments from an array. */
#ifndef TABLE_H
#define TABLE_H

#include "guest.h"

typedef struct call {
  const char *name;
  const char *roles;
  i32 (*run)(const i64 *v);
} call;

#define i32_(k) (i32)v[k]
#define i64_(k) v[k]
#define F0(n, r) static i32 run_##n(const i64 *v) { (void)v; return n##_(); }
#define F1(n, r, a) static i32 run_##n(const i64 *v) { return n(a##_(0)); }
#define F2(n, r, a, b) static i32 run_##n(const i64 *v) { return n(a##_(0), b##_(1)); }
#define F3(n, r, a, b, c) static i32 run_##n(const i64 *v) { return n(a##_(0), b##_(1), c##_(2)); }
#define F4(n, r, a, b, c, d) static i32 run_##n(const i64 *v) { return n(a##_(0), b##_(1), c##_(2), d##_(3)); }
#define F5(n, r, a, b, c, d, e) \
  static i32 run_##n(const i64 *v) { return n(a##_(0), b##_(1), c##_(2), d##_(3), e##_(4)); }
#define F6(n, r, a, b, c, d, e, f) \
  static i32 run_##n(const i64 *v) { return n(a##_(0), b##_(1), c##_(2), d##_(3), e##_(4), f##_(5)); }
#define F7(n, r, a, b, c, d, e, f, g) \
  static i32 run_##n(const i64 *v) { return n(a##_(0), b##_(1), c##_(2), d##_(3), e##_(4), f##_(5), g##_(6)); }
#define F9(n, r, a, b, c, d, e, f, g, h, i)                                                                      \
  static i32 run_##n(const i64 *v) {                                                                             \
    return n(a##_(0), b##_(1), c##_(2), d##_(3), e##_(4), f##_(5), g##_(6), h##_(7), i##_(8));                   \
  }
#include "functions.h"
#undef F0
#undef F1
#undef F2
#undef F3
#undef F4
#undef F5
#undef F6
#undef F7
#undef F9
#define ROW(n, r) {#n, r, run_##n},
#define F0(n, r) ROW(n, r)
#define F1(n, r, a) ROW(n, r)
#define F2(n, r, a, b) ROW(n, r)
#define F3(n, r, a, b, c) ROW(n, r)
#define F4(n, r, a, b, c, d) ROW(n, r)
#define F5(n, r, a, b, c, d, e) ROW(n, r)
#define F6(n, r, a, b, c, d, e, f) ROW(n, r)
#define F7(n, r, a, b, c, d, e, f, g) ROW(n, r)
#define F9(n, r, a, b, c, d, e, f, g, h, i) ROW(n, r)
static const call calls[] = {
#include "functions.h"
};
#undef F0
#undef F1
#undef F2
#undef F3
#undef F4
#undef F5
#undef F6
#undef F7
#undef F9
enum { CALLS = sizeof calls / sizeof calls[0] };

typedef struct parameter {
  char role;
  uint32_t bytes; /* of what an address leads to */
} parameter;

static int parse(const char *roles, parameter *out) {
  int n = 0;
  while (*roles != 0) {
    parameter p = {*roles++, 0};
    while (*roles >= '0' && *roles <= '9') p.bytes = p.bytes * 10 + (uint32_t)(*roles++ - '0');
    if (*roles == ' ') roles++;
    out[n++] = p;
    if (p.role == 'a' || p.role == 't') out[n++] = (parameter){'n', p.role == 't' ? 1 : p.bytes};
    if (p.role == 't') out[n - 2].bytes = 1;
  }
  return n;
}
#endif
