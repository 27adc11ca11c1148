/* memory.c: linear memories. Guard mode reserves 64 KiB without access, then 2^33 + 64 KiB from the base on; other
 * memories reserve what they may grow to, or as much of it as there is. The base never changes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif
#include "w2n_stub.h"

uint64_t w2n_max_memory_bytes = UINT64_MAX;
static pthread_mutex_t grow_lock = PTHREAD_MUTEX_INITIALIZER;

/* Protection changes in units of this: at least the system's page. */
#define UNIT ((uint64_t)65536)
static uint64_t round_up(uint64_t n) { return (n + UNIT - 1) & ~(UNIT - 1); }

void w2n_set_max_memory(uint64_t bytes) { w2n_max_memory_bytes = bytes; }

uint64_t w2n_pages_to_bytes(uint64_t pages, uint32_t page_log2) {
  const uint64_t limit = UINT64_MAX - 2 * UNIT;
  return pages > limit >> page_log2 ? limit : pages << page_log2;
}

bool w2n_memory_is_full(const w2n_memory *m) {
  return m->reserved_bytes >= (uint64_t)1 << 32 && m->mapping_bytes >= W2N_GUARD_LOW + W2N_GUARD_SPAN;
}

static bool reserve(w2n_memory *m, bool full, uint64_t bytes, uint64_t wanted) {
  uint64_t low = full ? W2N_GUARD_LOW : 0;
  for (;;) {
    m->mapping_bytes = full ? W2N_GUARD_LOW + W2N_GUARD_SPAN : round_up(wanted) + UNIT;
    m->mapping = w2n_map_reserved(m->mapping_bytes);
    if (m->mapping) break;
    if (full || wanted <= bytes) return false;
    wanted = wanted / 2 > bytes ? wanted / 2 : bytes;
  }
  m->base = (uint8_t *)m->mapping + low;
  m->reserved_bytes = full ? (uint64_t)1 << 32 : wanted;
  return true;
}

#ifdef __APPLE__
static bool take_image(uint8_t *base, uint8_t *image, uint64_t bytes) {
  vm_address_t to = (vm_address_t)base; /* 64 bits, as mach_vm_remap's */
  vm_prot_t now, most;
  return vm_remap(mach_task_self(), &to, bytes, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, mach_task_self(),
                  (vm_address_t)image, TRUE, &now, &most, VM_INHERIT_COPY) == KERN_SUCCESS;
}
#elif defined(__linux__)
static bool take_image(uint8_t *base, uint8_t *image, uint64_t bytes) {
  return mremap(image, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, base) == base;
}
#endif

bool w2n_image_moves(const w2n_module *module) {
  return module->image_bytes > 0 && (module->header->flags & W2N_FLAG_PAGED_IMAGE);
}

/* Makes [0, m->bytes) accessible, with the image in its place. */
static bool fill(w2n_memory *m, const w2n_module *module, bool move) {
  uint64_t accessible = round_up(m->bytes);
  if (accessible > 0 && !w2n_make_writable(m->base, accessible)) return false;
  if (!module || module->image_bytes == 0) return true;
  uint8_t *to = m->base + module->image_offset;
  if (!move || !w2n_image_moves(module) || !take_image(to, module->image, module->image_bytes))
    memcpy(to, module->image, module->image_bytes);
  return true;
}

int w2n_memory_make(w2n_memory *m, const w2n_memory_row *row, bool full, const w2n_module *module, bool move) {
  uint64_t most = row->flags & W2N_MEM_64 ? (uint64_t)1 << 36 : (uint64_t)1 << 32;
  m->bytes = w2n_pages_to_bytes(row->min_pages, row->page_log2);
  m->max_bytes = row->max_pages == W2N_NO_MAX ? W2N_NO_MAX : w2n_pages_to_bytes(row->max_pages, row->page_log2);
  m->flags = row->flags & ~(uint32_t)W2N_MEM_IMPORTED;
  m->page_log2 = row->page_log2;
  if (m->bytes > w2n_max_memory_bytes) return W2N_NO_MEMORY;
  uint64_t wanted = m->max_bytes < most ? m->max_bytes : most;
  if (wanted > w2n_max_memory_bytes) wanted = w2n_max_memory_bytes;
  if (wanted < m->bytes) wanted = m->bytes;
  if (!reserve(m, full, m->bytes, wanted)) return full ? W2N_NO_RESERVATION : W2N_NO_MEMORY;
  if (!fill(m, module, move) || !w2n_range_add(W2N_RANGE_MEMORY, m->mapping, m->mapping_bytes, m)) {
    w2n_unmap(m->mapping, m->mapping_bytes);
    m->mapping = NULL;
    return W2N_NO_MEMORY;
  }
  return W2N_OK;
}

void w2n_memory_unmake(w2n_memory *m) {
  if (!m->mapping) return;
  w2n_range_remove(W2N_RANGE_MEMORY, m->mapping);
  w2n_unmap(m->mapping, m->mapping_bytes);
  m->mapping = NULL;
}

uint64_t w2n_memory_extend(w2n_memory *m, uint64_t pages) {
  uint64_t limit = m->max_bytes < m->reserved_bytes ? m->max_bytes : m->reserved_bytes, old;
  if (limit > w2n_max_memory_bytes) limit = w2n_max_memory_bytes;
  pthread_mutex_lock(&grow_lock);
  old = m->bytes;
  uint64_t result = old >> m->page_log2;
  if (pages > 0) {
    uint64_t left = limit > old ? (limit - old) >> m->page_log2 : 0, bytes = old + (pages << m->page_log2);
    if (pages > left) {
      result = UINT64_MAX;
    } else {
      uint64_t from = round_up(old), to = round_up(bytes);
      if (to > from && !w2n_make_writable(m->base + from, to - from)) result = UINT64_MAX;
      else __atomic_store_n(&m->bytes, bytes, __ATOMIC_SEQ_CST);
    }
  }
  pthread_mutex_unlock(&grow_lock);
  return result;
}

w2n_memory *w2n_memory_new(uint64_t min, uint64_t max) {
  w2n_memory_row row = {.min_pages = min, .max_pages = max, .page_log2 = 16};
  w2n_memory *m = calloc(1, sizeof *m);
  if (m && w2n_memory_make(m, &row, true, NULL, false) == W2N_OK) return m;
  free(m);
  return NULL;
}

void w2n_memory_free(w2n_memory *m) {
  if (m) w2n_memory_unmake(m);
  free(m);
}

uint8_t *w2n_memory_data(const w2n_memory *m) { return m->base; }
uint64_t w2n_memory_size(const w2n_memory *m) { return __atomic_load_n(&m->bytes, __ATOMIC_SEQ_CST); }

int64_t w2n_memory_grow(w2n_memory *m, uint64_t pages) { return (int64_t)w2n_memory_extend(m, pages); }
