// Types of the part of the package `cli-progress` that src/cli/progress.ts uses.
declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: {
      format: string;
      stream: NodeJS.WritableStream;
      clearOnComplete: boolean;
      hideCursor: boolean;
    });
    start(total: number, value: number): void;
    update(value: number): void;
    render(): void;
    stop(): void;
  }
}
