// Runs a script of the specification's tests: modules are compiled to objects, mapped by the test host, and every
// command is judged. Input: a script and compile options. Output: counts, and a message for each failed command.
// A command whose module needs a proposal that is not enabled counts under the proposal's name, as do all commands
// on that module and on modules that import from it; nothing is dropped.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { TrapKind } from '../../src/abi/layout.ts';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { writeMachO } from '../../src/macho/writer.ts';
import { checkModule } from '../../src/frontend/decode.ts';
import type { WasmError } from '../../src/frontend/errors.ts';
import { ExternKind } from '../../src/frontend/module.ts';
import type { CompileOptions } from '../../src/options.ts';
import { checkAllocation } from '../../src/regalloc/checker.ts';
import { verifyRegallocInput } from '../../src/regalloc/verify_input.ts';
import {
  bits,
  HostCrash,
  LinkStatus,
  trapMessage,
  type HostValue,
  type InvokeResult,
  type TestHost,
} from '../support/host.ts';
import type {
  SpecAction,
  SpecCommand,
  SpecFileCommand,
  SpecEither,
  SpecScript,
  SpecValue,
} from '../support/spec.ts';

/** Outcome of scripts. */
export class Tally {
  passed = 0;
  /** Commands by the reason why they do not apply. */
  readonly apart = new Map<string, number>();
  readonly failures: string[] = [];

  skip(reason: string): void {
    this.apart.set(reason, (this.apart.get(reason) ?? 0) + 1);
  }

  /** One line: what passed and what was counted apart. */
  summary(): string {
    const apart = [...this.apart].sort((a, b) => b[1] - a[1]).map(([reason, n]) => `${reason} ${n}`);
    return `${this.passed} commands passed, ${this.failures.length} failed; apart: ${apart.join(', ')}`;
  }
}

/** How objects are made from wasm bytes: compile and one of the writers. */
export type MakeObject = (bytes: Uint8Array) => Uint8Array;

/** Compiles to an ELF object, with the allocator's input and result verified. */
export function elfMaker(options: CompileOptions): MakeObject {
  return (bytes) =>
    writeElf(
      compile(bytes, options, { checkAllocation: checked, verifyIr: true }),
      options.target.isa,
    ).toBytes();
}

/** To a Mach-O object; allocations of the same code are verified where it goes into ELF. */
export function machOMaker(options: CompileOptions): MakeObject {
  return (bytes) => writeMachO(compile(bytes, options), options.target.isa).toBytes();
}

/** Both checks of an allocation. */
export const checked: NonNullable<Parameters<typeof compile>[2]>['checkAllocation'] = (
  input,
  output,
  env,
) => {
  verifyRegallocInput(input);
  checkAllocation(input, env, output);
};

/** A module of the script: an instance, or the proposal that kept it from being one. */
type Current = { readonly instance: number } | { readonly apart: string };

const TYPE_CODES: Readonly<Record<string, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
const LANE_BITS: Readonly<Record<string, number>> = { i8: 8, i16: 16, i32: 32, i64: 64, f32: 32, f64: 64 };

export async function runScript(
  script: SpecScript,
  make: MakeObject,
  host: TestHost,
  tally: Tally,
): Promise<void> {
  await new ScriptRunner(script, make, host, tally).run();
}

class ScriptRunner {
  private current: Current = { apart: 'no module' };
  private readonly named = new Map<string, Current>();
  private readonly definitions = new Map<string, string>();
  /** Registered names of modules that are apart. */
  private readonly apartNames = new Map<string, string>();
  private pending: Promise<void>[] = [];
  private readonly script: SpecScript;
  private readonly make: MakeObject;
  private readonly host: TestHost;
  private readonly tally: Tally;

  constructor(script: SpecScript, make: MakeObject, host: TestHost, tally: Tally) {
    this.script = script;
    this.make = make;
    this.host = host;
    this.tally = tally;
  }

  async run(): Promise<void> {
    await this.host.reset();
    for (const command of this.script.commands) {
      try {
        await this.command(command);
      } catch (error) {
        this.failed(command, error);
        if (error instanceof HostCrash) break;
      }
    }
    await this.settle();
  }

