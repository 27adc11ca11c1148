// Reads the text that src/ir/printer.ts writes (its header shows the language) into Funcs.
//
// A value vN gets the id N, so that text and function keep the same numbers; instructions without a result get ids
// behind the greatest N. Blocks keep their numbers; missing ones are empty. A comment runs from `;` to the end of its
// line. A syntax error throws ParseError with its line. The result is not verified: run src/ir/verifier.ts.
import { BlockFlag, Func } from './func.ts';
import { Imm, memImm, Op, OPS } from './opcodes.ts';
import { Signatures } from './signatures.ts';
import {
  Access,
  ACCESS_NAMES,
  FLOAT_CC_NAMES,
  INT_CC_NAMES,
  Region,
  REGION_NAMES,
  Type,
  TYPE_NAMES,
} from './types.ts';

export class ParseError extends Error {
  override name = 'ParseError';
}

/** What a text defines: its signatures and functions, in order. */
export interface ParsedModule {
  readonly sigs: Signatures;
  readonly funcs: Func[];
}

const OP_BY_NAME = new Map(OPS.map((o, i) => [o.name, i]));
const TOKEN = /\s+|;[^\n]*|->|@\d+|0x[0-9a-f]+|[+-]?\d+|[a-z_][a-z0-9_]*(?:\.[a-z0-9]+)?|[(){}:,=]/giy;

class Lexer {
  private readonly tokens: string[] = [];
  private readonly lines: number[] = [];
  private at = 0;

  constructor(text: string) {
    let line = 1;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null)
        throw new ParseError(`line ${line}: unexpected character ${JSON.stringify(text[from])}`);
      const token = match[0];
      if (!/^[\s;]/.test(token)) {
        this.tokens.push(token);
        this.lines.push(line);
      }
      for (const c of token) if (c === '\n') line++;
    }
  }

  peek(): string {
    return this.tokens[this.at] ?? '';
  }

  next(): string {
    return this.tokens[this.at++] ?? '';
  }

  accept(token: string): boolean {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token)) throw this.error(`expected '${token}', found '${this.peek()}'`);
  }

  /** The next token must match; returns its group 1, or the whole. */
  match(pattern: RegExp, what: string): string {
    const m = pattern.exec(this.peek());
    if (m === null) throw this.error(`expected ${what}, found '${this.peek()}'`);
    this.at++;
    return m[1] ?? m[0];
  }

  int(): number {
    return Number(this.match(/^[+-]?\d+$/, 'a number'));
  }

  lookup(names: readonly string[], what: string): number {
    const index = names.indexOf(this.peek());
    if (index < 0) throw this.error(`expected ${what}, found '${this.peek()}'`);
    this.at++;
    return index;
  }

  error(message: string): ParseError {
    // The token that was read last stands on the line of the mistake; the next one may be on a later line.
    const line = this.lines[Math.max(this.at - 1, 0)] ?? 1;
    return new ParseError(`line ${line}: ${message}`);
  }

  /** Greatest number N of a token PREFIX + N up to the next `}`, or -1. */
  greatest(prefix: RegExp): number {
    let max = -1;
    for (let i = this.at; i < this.tokens.length && this.tokens[i] !== '}'; i++) {
      const m = prefix.exec(this.tokens[i]);
      if (m !== null) max = Math.max(max, Number(m[1]));
    }
    return max;
  }
}

const VALUE = /^v(\d+)$/;
const BLOCK = /^block(\d+)$/;

class FuncParser {
  private readonly f = new Func();

  constructor(private readonly lex: Lexer) {}

  func(): Func {
    const { lex, f } = this;
    const index = lex.int();
    lex.expect('sig');
    f.reset(index, lex.int());
    lex.expect('{');
    const numValues = lex.greatest(VALUE) + 1;
    for (let v = 0; v < numValues; v++) f.newInst(Op.Nop, Type.None);
    const numBlocks = lex.greatest(BLOCK) + 1;
    for (let b = 0; b < numBlocks; b++) f.newBlock();
    while (!lex.accept('}')) this.block();
    return f;
  }

