/* w2n_options.h: options.c as main.c uses it. */
#ifndef W2N_OPTIONS_H
#define W2N_OPTIONS_H
#include "w2n_stub.h"
#include "w2n_wasi.h"

typedef struct w2n_options {
  w2n_grant *grants;
  size_t count;
  bool fixed; /* WASM2NATIVE_OPTS is ignored */
} w2n_options;

/* Reads baked settings and the environment into *o (zeroed by the caller) and sets the stack size and the limits of memories and tables. Returns
 * NULL, or why the program refuses to start. */
W2N_HIDDEN const char *w2n_read_options(const w2n_header *h, w2n_options *o);
#endif
