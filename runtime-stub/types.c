/* types.c: the process-wide registry of structural types. A type id is an index into `entries`, 0 stands for none. Keys
 * are copied, as modules may go away. One lock for everything: it is used when modules are instantiated only. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "w2n_stub.h"

enum { FIRST_ENTRIES = 128, FIRST_BUCKETS = 256, FIRST_KEYS = 2048 };

typedef struct entry {
  const uint8_t *key;
  uint32_t bytes;
  uint32_t hash;
  uint32_t super;
} entry;

/* Enough for a program of ordinary size without a call of malloc. */
static entry first_entries[FIRST_ENTRIES];
static uint32_t first_buckets[FIRST_BUCKETS];
static uint8_t first_keys[FIRST_KEYS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry *entries = first_entries;
static uint32_t used = 1, room = FIRST_ENTRIES;
static uint32_t *buckets = first_buckets; /* a power of two, at least twice as many as entries; 0: empty */
static uint32_t bucket_count = FIRST_BUCKETS;
static size_t keys_used;

static uint32_t hash_of(const uint8_t *key, size_t bytes) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < bytes; i++) h = (h ^ key[i]) * 16777619u;
  return h;
}

static void insert(uint32_t id) {
  uint32_t i = entries[id].hash & (bucket_count - 1);
  while (buckets[i] != 0) i = (i + 1) & (bucket_count - 1);
  buckets[i] = id;
}

static bool grow(void) {
  entry *more = malloc(2 * (size_t)room * sizeof *more);
  uint32_t *wider = calloc(2 * (size_t)bucket_count, sizeof *wider);
  if (!more || !wider) {
    free(more);
    free(wider);
    return false;
  }
  memcpy(more, entries, used * sizeof *more);
  if (entries != first_entries) free(entries);
  if (buckets != first_buckets) free(buckets);
  entries = more;
  buckets = wider;
  room *= 2;
  bucket_count *= 2;
  for (uint32_t id = 1; id < used; id++) insert(id);
  return true;
}

static const uint8_t *keep_key(const uint8_t *key, size_t bytes) {
  uint8_t *copy;
  if (bytes <= sizeof first_keys - keys_used) {
    copy = first_keys + keys_used;
    keys_used += bytes;
  } else {
    copy = malloc(bytes);
    if (!copy) return NULL;
  }
  memcpy(copy, key, bytes);
  return copy;
}

uint32_t w2n_type_intern(const uint8_t *key, size_t bytes, uint32_t super) {
  uint32_t hash = hash_of(key, bytes), id = 0;
  pthread_mutex_lock(&lock);
  for (uint32_t i = hash & (bucket_count - 1); buckets[i] != 0; i = (i + 1) & (bucket_count - 1)) {
    const entry *e = &entries[buckets[i]];
    if (e->hash == hash && e->bytes == bytes && memcmp(e->key, key, bytes) == 0) {
      id = buckets[i];
      break;
    }
  }
  if (id == 0 && (used < room || grow())) {
    const uint8_t *copy = keep_key(key, bytes);
    if (copy) {
      id = used++;
      entries[id] = (entry){copy, (uint32_t)bytes, hash, super};
      insert(id);
    }
  }
  pthread_mutex_unlock(&lock);
  return id;
}

bool w2n_type_is_subtype(uint32_t sub, uint32_t super) {
  pthread_mutex_lock(&lock);
  while (sub != super && sub != 0) sub = entries[sub].super;
  pthread_mutex_unlock(&lock);
  return sub == super;
}

/* ---- type codes, docs/abi.md ---- */

enum { CONCRETE = 256, HEAP_FUNC = 0x70, HEAP_EXTERN = 0x6f, HEAP_NOFUNC = 0x73, HEAP_NOEXTERN = 0x72 };

uint32_t w2n_type_code(const uint32_t *type_ids, uint32_t code) {
  uint32_t low = code & 0xff, heap = code >> 8;
  if ((low != 0x63 && low != 0x64) || heap < CONCRETE) return code;
  return low | (type_ids[heap - CONCRETE] + CONCRETE) << 8;
}

static bool is_reference(uint32_t code) {
  uint32_t low = code & 0xff;
  return low == 0x63 || low == 0x64 || (low >= 0x69 && low <= 0x74);
}

static bool heap_is_subtype(uint32_t sub, uint32_t super) {
  if (sub == super) return true;
  if (sub >= CONCRETE && super >= CONCRETE) return w2n_type_is_subtype(sub - CONCRETE, super - CONCRETE);
  if (sub >= CONCRETE) return super == HEAP_FUNC;
  if (sub == HEAP_NOFUNC) return super == HEAP_FUNC || super >= CONCRETE;
  return sub == HEAP_NOEXTERN && super == HEAP_EXTERN;
}

bool w2n_code_is_subtype(uint32_t sub, uint32_t super) {
  if (sub == super) return true;
  if (!is_reference(sub) || !is_reference(super)) return false;
  bool sub_null = (sub & 0xff) != 0x64, super_null = (super & 0xff) != 0x64;
  uint32_t sub_heap = sub > 0xff ? sub >> 8 : sub, super_heap = super > 0xff ? super >> 8 : super;
  return (super_null || !sub_null) && heap_is_subtype(sub_heap, super_heap);
}
