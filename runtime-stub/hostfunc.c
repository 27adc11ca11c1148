/* hostfunc.c: host functions as array functions. Their objects look like instances to compiled code. */
#include <stdlib.h>
#include <string.h>
#include "w2n_stub.h"

/* What host thunks call: remembers which host function runs, so that a trap from it finds the wasm frames below. */
static uint32_t run(void *env, w2n_value *vals) {
  w2n_host_object *object = env, *outer = w2n_self->host;
  w2n_self->host = object;
  w2n_self->passed_on = 0;
  uint32_t kind = object->user_fn(object->user_env, vals);
  w2n_self->host = outer;
  return kind;
}

struct call {
  w2n_host_object *object;
  w2n_value *vals;
  uint32_t kind;
};

static void run_call(void *arg) {
  struct call *c = arg;
  c->kind = c->object->user_fn(c->object->user_env, c->vals);
}

/* Called from C: a trap comes back as a result here, too. */
uint32_t w2n_host_entry(w2n_instance *inst, const w2n_func *f, w2n_value *vals) {
  (void)f;
  struct call c = {(w2n_host_object *)inst, vals, 0};
  uint32_t kind = w2n_try(run_call, &c);
  return kind ? kind : c.kind;
}

void w2n_host_copy(w2n_host_object *to, const w2n_host_object *from) {
  to->head.helpers = &w2n_helper_table;
  to->fn = run;
  to->env = to;
  to->user_fn = from->user_fn;
  to->user_env = from->user_env;
}

static w2n_func *make(uint32_t type_id, uint32_t local_type, const void *code, w2n_host_fn fn, void *env) {
  w2n_thread *t = w2n_thread_get();
  w2n_host_object *object = type_id && t ? calloc(1, sizeof *object) : NULL;
  if (!object) return NULL;
  object->head.host_limit = t->host_limit;
  w2n_host_copy(object, &(w2n_host_object){.user_fn = fn, .user_env = env});
  object->func = (w2n_func){code, type_id, local_type, &object->head, w2n_host_entry};
  return &object->func;
}

w2n_func *w2n_func_new(const w2n_module *module, uint32_t import, w2n_host_fn fn, void *env) {
  const w2n_header *h = module->header;
  if (import >= w2n_count(h, W2N_S_FUNCTIONS)) return NULL;
  uint32_t local = w2n_functions(h)[import].type;
  const w2n_type_row *type = &w2n_types(h)[local];
  uint32_t super = 0;
  /* Supertypes come first in the index space, so this ends. */
  if (type->super != W2N_NONE) {
    const w2n_type_row *s = &w2n_types(h)[type->super];
    super = w2n_type_intern(w2n_at(h, s->key_offset), s->key_bytes, 0);
  }
  uint32_t id = w2n_type_intern(w2n_at(h, type->key_offset), type->key_bytes, super);
  return make(id, local, type->host_thunk ? w2n_at(h, type->host_thunk) : NULL, fn, env);
}

static size_t put_codes(uint8_t *to, const char *letters) {
  static const char names[] = "iIfdvre";
  static const uint8_t codes[] = {W2N_I32, W2N_I64, W2N_F32, W2N_F64, W2N_V128, W2N_FUNCREF, W2N_EXTERNREF};
  size_t n = strlen(letters), at = 0;
  for (size_t rest = n; ; rest >>= 7) {
    to[at++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) break;
  }
  for (size_t i = 0; i < n; i++) {
    const char *found = strchr(names, letters[i]);
    if (!found) return 0;
    to[at++] = codes[found - names];
  }
  return at;
}

w2n_func *w2n_func_new_sig(const char *params, const char *results, w2n_host_fn fn, void *env) {
  uint8_t key[2100] = {0x60};
  if (strlen(params) > 1000 || strlen(results) > 1000) return NULL;
  size_t first = put_codes(key + 1, params), second = first ? put_codes(key + 1 + first, results) : 0;
  if (second == 0) return NULL;
  return make(w2n_type_intern(key, 1 + first + second, 0), 0, NULL, fn, env);
}

void w2n_func_free(w2n_func *f) {
  if (f) free((uint8_t *)f - offsetof(w2n_host_object, func));
}