  private failed(command: SpecCommand, error: unknown): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.tally.failures.push(`${this.script.name}:${command.line} ${command.type}: ${what.slice(0, 1500)}`);
  }

  private async settle(): Promise<void> {
    await Promise.all(this.pending);
    this.pending = [];
  }

  /** Judges an answer when it comes; later requests need not wait for it. */
  private judge(command: SpecCommand, answer: Promise<string | null>): void {
    this.pending.push(
      answer.then(
        (complaint) => {
          if (complaint === null) this.tally.passed++;
          else this.failed(command, complaint);
        },
        (error: unknown) => this.failed(command, error),
      ),
    );
  }

  private bytes(file: string): Uint8Array {
    return new Uint8Array(readFileSync(path.join(this.script.dir, file)));
  }

  private async command(command: SpecCommand): Promise<void> {
    const { tally } = this;
    switch (command.type) {
      case 'module':
        this.current =
          command.module_type === 'text'
            ? { apart: 'text format' }
            : await this.instantiate(command.filename);
        if (command.name !== undefined) this.named.set(command.name, this.current);
        if ('apart' in this.current) tally.skip(this.current.apart);
        else tally.passed++;
        break;
      case 'module_definition': {
        const { error } = checkModule(this.bytes(command.filename));
        if (error !== null) tally.skip(reasonOf(error));
        else {
          this.make(this.bytes(command.filename));
          tally.passed++;
        }
        this.definitions.set(command.name ?? '', command.filename);
        break;
      }
      case 'module_instance': {
        const file = this.definitions.get(command.module ?? '');
        if (file === undefined) throw new Error(`no definition ${command.module}`);
        this.current = await this.instantiate(file);
        if (command.instance !== undefined) this.named.set(command.instance, this.current);
        if ('apart' in this.current) tally.skip(this.current.apart);
        else tally.passed++;
        break;
      }
      case 'register': {
        const target = command.name === undefined ? this.current : this.named.get(command.name);
        if (target === undefined) throw new Error(`no module ${command.name}`);
        if ('apart' in target) {
          this.apartNames.set(command.as, target.apart);
          tally.skip(target.apart);
        } else {
          await this.settle();
          await this.host.register(target.instance, command.as);
          tally.passed++;
        }
        break;
      }
      case 'assert_invalid':
      case 'assert_malformed':
        this.refused(command.type, command);
        break;
      case 'assert_unlinkable':
      case 'assert_uninstantiable':
        await this.settle();
        await this.notInstantiated(command.type, command);
        break;
      default:
        this.action(command);
    }
  }

  /** Compiles and instantiates a module that must be good. */
  private async instantiate(file: string): Promise<Current> {
    const bytes = this.bytes(file);
    const { error, module } = checkModule(bytes);
    if (error !== null) {
      if (error.kind === 'unsupported' || error.kind === 'limit') return { apart: reasonOf(error) };
      throw error;
    }
    const reason = module.imports
      .map((entry) => this.apartNames.get(entry.module))
      .find((r) => r !== undefined);
    if (reason !== undefined) return { apart: reason };
    if (module.imports.some((entry) => entry.kind === ExternKind.Tag)) return { apart: 'exception-handling' };
    await this.settle();
    const loaded = await this.host.load(this.make(bytes));
    const result = await this.host.instantiate(loaded);
    if (result.status !== LinkStatus.Ok)
      throw new Error(`${file}: status ${result.status}, ${result.why} ${trapMessage(result.trap)}`);
    return { instance: result.instance };
  }

  private refused(type: 'assert_invalid' | 'assert_malformed', command: SpecFileCommand): void {
    const { tally } = this;
    if (command.module_type === 'text') {
      tally.skip('text format');
      return;
    }
    const { error } = checkModule(this.bytes(command.filename));
    const expected = type === 'assert_invalid' ? 'invalid' : 'malformed';
    if (error === null)
      tally.failures.push(`${this.script.name}:${command.line} is accepted: ${command.text}`);
    else if (error.kind === expected || (error.kind === 'limit' && expected === 'invalid')) tally.passed++;
    else if (error.kind === 'unsupported') tally.skip(reasonOf(error));
    else
      tally.failures.push(
        `${this.script.name}:${command.line} ${error.kind}, not ${expected}: ${error.message}`,
      );
  }

  private async notInstantiated(
    type: 'assert_unlinkable' | 'assert_uninstantiable',
    command: SpecFileCommand,
  ): Promise<void> {
    const { tally } = this;
    const bytes = this.bytes(command.filename);
    const { error, module } = checkModule(bytes);
    if (error !== null) {
      if (error.kind !== 'unsupported') throw error;
      tally.skip(reasonOf(error));
      return;
    }
    const reason = module.imports
      .map((entry) => this.apartNames.get(entry.module))
      .find((r) => r !== undefined);
    if (reason !== undefined) {
      tally.skip(reason);
      return;
    }
    const result = await this.host.instantiate(await this.host.load(this.make(bytes)));
    const text = command.text ?? '';
    if (type === 'assert_uninstantiable') {
      if (result.status !== LinkStatus.Trapped)
        throw new Error(`status ${result.status} ${result.why}, not a trap`);
      if (!sameTrap(result.trap, text)) throw new Error(`${trapMessage(result.trap)}, not ${text}`);
    } else {
      const expected = text === 'unknown import' ? LinkStatus.UnknownImport : LinkStatus.IncompatibleImport;
      if (result.status !== expected) throw new Error(`status ${result.status} ${result.why}, not ${text}`);
    }
    tally.passed++;
  }

  /** Commands with an action. */
  private action(command: SpecCommand): void {
    if (!('action' in command)) throw new Error(`unknown command ${command.type}`);
    const { action } = command;
    const target = action.module === undefined ? this.current : this.named.get(action.module);
    if (target === undefined) throw new Error(`no module ${action.module}`);
    if ('apart' in target) {
      this.tally.skip(target.apart);
      return;
    }
    const answer = this.perform(target.instance, action);
    if (command.type === 'assert_return')
      this.judge(
        command,
        answer.then((a) => compareResults(a, command.expected)),
      );
    else if (command.type === 'assert_trap' || command.type === 'assert_exhaustion')
      this.judge(
        command,
        answer.then((a) =>
          a.trap !== 0 && sameTrap(a.trap, command.text)
            ? null
            : `${a.trap === 0 ? 'returned' : trapMessage(a.trap)}, not ${command.text}`,
        ),
      );
    else if (command.type === 'action')
      this.judge(
        command,
        answer.then((a) => (a.trap === 0 ? null : trapMessage(a.trap))),
      );
    else throw new Error(`unknown command ${command.type}`);
  }

  private async perform(instance: number, action: SpecAction): Promise<InvokeResult> {
    if (action.type === 'get') return { trap: 0, results: [await this.host.global(instance, action.field)] };
    return this.host.invoke(instance, action.field, (action.args ?? []).map(argument));
  }
}

