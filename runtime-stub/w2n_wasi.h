/* w2n_wasi.h: between the executable's main (main.c) and the WASI functions. Internal to the stub.
 *
 * WASI functions are ordinary C imports, `int32_t wasi_snapshot_preview1__fd_write(w2n_instance *caller, ...)`, in an
 * archive of one object per function; the objects that need state refer to the one that defines w2n_wasi_setup. main.c
 * refers to it weakly (on macOS: has a weak definition): a program that imports no WASI function carries none of it. */
#ifndef W2N_WASI_H
#define W2N_WASI_H

#include "wasm2native.h"

#ifdef __APPLE__
#define W2N_OPTIONAL __attribute__((visibility("hidden")))
#else
#define W2N_OPTIONAL __attribute__((weak))
#endif

typedef enum w2n_grant_kind {
  W2N_GRANT_DIR,        /* text: HOST or HOST::GUEST */
  W2N_GRANT_ENV,        /* text: NAME=VALUE, or NAME to pass the host's value through */
  W2N_GRANT_LISTEN,     /* text: ADDR:PORT */
  W2N_GRANT_INHERIT_ENV, /* text: "" */
  W2N_GRANT_ARG0,           /* text: what the program sees as its own name instead of argv[0] */
  W2N_GRANT_MAX_OPEN_FILES, /* text: decimal number */
  W2N_GRANT_WALK,           /* --x-walk; text: "" */
  W2N_GRANT_ALLOW_DEVICES,  /* text: "" */
  W2N_GRANT_CLOCK,          /* fixed clock; text: ns since 1970, or START/STEP in ns */
  W2N_GRANT_SEED,           /* seeded random; text: decimal number */
  W2N_GRANT_TIMEOUT,        /* wall clock; text: milliseconds; the process then reports it and exits with 134 */
  W2N_GRANT_SECCOMP         /* Linux; text: "" */
} w2n_grant_kind;

typedef struct w2n_grant {
  w2n_grant_kind kind;
  bool baked; /* from the executable rather than from WASM2NATIVE_OPTS */
  const char *text; /* NUL-terminated, lives as long as the program */
} w2n_grant;

typedef struct w2n_start {
  int argc;
  char **argv;
  char **envp; /* the host's environment */
  const w2n_grant *grants; /* in order, baked ones first; live as long as the program */
  size_t grant_count;
} w2n_start;

/* Called once before the first instance is made. Returns NULL, or why the program refuses to start (exit status 125;
 * one line, without the program's name). `start` and all it points to live as long as the program. */
W2N_OPTIONAL const char *w2n_wasi_setup(const w2n_start *start);

#endif
