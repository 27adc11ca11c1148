/* cpu.c: whether this processor has what the code was compiled for: the module's code and, with --march, the C code. This
 * file, main.c and write.c are not: they run on every processor. */
#ifdef __linux__
#include <sys/auxv.h>
#endif
#include "w2n_cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Bits of the register state that the system saves (XCR0): SSE and AVX, and AVX-512's. */
#define STATE_AVX 0x06u
#define STATE_AVX512 0xe6u

static uint32_t saved_state(void) {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has_all(uint32_t have, uint32_t bits) { return (have & bits) == bits; }

/* The levels of the x86-64 psABI. By CPUID itself: what libgcc has for it (__builtin_cpu_supports) is 4 KiB. */
static bool has_level(uint32_t level) {
  uint32_t a, b, c, d, ext_c;
  const uint32_t v2 = bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_CMPXCHG16B;
  const uint32_t v3 = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C | bit_MOVBE;
  if (level < 2) return true;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !has_all(c, v2)) return false;
  if (!__get_cpuid(0x80000001, &a, &b, &ext_c, &d) || !has_all(ext_c, bit_LAHF_LM)) return false;
  if (level < 3) return true;
  if (!has_all(c, v3) || !has_all(saved_state(), STATE_AVX) || !has_all(ext_c, bit_LZCNT)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has_all(b, bit_AVX2 | bit_BMI | bit_BMI2)) return false;
  if (level < 4) return true;
  return has_all(saved_state(), STATE_AVX512) &&
         has_all(b, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL);
}
#elif defined(__linux__)
/* By level of ARMv8, what it adds as Linux names it (AT_HWCAP; AT_HWCAP2 in the upper half): instructions that compilers
   use of themselves. Nothing is compiled for levels above the last one here. */
static const uint64_t adds[] = {
    0,
    1u << 7 | 1u << 8 | 1u << 12,              /* CRC32, ATOMICS, ASIMDRDM */
    0,
    1u << 13 | 1u << 14 | 1u << 15 | 1u << 30, /* JSCVT, FCMA, LRCPC, PACA */
    1u << 20 | 1u << 25 | 1u << 26 | 1u << 27, /* ASIMDDP, USCAT, ILRCPC, FLAGM */
    1u << 29 | (uint64_t)(1u << 7 | 1u << 8) << 32, /* SB; FLAGM2, FRINT */
    (uint64_t)(1u << 13 | 1u << 14) << 32,     /* I8MM, BF16 */
};

static bool has_level(uint32_t level) {
  const uint64_t has = (getauxval(AT_HWCAP) & 0xffffffff) | (uint64_t)getauxval(AT_HWCAP2) << 32;
  for (uint32_t i = 0; i <= level && i < sizeof adds / sizeof *adds; i++)
    if (adds[i] & ~has) return false;
  return true;
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
