/* store.c: see store.h. Nothing is freed before store_reset, as instances may refer to each other. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

typedef struct registered {
  char *name;
  size_t bytes;
  w2n_instance *instance;
} registered;

static loaded_object *modules;
static w2n_instance **instances;
static registered *names;
static uint32_t module_count, instance_count, name_count;

/* ---- spectest: what the specification's tests import. Made when something asks for it, the memory apart: reserving
 * its address space is slow under qemu-user. ---- */

enum { PRINTS = 7, GLOBALS = 4 };
static const struct {
  const char *name, *params;
} prints[PRINTS] = {{"print", ""},      {"print_i32", "i"},      {"print_i64", "I"},     {"print_f32", "f"},
                    {"print_f64", "d"}, {"print_i32_f32", "if"}, {"print_f64_f64", "dd"}};
static w2n_func *print_funcs[PRINTS];
static const char *const global_names[GLOBALS] = {"global_i32", "global_i64", "global_f32", "global_f64"};
static w2n_global globals[GLOBALS];
static w2n_table *table;
static w2n_memory *memory;
static bool have_spectest;

static uint32_t print(void *env, w2n_value *vals) {
  (void)env;
  (void)vals;
  return 0;
}

static bool make_spectest(void) {
  static const uint32_t types[GLOBALS] = {W2N_I32, W2N_I64, W2N_F32, W2N_F64};
  w2n_value values[GLOBALS] = {{.i32 = 666}, {.i64 = 666}, {.f32 = 666.6f}, {.f64 = 666.6}};
  have_spectest = true;
  for (int i = 0; i < PRINTS; i++)
    if (!(print_funcs[i] = w2n_func_new_sig(prints[i].params, "", print, NULL))) return false;
  for (int i = 0; i < GLOBALS; i++)
    if (!w2n_global_new(types[i], false, &values[i], &globals[i])) return false;
  table = w2n_table_new(W2N_FUNCREF, 10, 20, NULL);
  return table;
}

static void free_spectest(void) {
  for (int i = 0; i < PRINTS; i++) w2n_func_free(print_funcs[i]);
  for (int i = 0; i < GLOBALS; i++) w2n_global_free(&globals[i]);
  w2n_table_free(table);
  w2n_memory_free(memory);
  memset(print_funcs, 0, sizeof print_funcs);
  table = NULL;
  memory = NULL;
  have_spectest = false;
}

static bool is(const char *text, const char *name, size_t bytes) {
  return strlen(text) == bytes && memcmp(text, name, bytes) == 0;
}

static bool find_spectest(const char *name, size_t bytes, w2n_extern *out) {
  if (!have_spectest && !make_spectest()) return false;
  for (int i = 0; i < PRINTS; i++) {
    if (!is(prints[i].name, name, bytes)) continue;
    *out = (w2n_extern){W2N_FUNC, {.func = print_funcs[i]}};
    return true;
  }
  for (int i = 0; i < GLOBALS; i++) {
    if (!is(global_names[i], name, bytes)) continue;
    *out = (w2n_extern){W2N_GLOBAL, {.global = globals[i]}};
    return true;
  }
  if (is("table", name, bytes)) *out = (w2n_extern){W2N_TABLE, {.table = table}};
  else if (is("memory", name, bytes)) {
    if (!memory && !(memory = w2n_memory_new(1, 2))) return false;
    *out = (w2n_extern){W2N_MEMORY, {.memory = memory}};
  } else return false;
  return true;
}

static bool resolve(void *env, const char *module, size_t module_bytes, const char *name, size_t name_bytes,
                    w2n_extern *out) {
  (void)env;
  for (uint32_t i = name_count; i-- > 0;)
    if (names[i].bytes == module_bytes && memcmp(names[i].name, module, module_bytes) == 0)
      return w2n_export(names[i].instance, name, name_bytes, out);
  return is("spectest", module, module_bytes) && find_spectest(name, name_bytes, out);
}

/* ---- modules and instances ---- */

uint32_t store_add_module(loaded_object object) {
  loaded_object *more = realloc(modules, (module_count + 1) * sizeof *more);
  if (!more) return W2N_NONE;
  modules = more;
  modules[module_count] = object;
  return module_count++;
}

const w2n_module *store_module(uint32_t number) { return number < module_count ? modules[number].module : NULL; }

int store_instantiate(uint32_t module, uint32_t *number) {
  w2n_imports imports = {.resolve = resolve};
  w2n_instance *made;
  *number = W2N_NONE;
  w2n_instance **more = realloc(instances, (instance_count + 1) * sizeof *more);
  if (!more) return W2N_NO_MEMORY;
  instances = more;
  int status = w2n_instantiate(modules[module].module, &imports, &made);
  if (made) {
    *number = instance_count;
    instances[instance_count++] = made;
  }
  return status;
}

w2n_instance *store_instance(uint32_t number) { return number < instance_count ? instances[number] : NULL; }

bool store_register(uint32_t instance, const char *name, size_t bytes) {
  registered *more = realloc(names, (name_count + 1) * sizeof *more);
  char *copy = malloc(bytes + 1);
  if (more) names = more;
  if (!more || !copy) {
    free(copy);
    return false;
  }
  memcpy(copy, name, bytes);
  names[name_count++] = (registered){copy, bytes, instances[instance]};
  return true;
}

void store_reset(void) {
  for (uint32_t i = instance_count; i-- > 0;) w2n_free(instances[i]);
  for (uint32_t i = 0; i < module_count; i++) unload_object(&modules[i]);
  for (uint32_t i = 0; i < name_count; i++) free(names[i].name);
  free(instances);
  free(modules);
  free(names);
  instances = NULL;
  modules = NULL;
  names = NULL;
  instance_count = module_count = name_count = 0;
  if (have_spectest) free_spectest();
}
