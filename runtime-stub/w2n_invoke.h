/* w2n_invoke.h: invoke.c as main.c uses it. The reference is weak: only `wasm2native run --invoke` links invoke.c in,
 * by asking for the name. Linkers of Mach-O want a definition of every symbol: there main.c has a weak one that gives
 * way, and w2n_has_invoke tells which it is. */
#ifndef W2N_INVOKE_H
#define W2N_INVOKE_H
#include "w2n_stub.h"
#include "w2n_wasi.h"

/* Calls the export `name` with `argc` texts as arguments and prints its results to standard output, one a line.
 * Returns 0 or a trap kind; *problem: NULL, or why there was no call. */
W2N_OPTIONAL uint32_t w2n_invoke(w2n_instance *inst, const char *name, int argc, char **argv, const char **problem);
#ifdef __APPLE__
extern W2N_HIDDEN bool w2n_has_invoke;
#else
#define w2n_has_invoke (w2n_invoke != NULL)
#endif
#endif
