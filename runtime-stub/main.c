/* main.c: the executable's main: reads the grants, makes the instance of w2n_main_module, runs _initialize and _start (or,
 * where `run --invoke` linked invoke.c in, the export that the first argument names).
 * Exit status: the program's (proc_exit), 134 after a trap, 125 when it refuses to start. */
#include <stdlib.h>
#include <string.h>
#include "w2n_cpu.h"
#include "w2n_invoke.h"
#include "w2n_options.h"
#include "w2n_stub.h"
#include "w2n_wasi.h"

enum { STATUS_REFUSED = 125, STATUS_TRAP = 134 };

extern const w2n_module w2n_main_module;
extern char **environ;

static w2n_options options;
static w2n_start start;

/* Weak: these give way to what the user's C, wasi_setup.c and invoke.c define, where there are such. On ELF this file stays
 * in its archive where there is another main, but with zig, which links the archive before the user's C files. */
__attribute__((weak)) W2N_HIDDEN int main(int argc, char **argv);
#ifdef __APPLE__
__attribute__((weak)) bool w2n_has_invoke = false;
__attribute__((weak)) uint32_t w2n_invoke(w2n_instance *inst, const char *name, int argc, char **argv, const char **problem) {
  (void)inst, (void)name, (void)argc, (void)argv, (void)problem;
  return 0;
}
__attribute__((weak)) const char *w2n_wasi_setup(const w2n_start *s) {
  (void)s;
  return NULL;
}
#endif

static int refuse(const char *program, const char *why) {
  char buffer[512];
  w2n_writer w = {2, 0, sizeof buffer, buffer};
  w2n_put_name(&w, program, strlen(program));
  w2n_put(&w, ": ");
  w2n_put(&w, why);
  w2n_put(&w, "\n");
  w2n_flush(&w);
  return STATUS_REFUSED;
}

/* The exit status after w2n_call gave `kind`. */
static int status_of(uint32_t kind) {
  if (kind == 0) return 0;
  if (kind == W2N_TRAP_EXIT) {
    uint32_t code = w2n_exit_code();
    return (code & 255) == 0 && code != 0 ? 255 : (int)(code & 255);
  }
  w2n_report(2);
  return STATUS_TRAP;
}

static uint32_t run(w2n_instance *inst, const char *name) {
  const w2n_func *f = w2n_export_func(inst, name);
  w2n_value none = {.lanes = {0, 0}};
  return f ? w2n_call(f, &none) : 0;
}

int main(int argc, char **argv) {
  const char *program = argc > 0 ? argv[0] : "program";
  const w2n_header *h = w2n_main_module.header;
  const char *problem = w2n_cpu_lacks(h);
  if (!problem) problem = w2n_read_options(h, &options);
  if (problem) return refuse(program, problem);
  const char *invoked = NULL;
  if (w2n_has_invoke && argc > 1) {
    invoked = argv[1];
    argv[1] = argv[0];
    argc--;
    argv++;
  }
  start = (w2n_start){argc, argv, environ, options.grants, options.count};
  if (w2n_wasi_setup) problem = w2n_wasi_setup(&start);
  if (problem) return refuse(program, problem);
  w2n_instance *inst;
  int status = w2n_instantiate_with(&w2n_main_module, NULL, true, &inst);
  if (status == W2N_NO_RESERVATION)
    return refuse(program, "cannot reserve 8 GiB of address space (ulimit -v?); a build with --bounds=checked needs none");
  if (status == W2N_TRAPPED) return status_of(w2n_last_trap());
  if (status != W2N_OK) return refuse(program, w2n_link_error());
  uint32_t kind = run(inst, "_initialize");
  if (kind == 0 && w2n_has_invoke) kind = w2n_invoke(inst, invoked, argc - 1, argv + 1, &problem);
  else if (kind == 0) kind = run(inst, "_start");
  if (problem) return refuse(program, problem);
  return status_of(kind);
}
