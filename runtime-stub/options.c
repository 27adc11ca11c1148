/* options.c: what an executable was built to grant (`config` in its header) and what WASM2NATIVE_OPTS adds. Inputs: the
 * header and the environment; output: grants in order, baked ones first, and the stub's own limits. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <unistd.h>
#endif
#include "w2n_options.h"

typedef enum effect { GRANT, STACK_SIZE, MAX_MEMORY, MAX_TABLE, FIXED_GRANTS } effect;
typedef struct option {
  const char *key;
  effect effect;
  w2n_grant_kind grant;
  bool at_run_time; /* also in WASM2NATIVE_OPTS */
} option;

static const option options[] = {
    {"dir", GRANT, W2N_GRANT_DIR, true},
    {"env", GRANT, W2N_GRANT_ENV, true},
    {"listen", GRANT, W2N_GRANT_LISTEN, true},
    {"stack-size", STACK_SIZE, 0, true},
    {"max-memory", MAX_MEMORY, 0, true},
    {"max-table-elements", MAX_TABLE, 0, false},
    {"inherit-env", GRANT, W2N_GRANT_INHERIT_ENV, false},
    {"fixed-grants", FIXED_GRANTS, 0, false},
    {"arg0", GRANT, W2N_GRANT_ARG0, false},
    {"max-open-files", GRANT, W2N_GRANT_MAX_OPEN_FILES, false},
    {"x-walk", GRANT, W2N_GRANT_WALK, false},
    {"allow-devices", GRANT, W2N_GRANT_ALLOW_DEVICES, false},
    {"clock", GRANT, W2N_GRANT_CLOCK, false},
    {"seed", GRANT, W2N_GRANT_SEED, false},
    {"timeout", GRANT, W2N_GRANT_TIMEOUT, false},
    {"seccomp", GRANT, W2N_GRANT_SECCOMP, false},
};

enum { FEW = 64 };
static w2n_grant few[FEW];

static const option *find(const char *key, size_t bytes) {
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    if (strlen(options[i].key) == bytes && memcmp(options[i].key, key, bytes) == 0) return &options[i];
  return NULL;
}

static bool number(const char *text, uint64_t *out) {
  uint64_t n = 0;
  if (*text == 0) return false;
  for (; *text; text++) {
    uint64_t digit = (uint64_t)(*text - '0');
    if (*text < '0' || *text > '9' || n > (UINT64_MAX - digit) / 10) return false;
    n = n * 10 + digit;
  }
  *out = n;
  return true;
}

/* Applies one option; `o->count` must be below the room that was counted. */
static bool apply(w2n_options *o, const option *found, bool baked, const char *text) {
  uint64_t n;
  switch (found->effect) {
    case GRANT: o->grants[o->count++] = (w2n_grant){found->grant, baked, text}; return true;
    case FIXED_GRANTS: o->fixed = true; return true;
    case STACK_SIZE:
      if (!number(text, &n)) return false;
      w2n_set_stack_size(n);
      return true;
    case MAX_TABLE:
      if (!number(text, &n)) return false;
      w2n_set_max_table_elements(n);
      return true;
    default:
      if (!number(text, &n)) return false;
      w2n_set_max_memory(n);
      return true;
  }
}

/* The next word of *p, unescaped in place and NUL-terminated; NULL at the end. */
static char *next_word(char **p) {
  char *from = *p, *to, *word;
  while (*from == ' ' || *from == '\t' || *from == '\n') from++;
  if (*from == 0) return NULL;
  word = to = from;
  while (*from != 0 && *from != ' ' && *from != '\t' && *from != '\n') {
    if (*from == '\\' && from[1] != 0) from++;
    *to++ = *from++;
  }
  *p = *from == 0 ? from : from + 1;
  *to = 0;
  return word;
}

static const char *read_environment(w2n_options *o, char *text) {
  for (char *word; (word = next_word(&text)) != NULL;) {
    if (word[0] != '-' || word[1] != '-') return "WASM2NATIVE_OPTS: an option begins with --";
    char *equals = strchr(word, '=');
    size_t bytes = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const option *found = find(word + 2, bytes);
    if (!found || !found->at_run_time)
      return "WASM2NATIVE_OPTS: only --dir, --env, --listen, --stack-size and --max-memory are known";
    const char *value = equals ? equals + 1 : next_word(&text);
    if (!value) return "WASM2NATIVE_OPTS: the last option has no value";
    if (!apply(o, found, false, value)) return "WASM2NATIVE_OPTS: --stack-size and --max-memory take a number of bytes";
  }
  return NULL;
}

/* WASM2NATIVE_OPTS, unless the program runs with more rights than who started it. */
static const char *environment_options(void) {
#ifdef __APPLE__
  return issetugid() ? NULL : getenv("WASM2NATIVE_OPTS");
#else
  return secure_getenv("WASM2NATIVE_OPTS");
#endif
}

const char *w2n_read_options(const w2n_header *h, w2n_options *o) {
  const char *config = w2n_at(h, h->sections[W2N_S_CONFIG].offset), *end = config + w2n_count(h, W2N_S_CONFIG);
  const char *text = environment_options();
  /* Each grant takes at least two bytes of either text. */
  size_t most = 0;
  for (const char *p = config; p < end; p++) most += *p == 0;
  if (text) most += strlen(text) / 2 + 1;
  o->grants = few;
  if (most > FEW && (o->grants = malloc(most * sizeof *o->grants)) == NULL) return "out of memory";
  while (config < end) {
    const char *value = config + strlen(config) + 1;
    const option *found = find(config, strlen(config));
    if (!found || !apply(o, found, true, value)) return "unknown setting in the executable";
    config = value + strlen(value) + 1;
  }
  if (!text || o->fixed) return NULL;
  char *copy = strdup(text); /* grants point into it */
  return copy ? read_environment(o, copy) : "out of memory";
}
