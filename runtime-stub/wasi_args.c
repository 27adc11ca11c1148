/* wasi_args.c: arguments and environment. */
#include "wasi_internal.h"

/* Writes the addresses at `list` and the strings, with their NULs, at `buffer`. */
static int32_t put_strings(w2n_instance *caller, const wasi_strings *s, int32_t list, int32_t buffer) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *addresses = wasi_at(&m, list, 4 * (uint64_t)s->count);
  uint8_t *text = wasi_at(&m, buffer, s->size);
  if (addresses == NULL || text == NULL) return WASI_FAULT;
  size_t at = 0;
  for (uint32_t i = 0; i < s->count; i++) {
    wasi_store32(addresses + 4 * (size_t)i, (uint32_t)buffer + (uint32_t)at);
    at += strlen(s->bytes + at) + 1;
  }
  if (s->size != 0) memcpy(text, s->bytes, s->size);
  return WASI_OK;
}

static int32_t put_sizes(w2n_instance *caller, const wasi_strings *s, int32_t count, int32_t bytes) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *c = wasi_at(&m, count, 4), *b = wasi_at(&m, bytes, 4);
  if (c == NULL || b == NULL) return WASI_FAULT;
  wasi_store32(c, s->count);
  wasi_store32(b, (uint32_t)s->size);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__args_get(w2n_instance *caller, int32_t argv, int32_t buffer) {
  return put_strings(caller, &wasi_context(caller)->args, argv, buffer);
}

int32_t wasi_snapshot_preview1__args_sizes_get(w2n_instance *caller, int32_t count, int32_t bytes) {
  return put_sizes(caller, &wasi_context(caller)->args, count, bytes);
}

int32_t wasi_snapshot_preview1__environ_get(w2n_instance *caller, int32_t environ, int32_t buffer) {
  return put_strings(caller, &wasi_context(caller)->env, environ, buffer);
}

int32_t wasi_snapshot_preview1__environ_sizes_get(w2n_instance *caller, int32_t count, int32_t bytes) {
  return put_sizes(caller, &wasi_context(caller)->env, count, bytes);
}
