// Random modules in V8 and in compiled code, compared: shared by the ordinary test, the long script, the reducer and the
// regression test of reduced cases.
import { decodeModule } from '../../src/frontend/decode.ts';
import { defaultOptions, NO_STRESS, type CompileOptions, type StressOptions } from '../../src/options.ts';
import { elfMaker, type MakeObject } from '../spec/runner.ts';
import { TestHost } from '../support/host.ts';
import { runCompiled } from './compiled_outcome.ts';
import { firstDifference, planCalls } from './outcome.ts';
import { runInV8 } from './v8_outcome.ts';

const OPTIONS: CompileOptions = {
  ...defaultOptions('fuzz', { isa: 'x86_64', os: 'linux' }),
  imports: 'instantiate',
  mainModule: false,
};
/** Longest wait for an answer of the host: V8 needed less than its own limit for the same calls. */
const HOST_TIMEOUT_MS = 60_000;

/** What a comparison found: `difference` names the level and the first thing that differs, or is null. */
export interface Verdict {
  readonly difference: string | null;
  readonly calls: number;
  readonly traps: number;
  /** Why V8 did not go through all calls, or ''. */
  readonly stopped: string;
}

/** Compares modules at -O0 and -O2 through one test host. */
export class ModuleComparer {
  private readonly host: TestHost;
  private readonly makers: readonly (readonly [string, MakeObject])[];

  private constructor(host: TestHost, makers: readonly (readonly [string, MakeObject])[]) {
    this.host = host;
    this.makers = makers;
  }

  /** `levels`: those of '-O0' and '-O2' to look at. */
  static async start(
    levels: readonly string[] = ['-O0', '-O2'],
    stress: Partial<StressOptions> = {},
  ): Promise<ModuleComparer> {
    const host = await TestHost.start('x86_64', { timeoutMs: HOST_TIMEOUT_MS });
    const maker = (level: string): MakeObject =>
      elfMaker({ ...OPTIONS, optLevel: level === '-O0' ? 0 : 2, stress: { ...NO_STRESS, ...stress } });
    return new ModuleComparer(
      host,
      levels.map((level) => [level, maker(level)]),
    );
  }

  /** Compares one module under the calls of `seed`. Errors of the compiler count as differences. */
  async compare(bytes: Uint8Array, seed: number): Promise<Verdict> {
    const plan = planCalls(decodeModule(bytes), seed);
    const v8 = runInV8(bytes, plan);
    const verdict = {
      calls: v8.calls.length,
      traps: v8.calls.filter((call) => call.trap !== '').length,
      stopped: v8.stopped,
    };
    for (const [level, make] of this.makers) {
      let difference: string | null;
      try {
        difference = firstDifference(v8, await runCompiled(bytes, make, plan, this.host, v8), plan.calls);
      } catch (error) {
        difference = `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      }
      if (difference !== null) return { ...verdict, difference: `${level}: ${difference}` };
    }
    return { ...verdict, difference: null };
  }

  async close(): Promise<void> {
    await this.host.close();
  }
}

/** A difference without what changes while a module is reduced: level, part, and an error's message. */
export function differenceClass(difference: string | null): string {
  if (difference === null) return 'agrees';
  const [line] = difference.split('\n');
  const [, level, part, message] = /^(\S+): (\w+)(.*)/.exec(line) ?? ['', '', line, ''];
  return `${level}: ${part}${part === 'error' ? message.replace(/\d+/g, 'N') : ''}`;
}

/** Counts over many modules. */
export class ModuleCounts {
  modules = 0;
  calls = 0;
  traps = 0;
  private readonly stopped = new Map<string, number>();
  readonly differences: string[] = [];

  add(verdict: Verdict): void {
    this.modules++;
    this.calls += verdict.calls;
    this.traps += verdict.traps;
    if (verdict.stopped !== '')
      this.stopped.set(verdict.stopped, (this.stopped.get(verdict.stopped) ?? 0) + 1);
  }

  summary(): string {
    const stopped = [...this.stopped].map(([why, n]) => `, ${n} compared up to '${why}'`).join('');
    return `${this.modules} modules, ${this.calls} calls, ${this.traps} of them trap${stopped}, ${this.differences.length} differ`;
  }
}
