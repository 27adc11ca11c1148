// Benchmark of register allocation: microseconds of processor time per instruction and the moves that the code would execute, for both
// allocators on synthetic functions of 100 to 100k instructions (10^6 with the argument `large`).
// Build: node scripts/build.mjs bench/regalloc.ts; run: node build/bench/regalloc.js [large]
import { allocateBundles, bundleStatistics } from '../src/regalloc/bundles.ts';
import { REMAT_BASE, SLOT_BASE } from '../src/regalloc/door.ts';
import type { Allocator, MachineEnv, RegallocInput, RegallocOutput } from '../src/regalloc/door.ts';
import { allocateFast } from '../src/regalloc/fast.ts';
import { generate, makeEnv } from '../test/regalloc/generate.ts';

/** Moves per 1000 executed instructions, by kind, weighted by block frequency. */
function weigh(input: RegallocInput, output: RegallocOutput): string {
  const block = new Int32Array(input.numInsts);
  let total = 0;
  for (let b = 0; b < input.numBlocks; b++) {
    block.fill(b, input.blockStart[b], input.blockStart[b + 1]);
    total += input.blockFreq[b] * (input.blockStart[b + 1] - input.blockStart[b]);
  }
  let stores = 0;
  let loads = 0;
  let moves = 0;
  let constants = 0;
  for (let e = 0; e < output.numEdits; e++) {
    const freq = input.blockFreq[block[output.editPoint[e] >> 1]];
    if (output.editTo[e] >= SLOT_BASE) stores += freq;
    else if (output.editFrom[e] >= REMAT_BASE) constants += freq;
    else if (output.editFrom[e] >= SLOT_BASE) loads += freq;
    else moves += freq;
  }
  const per = (n: number): string => ((1000 * n) / total).toFixed(0).padStart(6);
  return `stores ${per(stores)}  loads ${per(loads)}  moves ${per(moves)}  constants ${per(constants)}`;
}

function measure(name: string, allocate: Allocator, inputs: RegallocInput[], env: MachineEnv): void {
  let insts = 0;
  for (const input of inputs) insts += input.numInsts;
  const rounds = Math.max(1, Math.ceil(50_000 / insts));
  let best = Infinity;
  for (let pass = 0; pass < (insts > 50_000 ? 2 : 5); pass++) {
    const start = process.cpuUsage().user;
    for (let r = 0; r < rounds; r++) for (const input of inputs) allocate(input, env);
    best = Math.min(best, (process.cpuUsage().user - start) / rounds / insts);
  }
  const last = inputs[inputs.length - 1];
  const output = allocate(last, env);
  const extra =
    allocate === allocateBundles
      ? `  work/inst ${(bundleStatistics.work / last.numInsts).toFixed(1)} evictions ${bundleStatistics.evictions} splits ${bundleStatistics.splits}${bundleStatistics.fallback ? ' FALLBACK' : ''}`
      : '';
  console.log(
    `  ${name.padEnd(8)} ${best.toFixed(3)} us/inst  ${weigh(last, output)}  slots ${output.numSlots}${extra}`,
  );
}

const env = makeEnv(13, 15);
const sizes = [100, 1000, 10_000, 100_000];
if (process.argv.includes('large')) sizes.push(1_000_000);
for (const [title, branchiness, calls, far] of [
  ['loops and branches', 0.5, 0.05, 0.05],
  ['many calls', 0.3, 0.25, 0.05],
  ['straight line', 0, 0.02, 0.05],
  ['high pressure', 0.4, 0.05, 0.4],
] as const) {
  for (const size of sizes) {
    const count = size <= 1000 ? 10 : 1;
    const inputs = Array.from({ length: count }, (_, k) =>
      generate(k + 1, { env, size, branchiness, calls, far, window: 60 }),
    );
    console.log(
      `${title}, ${inputs[count - 1].numInsts} instructions, ${inputs[count - 1].numBlocks} blocks`,
    );
    measure('fast', allocateFast, inputs, env);
    measure('bundles', allocateBundles, inputs, env);
  }
}
