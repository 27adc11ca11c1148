/* host.c: runs a module translated by wasm2c (module name `app`) with this project's own WASI functions, so that the
 * two sides of the benchmark differ in nothing but the code of the module. The adapters between wasm2c's import names
 * and ours are generated (bench/wasm2c.ts). The working directory is granted as /. Exit status as in our programs. */
#include <stdio.h>
#include <stdlib.h>
#include "app.h"
#include "w2n_abi.h"
#include "w2n_wasi.h"
#include "wasm-rt-impl.h"

static Z_app_instance_t app;
/* Our functions look into the caller's instance for a WASI context; one of zeros has none of its own. */
static w2n_instance caller;
w2n_instance *const wasi_caller = &caller;
extern char **environ;

uint8_t *w2n_memory0(w2n_instance *inst, uint64_t *bytes) {
  (void)inst;
  wasm_rt_memory_t *memory = Z_appZ_memory(&app);
  *bytes = memory->size;
  return memory->data;
}

void w2n_exit(w2n_instance *inst, uint32_t code) {
  (void)inst;
  exit((int)(code & 255));
}

/* wasm2c passes a context to imports; ours need none. */
struct Z_wasi_snapshot_preview1_instance_t {
  int unused;
};

int main(int argc, char **argv) {
  w2n_grant grant = {W2N_GRANT_DIR, true, ".::/"};
  w2n_start start = {argc, argv, environ, &grant, 1};
  const char *refusal = w2n_wasi_setup(&start);
  if (refusal != NULL) {
    fprintf(stderr, "%s\n", refusal);
    return 125;
  }
  wasm_rt_init();
  Z_app_init_module();
  wasm_rt_trap_t trap = wasm_rt_impl_try();
  if (trap != WASM_RT_TRAP_NONE) {
    fprintf(stderr, "trap: %s\n", wasm_rt_strerror(trap));
    return 134;
  }
  static struct Z_wasi_snapshot_preview1_instance_t wasi;
  Z_app_instantiate(&app, &wasi);
  Z_appZ__start(&app);
  return 0;
}
