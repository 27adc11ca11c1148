// A thousand random layouts, executed on each instruction set: modules of the fuzzer compiled with random reaches, forced
// veneers, paddings and orders of functions; calls, traps, memories and globals must be those of V8.
import assert from 'node:assert/strict';
import { decodeModule } from '../../src/frontend/decode.ts';
import { defaultOptions, NO_STRESS, type StressOptions } from '../../src/options.ts';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { leb, section } from '../frontend/binary.ts';
import { runCompiled } from '../fuzz/compiled_outcome.ts';
import { ModuleGenerator } from '../fuzz/generate_module.ts';
import { firstDifference, planCalls, type Outcome, type Plan } from '../fuzz/outcome.ts';
import { Random } from '../fuzz/random.ts';
import { runInV8 } from '../fuzz/v8_outcome.ts';
import type { MakeObject } from '../spec/runner.ts';
import { TestHost, type HostIsa } from '../support/host.ts';
import { need, needIsa } from '../support/need.ts';

const MODULES = 40;
const LAYOUTS = 25;
/** Many layouts of small modules show more than a few of large ones. */
const MOST_BYTES = 4000;

interface Sample {
  readonly seed: number;
  readonly bytes: Uint8Array;
  readonly plan: Plan;
  readonly v8: Outcome;
}

const MEMORY_SECTION = 5;
const MOST_PAGES = 100;

/** The module with a limit to its memory: under qemu-user, reserving address space is what takes longest. */
function limited(bytes: Uint8Array): Uint8Array {
  const { memories, importedMemories } = decodeModule(bytes);
  if (memories.length !== 1 || importedMemories !== 0 || memories[0].max >= 0) return bytes;
  for (let at = 8; ;) {
    let size = bytes[at + 1] & 127;
    let start = at + 2;
    for (let shift = 7; bytes[start - 1] >= 128; shift += 7) size |= (bytes[start++] & 127) << shift;
    if (bytes[at] === MEMORY_SECTION) {
      const min = memories[0].min;
      const content = section(MEMORY_SECTION, [1, 1, ...leb(min), ...leb(Math.max(min, MOST_PAGES))]);
      return Uint8Array.from([...bytes.subarray(0, at), ...content, ...bytes.subarray(start + size)]);
    }
    at = start + size;
  }
}

/** Modules of the fuzzer that V8 runs to the end. */
function samples(): Sample[] {
  const generator = new ModuleGenerator();
  const found: Sample[] = [];
  for (let seed = 70_000; found.length < MODULES; seed++) {
    const bytes = limited(generator.make(seed));
    if (bytes.length > MOST_BYTES) continue;
    const plan = planCalls(decodeModule(bytes), seed);
    const v8 = runInV8(bytes, plan);
    if (v8.stopped === '') found.push({ seed, bytes, plan, v8 });
  }
  generator.close();
  return found;
}

/** Stress of the layout from a seed. Reaches are so short that chains of veneers arise in functions of a few KiB. */
function stressOf(isa: HostIsa, random: Random): StressOptions {
  const reach: Record<string, number> = {};
  if (isa === 'aarch64') {
    const short = 10 + random.below(3);
    reach.test14 = short;
    reach.cond19 = short + random.below(2);
    reach.branch26 = short + 2 + random.below(3);
    reach.call26 = short + 1 + random.below(4);
    reach.literal19 = 12 + random.below(2);
    reach.adr21 = 14;
  } else reach.call32 = 13 + random.below(6);
  return {
    ...NO_STRESS,
    reach,
    layoutSeed: 1 + random.below(1e9),
    forceVeneers: random.below(4) === 0,
    padBlocks: random.below(4) === 0 ? random.below(300) : 0,
    padFunctions: random.below(3) === 0 ? random.below(20_000) : 0,
    regs: random.below(6) === 0 ? 8 : 0,
  };
}

describe('random layouts, executed', function () {
  this.timeout(300_000);
  let modules: Sample[] = [];
  before(function () {
    need(this, 'wasm-opt');
    modules = samples();
  });
  for (const isa of ['x86_64', 'aarch64'] as const) {
    it(`${isa}: ${MODULES * LAYOUTS} layouts of ${MODULES} modules`, async function () {
      needIsa(this, isa);
      const differences: string[] = [];
      let calls = 0;
      let host = await TestHost.start(isa);
      for (const [m, { seed, bytes, plan, v8 }] of modules.entries()) {
        // qemu keeps much of what is unmapped.
        if (m % 10 === 9) {
          await host.close();
          host = await TestHost.start(isa);
        }
        for (let layout = 0; layout < LAYOUTS; layout++) {
          const random = new Random(seed * LAYOUTS + layout);
          const stress = stressOf(isa, random);
          const optLevel = random.below(3) === 0 ? 0 : 2;
          const bounds = random.below(20) === 0 ? 'guard' : 'checked';
          const make: MakeObject = (wasm) => {
            const target = { isa, os: 'linux' } as const;
            const options = { ...defaultOptions('layout', target), optLevel, bounds, stress } as const;
            const object = compile(limited(wasm), { ...options, imports: 'instantiate', mainModule: false });
            return writeElf(object, isa).toBytes();
          };
          const difference = firstDifference(v8, await runCompiled(bytes, make, plan, host, v8), plan.calls);
          calls += v8.calls.length;
          if (difference !== null)
            differences.push(`module ${seed}, -O${optLevel} ${JSON.stringify(stress)}: ${difference}`);
        }
      }
      await host.close();
      assert.deepEqual(differences.slice(0, 5), []);
      assert.ok(calls > 5 * MODULES * LAYOUTS, `${calls} calls`);
      console.log(`# ${isa}: ${MODULES * LAYOUTS} layouts, ${calls} calls`);
    });
  }
});
