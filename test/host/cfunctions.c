/* cfunctions.c: C functions that test modules import by name, reached through the modules' C thunks. Module "host". */
#include "cfunctions.h"

#include <string.h>

static int64_t last_sum;

int32_t host__add(w2n_instance *caller, int32_t a, int32_t b);
int64_t host__mix(w2n_instance *caller, int32_t a, double b, int64_t c, float d, int32_t e, int64_t f, double g, int32_t h,
                  int64_t i, float j, int32_t k, int64_t l, double m, double n, double o, double p, double q, double r,
                  float s, int32_t t);
float host__half(w2n_instance *caller, float x);
double host__fma(w2n_instance *caller, double a, double b, double c);
void host__trap(w2n_instance *caller, int32_t kind);
void host__exit(w2n_instance *caller, int32_t code);
int32_t host__negative(w2n_instance *caller);
int32_t host__peek(w2n_instance *caller, int32_t address);
int32_t host__call_back(w2n_instance *caller, int32_t n);
struct host__swap_ret {
  int64_t r0;
  int32_t r1;
};
void host__swap(w2n_instance *caller, int32_t a, int64_t b, struct host__swap_ret *out);

int32_t host__add(w2n_instance *caller, int32_t a, int32_t b) {
  (void)caller;
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* Weights its arguments so that any two exchanged give another result. */
int64_t host__mix(w2n_instance *caller, int32_t a, double b, int64_t c, float d, int32_t e, int64_t f, double g, int32_t h,
                  int64_t i, float j, int32_t k, int64_t l, double m, double n, double o, double p, double q, double r,
                  float s, int32_t t) {
  (void)caller;
  double floats = b + 2 * d + 3 * g + 4 * j + 5 * m + 6 * n + 7 * o + 8 * p + 9 * q + 10 * r + 11 * s;
  last_sum = a + 2 * c + 3 * e + 4 * f + 5 * h + 6 * i + 7 * k + 8 * l + 9 * (int64_t)t + 1000 * (int64_t)floats;
  return last_sum;
}

float host__half(w2n_instance *caller, float x) {
  (void)caller;
  return x / 2;
}

double host__fma(w2n_instance *caller, double a, double b, double c) {
  (void)caller;
  return a * b + c;
}

void host__trap(w2n_instance *caller, int32_t kind) {
  (void)caller;
  w2n_trap((uint32_t)kind);
}

void host__exit(w2n_instance *caller, int32_t code) { w2n_exit(caller, (uint32_t)code); }

/* -1: its upper half in the register is not zero. */
int32_t host__negative(w2n_instance *caller) {
  (void)caller;
  return -1;
}

int32_t host__peek(w2n_instance *caller, int32_t address) {
  uint64_t bytes;
  uint8_t *memory = w2n_memory0(caller, &bytes);
  return (uint32_t)address < bytes ? memory[(uint32_t)address] : -1;
}

/* Calls the caller's export "back" with n; a trap in there comes back as 1000 + kind. */
int32_t host__call_back(w2n_instance *caller, int32_t n) {
  const w2n_func *back = w2n_export_func(caller, "back");
  w2n_value v = {.i32 = n};
  uint32_t kind = back ? w2n_call(back, &v) : W2N_TRAP_HOST;
  return kind ? 1000 + (int32_t)kind : v.i32;
}

void host__swap(w2n_instance *caller, int32_t a, int64_t b, struct host__swap_ret *out) {
  (void)caller;
  out->r0 = b;
  out->r1 = a;
}

void *c_function(const char *name) {
  static const struct {
    const char *name;
    void (*address)(void);
  } table[] = {
#define ENTRY(f) {#f, (void (*)(void))f}
      ENTRY(host__add),  ENTRY(host__mix),      ENTRY(host__half), ENTRY(host__fma),       ENTRY(host__trap),
      ENTRY(host__exit), ENTRY(host__negative), ENTRY(host__peek), ENTRY(host__call_back), ENTRY(host__swap),
#undef ENTRY
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    void *address;
    if (strcmp(name, table[i].name) != 0) continue;
    memcpy(&address, &table[i].address, sizeof address);
    return address;
  }
  return NULL;
}
