/* wasi_setup.c: the main program's default context from its grants (w2n_wasi.h). Refuses with one line of text. */
#include "wasi_internal.h"

#include <poll.h>
#include <signal.h>

/* Here, so that what uses it brings w2n_wasi_setup along from the archive: main.c's weak reference does not. */
w2n_wasi wasi_default = WASI_DEFAULTS;

/* wasi_sock.c comes along with the functions of sockets that a program imports. */
extern int w2n_wasi_add_listener(w2n_wasi *ctx, const char *address) __attribute__((weak));

/* Room for what most programs are given, so that starting takes no allocation. */
enum { FIRST_ENTRIES = 8, FIRST_BYTES = 1024 };
static wasi_entry first_entries[FIRST_ENTRIES];
static char first_args[FIRST_BYTES], first_env[FIRST_BYTES];

static void lend(w2n_wasi *c) {
  for (int i = 0; i < FIRST_ENTRIES; i++) first_entries[i].host = -1;
  c->entries = first_entries;
  c->count = FIRST_ENTRIES;
  c->lent = true;
  c->args = (wasi_strings){.bytes = first_args, .capacity = FIRST_BYTES, .lent = true};
  c->env = (wasi_strings){.bytes = first_env, .capacity = FIRST_BYTES, .lent = true};
}

/* A message lives until the process ends: it is made at most once. */
static const char *complain(const char *what, const char *object, const char *why) {
  static char text[512];
  const char *parts[] = {what, " '", object, "': ", why};
  size_t n = 0;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    for (const char *p = parts[i]; *p != 0 && n < sizeof text - 1; p++)
      text[n++] = (unsigned char)*p < 32 ? '?' : *p; /* No control characters on a terminal. */
  text[n] = 0;
  return text;
}

