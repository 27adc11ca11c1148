/* Two instances of one module in a C program: typed calls through the header that --emit header made, and a trap that
 * comes back as a number. */
#include <inttypes.h>
#include <stdio.h>
#include "counter.h"

static void divide_by_zero(void *instance) { w2n_counter__divide(instance, 1, 0); }

static void show(const char *name, w2n_instance *instance) {
  struct w2n_counter__sum_and_count_ret result;
  w2n_counter__sum_and_count(instance, &result);
  printf("%s: sum %" PRId64 ", count %" PRId32 "\n", name, result.r0, result.r1);
}

int main(void) {
  w2n_instance *first, *second;
  if (w2n_instantiate(&w2n_module_counter, NULL, &first) != W2N_OK ||
      w2n_instantiate(&w2n_module_counter, NULL, &second) != W2N_OK) {
    fprintf(stderr, "%s\n", w2n_link_error());
    return 1;
  }
  for (int32_t i = 1; i <= 10; i++) w2n_counter__add(first, i);
  w2n_counter__add(second, -7);
  show("first", first);
  show("second", second);
  printf("7 / 2 = %" PRId32 "\n", w2n_counter__divide(first, 7, 2));
  printf("1 / 0: %s\n", w2n_error_string(w2n_try(divide_by_zero, first)));
  w2n_free(first);
  w2n_free(second);
  return 0;
}
