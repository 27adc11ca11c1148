/* The functions that sum.wasm imports: "env" "next" is env__next, "env" "report" is env__report. The first parameter is
 * the calling instance. */
#include <inttypes.h>
#include <stdio.h>
#include "wasm2native.h"

int32_t env__next(w2n_instance *caller) {
  static const int32_t numbers[] = {3, -10, 2000000000, 2000000000, 0};
  static int at;
  (void)caller;
  return numbers[at++];
}

void env__report(w2n_instance *caller, int32_t count, int64_t sum) {
  (void)caller;
  printf("%" PRId32 " numbers: %" PRId64 "\n", count, sum);
}