static bool number(const char **p, uint64_t *out) {
  uint64_t v = 0;
  const char *s = *p;
  if (*s < '0' || *s > '9') return false;
  for (; *s >= '0' && *s <= '9'; s++) {
    uint64_t digit = (uint64_t)(*s - '0');
    if (v > (UINT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
  }
  *p = s;
  *out = v;
  return true;
}

/* Applies a grant whose text is a number, for the clock START or START/STEP. */
static bool apply_number(w2n_wasi *c, w2n_grant_kind kind, const char *text, const char **refusal) {
  uint64_t v, step;
  if (!number(&text, &v)) return false;
  if (kind == W2N_GRANT_CLOCK && *text == '/') {
    text++;
    if (!number(&text, &step)) return false;
    w2n_wasi_set(c, W2N_WASI_CLOCK_STEP, step);
  }
  if (*text != 0) return false;
  switch (kind) {
    case W2N_GRANT_MAX_OPEN_FILES: w2n_wasi_set(c, W2N_WASI_MAX_OPEN_FILES, v); break;
    case W2N_GRANT_CLOCK: w2n_wasi_set(c, W2N_WASI_CLOCK, v); break;
    case W2N_GRANT_SEED: w2n_wasi_set(c, W2N_WASI_SEED, v); break;
    default: *refusal = wasi_install_timeout(v); break;
  }
  return true;
}

/* The "::" in HOST::GUEST, or NULL. (strstr is larger than it looks where libc is linked statically.) */
static const char *guest_part(const char *text) {
  const char *p = strchr(text, ':');
  while (p != NULL && p[1] != ':') p = strchr(p + 1, ':');
  return p;
}

/* --dir HOST or HOST::GUEST. */
static const char *add_dir(w2n_wasi *c, const char *text) {
  const char *sep = guest_part(text);
  int r = ENOMEM;
  if (sep == NULL) r = w2n_wasi_add_dir(c, text, text);
  else {
    char *host = strdup(text);
    if (host != NULL) {
      host[sep - text] = 0;
      r = w2n_wasi_add_dir(c, host, sep + 2);
      free(host);
    }
  }
  return r == 0 ? NULL : complain("cannot open directory", text, strerror(r));
}

/* --env NAME=VALUE, or NAME: the host's value if there is one. A later setting of a name replaces an earlier one. */
static int add_env(w2n_wasi *c, const char *text, char **envp) {
  size_t name = strcspn(text, "=");
  if (text[name] == 0) {
    for (; *envp != NULL; envp++)
      if (strncmp(*envp, text, name) == 0 && (*envp)[name] == '=') break;
    if (*envp == NULL) return 0;
    text = *envp;
  }
  char *p = c->env.bytes;
  for (uint32_t i = 0; i < c->env.count; i++) {
    size_t bytes = strlen(p) + 1;
    if (strncmp(p, text, name + 1) == 0) {
      memmove(p, p + bytes, c->env.size - (size_t)(p - c->env.bytes) - bytes);
      c->env.size -= bytes;
      c->env.count--;
      break;
    }
    p += bytes;
  }
  return w2n_wasi_add_env(c, text);
}

/* The runtime's own settings are not the program's business. */
static int inherit_env(w2n_wasi *c, char **envp) {
  int r = 0;
  for (; r == 0 && *envp != NULL; envp++)
    if (strchr(*envp, '=') != NULL && strncmp(*envp, "WASM2NATIVE_OPTS=", 17) != 0) r = add_env(c, *envp, envp);
  return r;
}

static const char *apply(w2n_wasi *c, const w2n_grant *g, char **envp) {
  const char *refusal = NULL;
  int r = 0;
  switch (g->kind) {
    case W2N_GRANT_DIR: return add_dir(c, g->text);
    case W2N_GRANT_ENV: r = add_env(c, g->text, envp); break;
    case W2N_GRANT_INHERIT_ENV: r = inherit_env(c, envp); break;
    case W2N_GRANT_WALK: w2n_wasi_set(c, W2N_WASI_WALK, 1); break;
    case W2N_GRANT_ALLOW_DEVICES: w2n_wasi_set(c, W2N_WASI_ALLOW_DEVICES, 1); break;
    case W2N_GRANT_MAX_OPEN_FILES:
    case W2N_GRANT_CLOCK:
    case W2N_GRANT_SEED:
    case W2N_GRANT_TIMEOUT:
      if (!apply_number(c, g->kind, g->text, &refusal)) return complain("bad number", g->text, "expected digits");
      return refusal;
    case W2N_GRANT_LISTEN:  /* After the directories. */
    case W2N_GRANT_ARG0:    /* Among the arguments. */
    case W2N_GRANT_SECCOMP: /* At the end. */
      break;
  }
  return r == 0 ? NULL : complain("cannot add", g->text, strerror(r));
}

/* Fills the closed standard descriptors of the host, so that nothing opened later gets their numbers. Gives them as a
 * mask; false: they could not be filled, and what the program opens could become its standard error. */
static bool plug_closed(unsigned *closed) {
  struct pollfd p[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
  *closed = 0;
  if (poll(p, 3, 0) < 0) return false;
  for (int fd = 0; fd < 3; fd++) {
    if (!(p[fd].revents & POLLNVAL)) continue;
    if (!wasi_plug(fd)) return false;
    *closed |= 1u << fd;
  }
  return true;
}

const char *w2n_wasi_setup(const w2n_start *start) {
  w2n_wasi *c = &wasi_default;
  unsigned closed;
  if (!plug_closed(&closed)) return "cannot fill the closed standard streams";
  lend(c);
  if (w2n_wasi_inherit_stdio(c) != 0) return "out of memory";

  /* A broken pipe and an over-long file are errors of the call, not the end of the process. */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);

  const char *arg0 = start->argc > 0 ? start->argv[0] : "";
  const char *refusal;
  bool seccomp = false;
  for (size_t i = 0; i < start->grant_count; i++) {
    const w2n_grant *g = &start->grants[i];
    if (g->kind == W2N_GRANT_ARG0) arg0 = g->text;
    if (g->kind == W2N_GRANT_SECCOMP) seccomp = true;
    if ((refusal = apply(c, g, start->envp)) != NULL) return refusal;
  }
  for (size_t i = 0; i < start->grant_count; i++) {
    if (start->grants[i].kind != W2N_GRANT_LISTEN) continue;
    const char *address = start->grants[i].text;
    if (w2n_wasi_add_listener == NULL) return complain("cannot listen on", address, "the program uses no sockets");
    int r = w2n_wasi_add_listener(c, address);
    if (r != 0) return complain("cannot listen on", address, strerror(r));
  }
  int r = w2n_wasi_add_arg(c, arg0);
  for (int i = 1; r == 0 && i < start->argc; i++) r = w2n_wasi_add_arg(c, start->argv[i]);
  if (r != 0) return "out of memory for the arguments";

  /* Only now, so that directories begin at 3. */
  for (int fd = 0; fd < 3; fd++)
    if (closed & (1u << fd)) {
      c->entries[fd] = (wasi_entry){.host = -1};
      c->open--;
    }
  return seccomp ? wasi_install_seccomp(c) : NULL;
}
