/* w2n_wasi_host.h: WASI for programs that embed a module. A context holds what the module may reach: arguments,
 * environment, directories, sockets, clocks. Attach it to an instance before its code runs; several instances may share
 * a context (used by one thread at a time), and several contexts may exist. An instance without a context of its own
 * uses the process's default one, which the main of executables sets up and which is empty elsewhere.
 * Functions that return int give 0 or a host errno. */
#ifndef W2N_WASI_HOST_H
#define W2N_WASI_HOST_H

#include "wasm2native.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct w2n_wasi w2n_wasi;

/* An empty context: descriptors 0 to 2 closed. NULL if memory is short. */
w2n_wasi *w2n_wasi_new(void);
/* Closes all descriptors and frees it. No attached instance may run afterwards. NULL is ignored. */
void w2n_wasi_free(w2n_wasi *ctx);
/* Attaches an instance, or with NULL takes the attachment away: do so before the instance is freed. */
int w2n_wasi_attach(w2n_instance *inst, w2n_wasi *ctx);

/* One argument (the first is the program's name) or one NAME=VALUE of the environment, in order. Copied. */
int w2n_wasi_add_arg(w2n_wasi *ctx, const char *arg);
int w2n_wasi_add_env(w2n_wasi *ctx, const char *name_value);
/* Lets the module use host descriptors 0 to 2 as its own 0 to 2. */
int w2n_wasi_inherit_stdio(w2n_wasi *ctx);
/* Opens the directory `host` and shows it as `guest`. Directories come first: their descriptors have to be 3, 4, ...
 * without a gap, as C libraries look them up. */
int w2n_wasi_add_dir(w2n_wasi *ctx, const char *host, const char *guest);
/* Passes an open socket; the context owns it from then on. */
int w2n_wasi_add_socket(w2n_wasi *ctx, int host_fd);
/* Listens on "ADDR:PORT" (IPv6 addresses in brackets) and passes the socket. */
int w2n_wasi_add_listener(w2n_wasi *ctx, const char *address);

typedef enum w2n_wasi_option {
  W2N_WASI_MAX_OPEN_FILES, /* Most descriptors open at once. Default 2^20: the host's limit counts. */
  W2N_WASI_WALK,           /* 1: resolve paths component by component, as where the kernel has no openat2. */
  W2N_WASI_ALLOW_DEVICES,  /* 1: device nodes and files on procfs may be opened. */
  W2N_WASI_CLOCK,          /* All clocks become a counter that starts here (ns since 1970, the CPU clocks at 0), ... */
  W2N_WASI_CLOCK_STEP,     /* ... each reading adds this many ns (default 1000) and sleeping adds its duration at once. */
  W2N_WASI_SEED            /* random_get becomes a generator that starts from this number. Not for secrets. */
} w2n_wasi_option;
void w2n_wasi_set(w2n_wasi *ctx, w2n_wasi_option option, uint64_t value);

#ifdef __cplusplus
}
#endif
#endif