function reasonOf(error: WasmError): string {
  return error.kind === 'limit' ? 'limit' : (error.proposal ?? 'unsupported');
}

function sameTrap(kind: number, text: string): boolean {
  const message = trapMessage(kind);
  if (kind === TrapKind.NullReference) return /^null .*reference$/.test(text);
  return text.startsWith(message);
}

function argument(value: SpecValue): HostValue {
  const code = TYPE_CODES[value.type];
  if (code === 0x7b) {
    const all = lanesOf(value).reduceRight(
      (sum, lane) => (sum << BigInt(laneBits(value))) | BigInt(lane),
      0n,
    );
    return bits(code, BigInt.asUintN(64, all), all >> 64n);
  }
  const text = value.value as string;
  if (code !== undefined)
    return bits(code, BigInt.asUintN(code === 0x7f || code === 0x7d ? 32 : 64, BigInt(text)));
  return bits(0x6f, text === 'null' ? 0n : BigInt(text) + 1n);
}

function laneBits(value: SpecValue): number {
  return LANE_BITS[value.lane_type ?? 'i32'];
}

function lanesOf(value: SpecValue): readonly string[] {
  const width = laneBits(value);
  return (value.value as readonly string[]).map((lane) =>
    lane.startsWith('nan') ? lane : String(BigInt.asUintN(width, BigInt(lane))),
  );
}

/** Null if the results are as expected. */
function compareResults(answer: InvokeResult, expected: readonly (SpecValue | SpecEither)[]): string | null {
  if (answer.trap !== 0) return `trap: ${trapMessage(answer.trap)}`;
  const same =
    answer.results.length === expected.length &&
    expected.every((value, i) =>
      value.type === 'either'
        ? (value as SpecEither).values.some((v) => matches(answer.results[i], v))
        : matches(answer.results[i], value as SpecValue),
    );
  if (same) return null;
  const got = answer.results.map((r) => `${r.type.toString(16)}:0x${r.hi.toString(16)}_${r.lo.toString(16)}`);
  return `returned [${got.join(', ')}], not ${JSON.stringify(expected)}`;
}

function matches(got: HostValue, expected: SpecValue): boolean {
  const code = TYPE_CODES[expected.type];
  if (code === undefined) {
    const isNull = got.lo === 0n;
    if (expected.type.startsWith('null') || expected.type === 'refnull') return isNull;
    if (expected.value === undefined) return !isNull;
    return got.lo === argument(expected).lo;
  }
  if (code === 0x7b) {
    const width = BigInt(laneBits(expected));
    const all = (got.hi << 64n) | got.lo;
    return lanesOf(expected).every((lane, i) =>
      sameBits(BigInt.asUintN(Number(width), all >> (BigInt(i) * width)), lane, Number(width)),
    );
  }
  const width = code === 0x7f || code === 0x7d ? 32 : 64;
  return sameBits(got.lo, expected.value as string, width);
}

function sameBits(got: bigint, expected: string, width: number): boolean {
  if (!expected.startsWith('nan')) return got === BigInt.asUintN(width, BigInt(expected));
  const fraction = width === 32 ? 23n : 52n;
  const exponent = width === 32 ? 0xffn : 0x7ffn;
  const quiet = 1n << (fraction - 1n);
  const payload = got & ((1n << fraction) - 1n);
  if (((got >> fraction) & exponent) !== exponent) return false;
  return expected === 'nan:canonical' ? payload === quiet : (payload & quiet) !== 0n;
}
