// A function or thunk while it is written: the code buffer, and the unwind operations that go with the code. What the
// emitter of functions (emitter.ts) and the writer of thunks (thunks.ts) have in common.
import type { CodeBuffer } from '../emit/code_buffer.ts';
import type { CompiledFunction } from './contract.ts';
import type { FrameInfo, Unwind } from './frame.ts';
import { UnwindRows } from './frame.ts';

export abstract class FunctionWriter {
  private readonly unwindRows = new UnwindRows();

  /** `landingPad`: the instruction word that each function begins with; 0 for none. */
  constructor(
    protected readonly buffer: CodeBuffer,
    private readonly landingPad: number,
  ) {}

  /** Empties the buffer and writes the landing pad. */
  protected begin(): void {
    this.buffer.reset();
    this.unwindRows.clear();
    if (this.landingPad !== 0) this.buffer.put4(this.landingPad);
  }

  /** Ends the function; the arguments are the fields of FrameInfo. */
  protected finish(
    frameBytes: number,
    stackArgBytes: number,
    prologueBytes: number,
    savedMask: number,
  ): CompiledFunction {
    const code = this.buffer.finish();
    const unwind = this.unwindRows.finish(this.buffer.marks);
    const frame: FrameInfo = { frameBytes, savedMask, stackArgBytes, prologueBytes, unwind };
    return { code, frame };
  }

  /** How the frame looks from here on, or from `back` bytes before. */
  protected unwindAt(kind: Unwind, a: number, b: number, back = 0): void {
    this.unwindRows.add(this.buffer.mark(back), kind, a, b);
  }
}
