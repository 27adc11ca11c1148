// Types of the part of the package `elfy` that src/elf/reader.ts uses.
declare module 'elfy' {
  export interface ElfySection {
    name: string;
    /** Name of the type, or its number where elfy has no name. */
    type: string | number;
    flags: Readonly<Record<string, boolean>>;
    addr: number;
    off: number;
    size: number;
    link: number;
    info: number;
    data: Buffer;
  }
  export interface ElfyFile {
    class: string;
    endian: string;
    type: string;
    machine: string | undefined;
    shoff: number;
    shnum: number;
    body: { sections: ElfySection[] };
  }
  const elfy: { parse(file: Buffer): ElfyFile };
  export default elfy;
}
