/* native.c: runs a scenario in this process. The guest's memory is a mapping of its own that ends at a page without
 * access, so that whatever the stub does beyond it is a fault. Arguments: KIND=TEXT for each grant, in the names of the
 * command line, then the guest's arguments. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef VALGRIND
#include <valgrind/memcheck.h>
#endif

#include "../../../runtime-stub/w2n_abi.h"
#include "../../../runtime-stub/w2n_wasi.h"

enum { MEMORY = 4 * 65536, FIRST = 4096 };

static w2n_instance instance;
w2n_instance *const guest_instance = &instance;
uint8_t *guest_base;
uint32_t area = FIRST;
uint64_t guest_memory_bytes(void);
int guest_run(void);
extern char **environ;
/* A scenario that has something to do before the set-up defines this. */
__attribute__((weak)) void before_setup(const w2n_start *start);

uint64_t guest_memory_bytes(void) { return MEMORY; }

uint8_t *w2n_memory0(w2n_instance *inst, uint64_t *bytes) {
  (void)inst;
  *bytes = MEMORY;
  return guest_base;
}

void w2n_exit(w2n_instance *inst, uint32_t code) {
  (void)inst;
  exit((int)code);
}

static int kind_of(const char *arg, size_t n) {
  static const struct {
    const char *name;
    w2n_grant_kind kind;
  } kinds[] = {{"dir", W2N_GRANT_DIR},           {"env", W2N_GRANT_ENV},
               {"listen", W2N_GRANT_LISTEN},     {"inherit-env", W2N_GRANT_INHERIT_ENV},
               {"arg0", W2N_GRANT_ARG0},         {"max-open-files", W2N_GRANT_MAX_OPEN_FILES},
               {"walk", W2N_GRANT_WALK},         {"allow-devices", W2N_GRANT_ALLOW_DEVICES},
               {"clock", W2N_GRANT_CLOCK},       {"seed", W2N_GRANT_SEED},
               {"timeout", W2N_GRANT_TIMEOUT},   {"seccomp", W2N_GRANT_SECCOMP}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strlen(kinds[i].name) == n && memcmp(kinds[i].name, arg, n) == 0) return (int)kinds[i].kind;
  return -1;
}

int main(int argc, char **argv) {
  w2n_grant grants[32];
  size_t n = 0;
  int i = 1;
  for (; i < argc && n < 32; i++) {
    const char *equals = strchr(argv[i], '=');
    int kind = equals == NULL ? -1 : kind_of(argv[i], (size_t)(equals - argv[i]));
    if (kind < 0) break;
    grants[n++] = (w2n_grant){(w2n_grant_kind)kind, true, equals + 1};
  }
  guest_base = mmap(NULL, MEMORY + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (guest_base == MAP_FAILED || mprotect(guest_base, MEMORY, PROT_READ | PROT_WRITE) != 0) return 125;
  argv[i - 1] = "guest";
  w2n_start start = {argc - i + 1, argv + i - 1, environ, grants, n};
  if (before_setup != NULL) before_setup(&start);
  const char *refusal = w2n_wasi_setup(&start);
  if (refusal != NULL) {
    dprintf(2, "refused: %s\n", refusal);
    return 125;
  }
  int status = guest_run();
#ifdef VALGRIND
  /* Whatever the guest was given has been written by someone. */
  if (VALGRIND_CHECK_MEM_IS_DEFINED(guest_base, MEMORY) != 0) status = 99;
#endif
  return status;
}
