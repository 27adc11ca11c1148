/* cpu.c: whether this processor has what the code was compiled for. */
#ifdef __linux__
#include <sys/auxv.h>
#endif
#include "w2n_cpu.h"

#if defined(__x86_64__)
static bool has_level(uint32_t level) {
  __builtin_cpu_init();
  if (level >= 2 && !(__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
                      __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")))
    return false;
  if (level >= 3 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma")))
    return false;
  return level < 4 || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512vl"));
}
#elif defined(__linux__)
static bool has_level(uint32_t level) {
  const unsigned long atomics = 1ul << 8; /* HWCAP_ATOMICS, ARMv8.1 */
  return level == 0 || (getauxval(AT_HWCAP) & atomics) != 0;
}
#else
static bool has_level(uint32_t level) { return level <= 4; } /* the first Apple processors are ARMv8.4 */
#endif

const char *w2n_cpu_lacks(const w2n_header *h) {
  if (!has_level(h->flags >> W2N_FLAG_LEVEL_SHIFT & 0xff)) return "this processor lacks instructions the program was compiled for";
#if defined(__x86_64__) && defined(__linux__)
  /* HWCAP2_FSGSBASE: the kernel lets programs write the segment base. */
  if (h->flags & W2N_FLAG_GS && !(getauxval(AT_HWCAP2) & 2))
    return "this kernel does not let programs set the gs base; build with --memory-base=register";
#endif
  return NULL;
}
