/* ranges.c: the texts and memory reservations of the process, for the signal handler. Writers hold a lock; readers take
 * none: an entry is visible from the moment its `start` is stored until that is cleared. Chunks are never freed. */
#include <pthread.h>
#include <stdatomic.h>
#include "w2n_stub.h"

enum { CHUNK = 62 };

typedef struct range {
  _Atomic(uintptr_t) start; /* 0: free */
  _Atomic(uintptr_t) end;
  _Atomic(const void *) owner;
  int kind;
  uint32_t users;
} range;

typedef struct chunk {
  struct chunk *_Atomic next;
  range ranges[CHUNK];
} chunk;

static chunk first_chunk;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static range *find_start(int kind, uintptr_t start) {
  for (chunk *c = &first_chunk; c; c = atomic_load_explicit(&c->next, memory_order_relaxed))
    for (int i = 0; i < CHUNK; i++)
      if (atomic_load_explicit(&c->ranges[i].start, memory_order_relaxed) == start &&
          (start == 0 || c->ranges[i].kind == kind))
        return &c->ranges[i];
  return NULL;
}

static range *find_free(void) {
  range *r = find_start(0, 0);
  if (r) return r;
  chunk *c = &first_chunk;
  while (atomic_load_explicit(&c->next, memory_order_relaxed)) c = atomic_load_explicit(&c->next, memory_order_relaxed);
  chunk *made = w2n_map(sizeof *made);
  if (!made) return NULL;
  atomic_store_explicit(&c->next, made, memory_order_release);
  return &made->ranges[0];
}

bool w2n_range_add(int kind, const void *start, uint64_t bytes, const void *owner) {
  pthread_mutex_lock(&lock);
  range *r = find_start(kind, (uintptr_t)start);
  if (!r && (r = find_free()) != NULL) {
    r->kind = kind;
    r->users = 0;
    atomic_store_explicit(&r->end, (uintptr_t)start + bytes, memory_order_relaxed);
    atomic_store_explicit(&r->owner, owner, memory_order_relaxed);
    atomic_store_explicit(&r->start, (uintptr_t)start, memory_order_release);
  }
  if (r) r->users++;
  pthread_mutex_unlock(&lock);
  return r != NULL;
}

void w2n_range_remove(int kind, const void *start) {
  pthread_mutex_lock(&lock);
  range *r = find_start(kind, (uintptr_t)start);
  if (r && --r->users == 0) atomic_store_explicit(&r->start, 0, memory_order_release);
  pthread_mutex_unlock(&lock);
}

const void *w2n_range_find(int kind, uintptr_t address, const void **owner) {
  for (chunk *c = &first_chunk; c; c = atomic_load_explicit(&c->next, memory_order_acquire)) {
    for (int i = 0; i < CHUNK; i++) {
      range *r = &c->ranges[i];
      uintptr_t start = atomic_load_explicit(&r->start, memory_order_acquire);
      if (start == 0 || r->kind != kind) continue;
      if (address < start || address >= atomic_load_explicit(&r->end, memory_order_relaxed)) continue;
      if (owner) *owner = atomic_load_explicit(&r->owner, memory_order_relaxed);
      return (const void *)start;
    }
  }
  return NULL;
}
