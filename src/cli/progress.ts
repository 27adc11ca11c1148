// A progress bar on stderr, only at a terminal and only once compiling has taken a second; gone when it is done.
import { SingleBar } from 'cli-progress';

const PATIENCE_MS = 1000;
const REDRAW_MS = 100;

export class Progress {
  private readonly stream: NodeJS.WriteStream;
  private readonly now: () => number;
  private readonly start: number;
  private bar: SingleBar | null = null;
  private drawnAt = 0;

  /** `now`: milliseconds from any beginning. */
  constructor(stream: NodeJS.WriteStream = process.stderr, now: () => number = Date.now) {
    this.stream = stream;
    this.now = now;
    this.start = now();
  }

  /** `done` of `total` functions are compiled. */
  update(done: number, total: number): void {
    const now = this.now();
    if (!this.stream.isTTY || now - this.start < PATIENCE_MS || now - this.drawnAt < REDRAW_MS) return;
    this.drawnAt = now;
    if (this.bar === null) {
      this.bar = new SingleBar({
        format: 'compiling [{bar}] {percentage}% {value}/{total} functions',
        stream: this.stream,
        clearOnComplete: true,
        hideCursor: true,
      });
      this.bar.start(total, done);
    }
    this.bar.update(done);
    // Compiling blocks the event loop, so the bar's own timer does not come around.
    this.bar.render();
  }

  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }
}
