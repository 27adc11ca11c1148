/* pages.c: address space from the system. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "w2n_stub.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

void *w2n_map(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

void *w2n_map_reserved(uint64_t bytes) {
  void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

void w2n_unmap(void *p, uint64_t bytes) {
  if (p) munmap(p, bytes);
}

bool w2n_make_writable(void *p, uint64_t bytes) { return mprotect(p, bytes, PROT_READ | PROT_WRITE) == 0; }
