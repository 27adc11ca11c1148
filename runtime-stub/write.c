/* write.c: text to a file descriptor or into a buffer, without stdio. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "w2n_stub.h"

enum { NAME_MAX_SHOWN = 160 };

void w2n_flush(w2n_writer *w) {
  size_t done = 0;
  while (w->fd >= 0 && done < w->used) {
    ssize_t n = write(w->fd, w->buffer + done, w->used - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += (size_t)n;
  }
  if (w->fd >= 0) w->used = 0;
}

static void put_bytes(w2n_writer *w, const char *text, size_t bytes) {
  while (bytes > 0) {
    size_t room = w->size - w->used;
    if (room == 0) {
      if (w->fd < 0) return;
      w2n_flush(w);
      continue;
    }
    size_t n = bytes < room ? bytes : room;
    memcpy(w->buffer + w->used, text, n);
    w->used += n;
    text += n;
    bytes -= n;
  }
}

void w2n_put(w2n_writer *w, const char *text) { put_bytes(w, text, strlen(text)); }

void w2n_put_name(w2n_writer *w, const char *name, size_t bytes) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < bytes; i++) {
    unsigned char c = (unsigned char)name[i];
    if (i == NAME_MAX_SHOWN) {
      w2n_put(w, "...");
      return;
    }
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      put_bytes(w, name + i, 1);
    } else {
      char escaped[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
      put_bytes(w, escaped, sizeof escaped);
    }
  }
}

void w2n_put_number(w2n_writer *w, uint64_t n, unsigned base) {
  char text[24];
  size_t i = sizeof text;
  do {
    text[--i] = "0123456789abcdef"[n % base];
    n /= base;
  } while (n != 0);
  put_bytes(w, text + i, sizeof text - i);
}
