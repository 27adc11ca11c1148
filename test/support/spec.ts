// The official specification tests for tests: unpacks an archive once into build/spec and reads its scripts.
// The archives come from WASM2NATIVE_SPEC (a folder with core.tar.gz, threads.tar.gz, ...) or ../shared/spec-testsuite;
// each unpacks to NAME/SCRIPT/SCRIPT.json (the format of wast2json) with the .wasm files it names beside it.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { fromRoot } from './paths.ts';

/** A value of an action or result. Numbers are decimal bit patterns; NaN patterns are named; v128 has a list of lanes. */
export interface SpecValue {
  readonly type: string;
  readonly value?: string | readonly string[];
  readonly lane_type?: string;
}

/** An invocation or a read of a global, of the last module or of a named one. */
export interface SpecAction {
  readonly type: 'invoke' | 'get';
  readonly module?: string;
  readonly field: string;
  readonly args?: readonly SpecValue[];
}

/** A result that may be any of several values. */
export interface SpecEither {
  readonly type: 'either';
  readonly values: readonly SpecValue[];
}

interface CommandOf<T extends string> {
  readonly type: T;
  readonly line: number;
}

/** A command that names a module file: `module_type` text is for text parsers alone. */
interface FileCommandOf<T extends string> extends CommandOf<T> {
  readonly filename: string;
  readonly module_type: 'binary' | 'text';
  readonly name?: string;
  readonly text?: string;
}

export type SpecFileCommand = FileCommandOf<
  | 'module'
  | 'module_definition'
  | 'assert_malformed'
  | 'assert_invalid'
  | 'assert_unlinkable'
  | 'assert_uninstantiable'
>;

export type SpecCommand =
  | SpecFileCommand
  | (CommandOf<'module_instance'> & { readonly instance?: string; readonly module?: string })
  | (CommandOf<'register'> & { readonly as: string; readonly name?: string })
  | (CommandOf<'action'> & { readonly action: SpecAction })
  | (CommandOf<'assert_return'> & {
      readonly action: SpecAction;
      readonly expected: readonly (SpecValue | SpecEither)[];
    })
  | (CommandOf<'assert_trap' | 'assert_exhaustion'> & { readonly action: SpecAction; readonly text: string })
  | (CommandOf<'assert_exception'> & { readonly action: SpecAction });

/** One script: its commands, and where its files lie. */
export interface SpecScript {
  readonly name: string;
  readonly dir: string;
  readonly commands: readonly SpecCommand[];
}

/** Names of the archives. */
export type SpecArchive = 'core' | 'threads' | 'custom-page-sizes' | 'wide-arithmetic';

/** Folder of the unpacked archive; unpacks it on first use. Safe when several processes do so at once. */
export function specFolder(archive: SpecArchive): string {
  const source = path.join(
    process.env['WASM2NATIVE_SPEC'] ?? fromRoot('../shared/spec-testsuite'),
    `${archive}.tar.gz`,
  );
  if (!existsSync(source))
    throw new Error(`no ${archive}.tar.gz: set WASM2NATIVE_SPEC to the folder of the archives`);
  const { size, mtimeMs } = statSync(source);
  const target = fromRoot('build/spec', `${archive}-${size}-${Math.trunc(mtimeMs)}`);
  if (!existsSync(target)) {
    mkdirSync(fromRoot('build/spec'), { recursive: true });
    const fresh = mkdtempSync(fromRoot('build/spec', `.${archive}-`));
    execFileSync('tar', ['-xzf', source, '-C', fresh]);
    try {
      renameSync(fresh, target);
    } catch (error) {
      // Another process was first: renaming onto a folder that is not empty fails.
      rmSync(fresh, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  return path.join(target, archive);
}

/** Names of the archive's scripts, sorted. */
export function specScriptNames(archive: SpecArchive): string[] {
  const dir = specFolder(archive);
  return readdirSync(dir)
    .filter((name) => existsSync(path.join(dir, name, `${name}.json`)))
    .sort();
}

/** Reads one script. */
export function readSpecScript(archive: SpecArchive, name: string): SpecScript {
  const dir = path.join(specFolder(archive), name);
  const json = JSON.parse(readFileSync(path.join(dir, `${name}.json`), 'utf8')) as {
    commands: SpecCommand[];
  };
  return { name, dir, commands: json.commands };
}

/** All scripts of an archive, one at a time. */
export function* specScripts(archive: SpecArchive): Generator<SpecScript> {
  for (const name of specScriptNames(archive)) yield readSpecScript(archive, name);
}

/** Whether the command names a module file. */
export function isFileCommand(command: SpecCommand): command is SpecFileCommand {
  return 'filename' in command;
}

/** The bytes of the module that a command names. */
export function specModule(script: SpecScript, command: SpecFileCommand): Uint8Array {
  // Not the Buffer itself: its slice() shares memory, unlike that of Uint8Array.
  return new Uint8Array(readFileSync(path.join(script.dir, command.filename)));
}
