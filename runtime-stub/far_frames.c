/* far_frames.c: call frame information of code that is too far away for .eh_frame, handed to the unwinder when the program
 * starts. Linked in for objects with such code, which refer to w2n_far_frames.
 *
 * In: the section w2n_eh_frame; every object's part of it has the shape of .eh_frame and ends with a zero word. */
#include <stdlib.h>
#include "w2n_stub.h"

#ifndef __APPLE__
extern W2N_HIDDEN const char w2n_far_frames;
const char w2n_far_frames = 0;

/* Of the linker. */
extern W2N_HIDDEN const uint8_t __start_w2n_eh_frame[] __attribute__((weak));
extern W2N_HIDDEN const uint8_t __stop_w2n_eh_frame[] __attribute__((weak));
/* Of libgcc's unwinder, and of LLVM's; there is none where nothing unwinds. `object` is of libgcc's own. */
extern void __register_frame_info(const void *begin, void *object) __attribute__((weak));
extern void *__deregister_frame_info(const void *begin) __attribute__((weak));
extern void __unw_add_dynamic_eh_frame_section(uintptr_t begin) __attribute__((weak));
extern void __unw_remove_dynamic_eh_frame_section(uintptr_t begin) __attribute__((weak));

enum { OBJECT_WORDS = 16 }; /* twice what any version of libgcc takes */

static uint32_t word(const uint8_t *p) { return *(const uint32_t *)(const void *)p; }

static void add(const uint8_t *begin) {
  if (__unw_add_dynamic_eh_frame_section) {
    __unw_add_dynamic_eh_frame_section((uintptr_t)begin);
    return;
  }
  void *object = __register_frame_info ? calloc(OBJECT_WORDS, sizeof(void *)) : NULL;
  if (object) __register_frame_info(begin, object);
}

static void take(const uint8_t *begin) {
  if (__unw_remove_dynamic_eh_frame_section) __unw_remove_dynamic_eh_frame_section((uintptr_t)begin);
  else if (__deregister_frame_info) free(__deregister_frame_info(begin));
}

static void each_part(void visit(const uint8_t *begin)) {
  for (const uint8_t *p = __start_w2n_eh_frame; p < __stop_w2n_eh_frame;) {
    if (word(p) == 0) { /* an end, or space between parts */
      p += 4;
      continue;
    }
    visit(p);
    while (word(p) != 0) p += 4 + (size_t)word(p);
  }
}

__attribute__((constructor)) static void add_all(void) { each_part(add); }
__attribute__((destructor)) static void take_all(void) { each_part(take); }
#endif