  private block(): void {
    const { lex, f } = this;
    const b = Number(lex.match(BLOCK, 'a block'));
    const params: number[] = [];
    if (lex.accept('(')) {
      do {
        const v = this.value();
        lex.expect(':');
        this.define(v, Op.Param, lex.lookup(TYPE_NAMES, 'a type'));
        params.push(v);
      } while (lex.accept(','));
      lex.expect(')');
    }
    f.setParams(b, Int32Array.from(params), 0, params.length);
    if (lex.accept('cold')) f.blockFlags[b] |= BlockFlag.Cold;
    lex.expect(':');
    while (!/^block\d+$|^}$|^$/.test(lex.peek())) this.inst(b);
    if (lex.peek() === '') throw lex.error("expected '}'");
  }

  private value(): number {
    return Number(this.lex.match(VALUE, 'a value'));
  }

  private define(v: number, op: number, type: number): void {
    const { f } = this;
    if (f.op[v] !== Op.Nop) throw this.lex.error(`v${v} is defined twice`);
    f.op[v] = op;
    f.type[v] = type;
  }

  /** Values in parentheses, of which the first is open already. */
  private listed(): number[] {
    const list: number[] = [];
    if (this.lex.accept(')')) return list;
    do list.push(this.value());
    while (this.lex.accept(','));
    this.lex.expect(')');
    return list;
  }

  /** The bare operands of an operation of fixed arity; those of a return end at the next block. */
  private bare(arity: number): number[] {
    const { lex } = this;
    const list: number[] = [];
    while (list.length !== arity) {
      if (list.length > 0 && !lex.accept(',')) break;
      if (list.length === 0 && !VALUE.test(lex.peek())) break;
      list.push(this.value());
    }
    return list;
  }

  private inst(b: number): void {
    const { lex, f } = this;
    let id = -1;
    let type: number = Type.None;
    if (VALUE.test(lex.peek())) {
      id = this.value();
      if (lex.accept(':')) type = lex.lookup(TYPE_NAMES, 'a type');
      lex.expect('=');
    }
    const [name, suffix] = lex.next().split('.');
    const op = OP_BY_NAME.get(name);
    if (op === undefined) throw lex.error(`unknown operation '${name}'`);
    if (id >= 0) this.define(id, op, type);
    else id = f.newInst(op, type);
    this.operands(id, op, suffix);
    if (/^@/.test(lex.peek())) f.loc[id] = Number(lex.next().slice(1));
    f.append(b, id);
  }

  private operands(id: number, op: number, suffix: string | undefined): void {
    const { lex, f } = this;
    const { imm, arity } = OPS[op];
    if (suffix !== undefined && imm !== Imm.Mem) throw lex.error(`'${OPS[op].name}' takes no suffix`);
    let args: number[] = [];
    switch (imm) {
      case Imm.None:
        args = this.bare(arity);
        break;
      case Imm.Param:
        throw lex.error('a parameter stands in the head of its block');
      case Imm.Index:
        args = this.bare(arity);
        f.imm[id] = lex.int();
        break;
      case Imm.Const:
        this.constant(id);
        break;
      case Imm.Const128:
        f.imm[id] = f.v128.length / 4;
        this.bits(128).forEach((part) => f.v128.push(part));
        break;
      case Imm.IntCC:
        f.imm[id] = lex.lookup(INT_CC_NAMES, 'a condition');
        args = this.bare(arity);
        break;
      case Imm.FloatCC:
        f.imm[id] = lex.lookup(FLOAT_CC_NAMES, 'a condition');
        args = this.bare(arity);
        break;
      case Imm.Mem:
        args = this.memory(id, suffix);
        break;
      case Imm.Offset:
        f.imm2[id] = lex.int();
        break;
      case Imm.Trap:
        args = this.bare(arity);
        lex.expect('trap');
        f.imm[id] = lex.int();
        break;
      case Imm.Func:
        f.imm[id] = lex.int();
        this.sig(id);
        if (op === Op.CallImport || op === Op.ReturnCallImport) {
          lex.expect('slot');
          f.imm2[id] = lex.int();
        }
        lex.expect('(');
        args = this.listed();
        break;
      case Imm.Sig:
        this.sig(id);
        lex.expect('(');
        args = this.listed();
        break;
      case Imm.Helper:
        f.imm[id] = lex.int();
        lex.expect('(');
        args = this.listed();
        break;
      case Imm.Edges:
        for (let k = 0; k < arity; k++) {
          args.push(this.value());
          lex.expect(',');
        }
        this.edges(id);
        break;
    }
    f.setArgs(id, Int32Array.from(args), 0, args.length);
  }

  private sig(id: number): void {
    this.lex.expect('sig');
    this.f.aux[id] = this.lex.int();
  }

  private memory(id: number, suffix: string | undefined): number[] {
    const { lex, f } = this;
    const access = suffix === undefined ? Access.Full : ACCESS_NAMES.indexOf(suffix);
    if (access < 0) throw lex.error(`unknown access '${suffix}'`);
    let type = f.type[id];
    if (lex.accept(':')) type = lex.lookup(TYPE_NAMES, 'a type');
    f.imm[id] = memImm(access, type);
    const args = this.bare(OPS[f.op[id]].arity);
    f.imm2[id] = lex.int() | 0;
    const [, kind, index] = /^([a-z]+)(\d+)$/.exec(lex.next()) ?? [];
    const region = REGION_NAMES.indexOf(kind);
    if (region < 0) throw lex.error(`unknown alias region '${kind}'`);
    f.aux[id] = region | (Number(index) << Region.IndexShift);
    return args;
  }

  private constant(id: number): void {
    const { lex, f } = this;
    if (/^0x/.test(lex.peek())) {
      const parts = this.bits(64);
      f.imm[id] = parts[0];
      f.imm2[id] = f.type[id] === Type.F32 ? 0 : parts[1];
    } else {
      const low = lex.int();
      if (low !== (low | 0)) throw lex.error('a decimal constant must fit 32 bits, signed');
      f.imm[id] = low;
      f.imm2[id] = low >> 31;
    }
  }

  /** Hexadecimal digits as int32 parts, least significant first. */
  private bits(width: number): number[] {
    const digits = this.lex.match(/^0x([0-9a-f]+)$/i, 'hexadecimal bits').padStart(width / 4, '0');
    if (digits.length !== width / 4) throw this.lex.error(`more than ${width} bits`);
    const parts: number[] = [];
    for (let end = digits.length; end > 0; end -= 8) parts.push(parseInt(digits.slice(end - 8, end), 16) | 0);
    return parts;
  }

  private edges(id: number): void {
    const { lex, f } = this;
    f.imm[id] = f.numEdges;
    let count = 0;
    do {
      const e = f.newEdge(Number(lex.match(BLOCK, 'a block')));
      if (lex.accept('(')) {
        const args = this.listed();
        f.setEdgeArgs(e, Int32Array.from(args), 0, args.length);
      }
      count++;
    } while (lex.accept(','));
    f.imm2[id] = count;
  }
}

function types(lex: Lexer): number[] {
  const list: number[] = [];
  lex.expect('(');
  if (lex.accept(')')) return list;
  do list.push(lex.lookup(TYPE_NAMES, 'a type'));
  while (lex.accept(','));
  lex.expect(')');
  return list;
}

/** Parses signatures and functions; throws ParseError. */
export function parseModule(text: string): ParsedModule {
  const lex = new Lexer(text);
  const sigs = new Signatures();
  const funcs: Func[] = [];
  while (lex.peek() !== '') {
    if (lex.accept('sig')) {
      if (lex.int() !== sigs.count)
        throw lex.error(`signatures are numbered in order; expected ${sigs.count}`);
      const params = types(lex);
      lex.expect('->');
      sigs.add(params, types(lex));
    } else {
      lex.expect('func');
      funcs.push(new FuncParser(lex).func());
    }
  }
  return { sigs, funcs };
}
