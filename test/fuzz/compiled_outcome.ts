// The side of compiled code: compiles a module to an object, loads it into the test host and runs a plan's calls.
import { TrapKind } from '../../src/abi/layout.ts';
import type { MakeObject } from '../spec/runner.ts';
import { bits, HostCrash, LinkStatus, trapMessage, type TestHost } from '../support/host.ts';
import {
  EXHAUSTED,
  LOG_BYTES,
  LOG_MODULE,
  logModule,
  logText,
  valueText,
  type CallOutcome,
  type Outcome,
  type Plan,
} from './outcome.ts';
import { memoryText } from './v8_outcome.ts';

/** Trap kind -> class, as test/fuzz/v8_outcome.ts has them. */
const CLASSES: ReadonlyMap<number, string> = new Map([
  [TrapKind.Unreachable, 'unreachable'],
  [TrapKind.MemoryOutOfBounds, 'memory'],
  [TrapKind.TableOutOfBounds, 'table'],
  [TrapKind.UndefinedElement, 'table'],
  [TrapKind.UninitializedElement, 'indirect call'],
  [TrapKind.IndirectCallType, 'indirect call'],
  [TrapKind.IntegerDivideByZero, 'divide by zero'],
  [TrapKind.NullReference, 'null'],
  [TrapKind.StackExhausted, EXHAUSTED],
]);

/** Integer overflow of a division and of a conversion are one kind here and two messages in V8. */
function trapClass(kind: number, expected: string): string {
  if (kind === TrapKind.IntegerOverflow) return expected === 'conversion' ? 'conversion' : 'overflow';
  if (kind === TrapKind.InvalidConversion) return 'conversion';
  return CLASSES.get(kind) ?? trapMessage(kind);
}

/** Runs the plan as far as V8 got. A crash or hang of the host is an outcome that equals none of V8's. */
export async function runCompiled(
  bytes: Uint8Array,
  make: MakeObject,
  plan: Plan,
  host: TestHost,
  v8: Outcome,
): Promise<Outcome> {
  const calls: CallOutcome[] = [];
  const end = (instantiation: string, stopped: string): Outcome => ({
    instantiation,
    calls,
    log: '',
    memories: [],
    globals: [],
    stopped,
  });
  try {
    await host.reset();
    const logger = await host.instantiate(await host.load(make(logModule())));
    await host.register(logger.instance, LOG_MODULE);
    const made = await host.instantiate(await host.load(make(bytes)));
    if (made.status === LinkStatus.Trapped)
      return end(trapClass(made.trap, v8.instantiation), 'instantiation');
    if (made.status !== LinkStatus.Ok) return end(`not linked: ${made.why}`, 'instantiation');
    const count = v8.calls.length;
    const answers = await Promise.all(
      plan.calls.slice(0, count).map(({ name, args }) =>
        host.invoke(
          made.instance,
          name,
          args.map((arg) => bits(arg.type, arg.bits)),
        ),
      ),
    );
    for (const [i, { trap, results }] of answers.entries()) {
      calls.push(
        trap === TrapKind.None
          ? { trap: '', results: results.map(({ type, lo }) => valueText(type, lo)) }
          : { trap: trapClass(trap, v8.calls[i].trap), results: [] },
      );
    }
    if (v8.stopped !== '') return end('ok', v8.stopped);
    const log = await host.readMemory(logger.instance, 'log', 0, LOG_BYTES);
    const memories = await Promise.all(plan.memories.map((name) => host.digest(made.instance, name)));
    const globals = await Promise.all(plan.globals.map(({ name }) => host.global(made.instance, name)));
    return {
      instantiation: 'ok',
      calls,
      log: logText(log),
      memories: memories.map(({ bytes: size, hash }) => memoryText(size, hash)),
      globals: globals.map(({ type, lo }) => valueText(type, lo)),
      stopped: '',
    };
  } catch (error) {
    if (error instanceof HostCrash) return end('crash', error.message);
    throw error;
  }
}
