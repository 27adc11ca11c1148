/* nested.c: the import of nested.wat: calls the export `callback` and passes its trap on. */
#include "wasm2native.h"

int32_t env__back(w2n_instance *caller, int32_t a);
int32_t env__back(w2n_instance *caller, int32_t a) {
  w2n_value vals[1] = {{.i32 = a}};
  uint32_t kind = w2n_call(w2n_export_func(caller, "callback"), vals);
  if (kind != 0) w2n_trap(kind);
  return vals[0].i32;
}
