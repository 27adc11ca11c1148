/* wasi_context.c: contexts, their set-up by embedders (w2n_wasi_host.h), and which context an instance has. */
#include "wasi_internal.h"

#ifndef O_PATH
#define O_PATH 0
#endif

/* Which instance has which context: a list that only grows, with places that are used again. Readers take no lock, as
 * each instance has its own thread. Executables attach nothing. */
typedef struct attachment {
  struct attachment *next;
  const w2n_instance *inst; /* NULL: free */
  w2n_wasi *ctx;
} attachment;

static attachment *attachments;

static attachment *find(const w2n_instance *inst) {
  attachment *a = __atomic_load_n(&attachments, __ATOMIC_ACQUIRE);
  while (a != NULL && __atomic_load_n(&a->inst, __ATOMIC_ACQUIRE) != inst) a = a->next;
  return a;
}

w2n_wasi *wasi_context(const w2n_instance *inst) {
  if (__atomic_load_n(&attachments, __ATOMIC_ACQUIRE) == NULL) return &wasi_default;
  const attachment *a = find(inst);
  return a == NULL ? &wasi_default : a->ctx;
}

int w2n_wasi_attach(w2n_instance *inst, w2n_wasi *ctx) {
  static const char taken; /* Its address is no instance: a place between being free and being filled in. */
  const w2n_instance *claim = (const w2n_instance *)(const void *)&taken;
  attachment *a = find(inst);
  if (a != NULL) {
    a->ctx = ctx;
    if (ctx == NULL) __atomic_store_n(&a->inst, NULL, __ATOMIC_RELEASE);
    return 0;
  }
  if (ctx == NULL) return 0;
  for (a = __atomic_load_n(&attachments, __ATOMIC_ACQUIRE); a != NULL; a = a->next) {
    const w2n_instance *none = NULL;
    if (__atomic_compare_exchange_n(&a->inst, &none, claim, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) break;
  }
  if (a == NULL) {
    if ((a = malloc(sizeof *a)) == NULL) return ENOMEM;
    *a = (attachment){.inst = claim};
    a->next = __atomic_load_n(&attachments, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&attachments, &a->next, a, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
  }
  a->ctx = ctx;
  __atomic_store_n(&a->inst, inst, __ATOMIC_RELEASE);
  return 0;
}

w2n_wasi *w2n_wasi_new(void) {
  w2n_wasi *c = malloc(sizeof *c);
  if (c != NULL) *c = (w2n_wasi)WASI_DEFAULTS;
  return c;
}

void w2n_wasi_free(w2n_wasi *c) {
  if (c == NULL) return;
  for (uint32_t i = 0; i < c->count; i++)
    if (c->entries[i].host >= 0) wasi_close_entry(c, &c->entries[i]);
  if (!c->lent) free(c->entries);
  if (!c->args.lent) free(c->args.bytes);
  if (!c->env.lent) free(c->env.bytes);
  free(c);
}

static int add_string(wasi_strings *s, const char *text) {
  size_t bytes = strlen(text) + 1;
  if (s->size + bytes > UINT32_MAX) return E2BIG;
  if (s->size + bytes > s->capacity) {
    size_t capacity = 2 * s->capacity + bytes;
    char *grown = wasi_grow(s->bytes, &s->lent, s->size, capacity);
    if (grown == NULL) return ENOMEM;
    s->bytes = grown;
    s->capacity = capacity;
  }
  memcpy(s->bytes + s->size, text, bytes);
  s->size += bytes;
  s->count++;
  return 0;
}

int w2n_wasi_add_arg(w2n_wasi *c, const char *arg) { return add_string(&c->args, arg); }
int w2n_wasi_add_env(w2n_wasi *c, const char *name_value) { return add_string(&c->env, name_value); }

/* A free number in a fresh table must be the wanted one: standard streams are numbers, not just descriptors. */
int wasi_add_at_end(w2n_wasi *c, const wasi_entry *e) {
  uint32_t fd;
  int32_t r = wasi_insert(c, e, &fd);
  return r == WASI_OK ? 0 : r == WASI_MFILE ? EMFILE : ENOMEM;
}

int w2n_wasi_inherit_stdio(w2n_wasi *c) {
  for (int fd = 0; fd < 3; fd++) {
    wasi_entry e = {.host = fd, .bits = WASI_SHARED | WASI_UNPROBED};
    e.base = WASI_R_FDSTAT_SET_FLAGS | WASI_R_FILESTAT_GET | WASI_R_POLL |
             (fd == 0 ? WASI_R_READ : WASI_R_WRITE | WASI_R_SYNC | WASI_R_DATASYNC);
    int r = wasi_add_at_end(c, &e);
    if (r != 0) return r;
  }
  return 0;
}

int w2n_wasi_add_dir(w2n_wasi *c, const char *host, const char *guest) {
  int fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == EACCES && O_PATH != 0) fd = open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  wasi_entry e = {.host = fd, .type = WASI_TYPE_DIRECTORY, .base = WASI_R_DIRECTORY, .inheriting = WASI_R_ALL};
  int r = ENOMEM;
  e.preopen = strdup(guest);
  if (e.preopen != NULL) r = wasi_add_at_end(c, &e);
  if (r != 0) {
    close(fd);
    free(e.preopen);
  }
  return r;
}

void w2n_wasi_set(w2n_wasi *c, w2n_wasi_option option, uint64_t value) {
  switch (option) {
    case W2N_WASI_MAX_OPEN_FILES: c->limit = value > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)value; break;
    case W2N_WASI_WALK: c->walk = value != 0; break;
    case W2N_WASI_ALLOW_DEVICES: c->allow_devices = value != 0; break;
    case W2N_WASI_CLOCK:
      c->fixed_clock = true;
      c->clock_start = value;
      c->clock = 0;
      break;
    case W2N_WASI_CLOCK_STEP: c->clock_step = value; break;
    case W2N_WASI_SEED:
      c->seeded = true;
      c->random_state = value;
      break;
  }
}
