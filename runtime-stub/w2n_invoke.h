/* w2n_invoke.h: invoke.c as main.c uses it. The reference is weak: only `wasm2native run --invoke` links invoke.c in,
 * by asking for the name. */
#ifndef W2N_INVOKE_H
#define W2N_INVOKE_H
#include "w2n_stub.h"

/* Calls the export `name` with `argc` texts as arguments and prints its results to standard output, one a line.
 * Returns 0 or a trap kind; *problem: NULL, or why there was no call. */
__attribute__((weak)) uint32_t w2n_invoke(w2n_instance *inst, const char *name, int argc, char **argv,
                                          const char **problem);
#endif
