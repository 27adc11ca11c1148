// Types of the part of the package `binary-parser` that src/macho/reader.ts uses: its own are out of a module
// resolver's sight and give `any`.
declare module 'binary-parser' {
  interface ParserOptions {
    length?: number | string | ((item: never) => number);
    assert?: number;
    stripNull?: boolean;
    type?: Parser;
    formatter?: (value: bigint) => number;
  }
  export class Parser {
    endianness(order: 'little' | 'big'): this;
    uint8(name: string): this;
    uint16(name: string): this;
    uint32(name: string, options?: ParserOptions): this;
    int32(name: string): this;
    uint64(name: string, options?: ParserOptions): this;
    string(name: string, options: ParserOptions): this;
    buffer(name: string, options: ParserOptions): this;
    array(name: string, options: ParserOptions): this;
    seek(bytes: number): this;
    parse(bytes: Buffer): unknown;
  }
}
