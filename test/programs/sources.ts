// Sources of real programs, from package registries by their ordinary clients, kept below build/programs. Nothing of
// them is committed. Each function returns a folder or file that is complete: it is made beside and renamed, so that
// test files that run in parallel may ask for the same one.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../support/paths.ts';

const FOLDER = fromRoot('build/programs');

/** Runs a program, its output shown only when it fails. */
export function run(
  file: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  try {
    return execFileSync(file, args, {
      cwd,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
  } catch (error) {
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
    throw new Error(`${file} ${args.join(' ')} failed\n${stderr.slice(-4000)}${stdout.slice(-1000)}`);
  }
}

/** build/programs/NAME, made by `make` in a fresh folder if it is not there yet. */
export function cached(name: string, make: (dir: string) => void): string {
  const target = path.join(FOLDER, name);
  if (existsSync(target)) return target;
  mkdirSync(FOLDER, { recursive: true });
  const fresh = mkdtempSync(path.join(FOLDER, '.new-'));
  make(fresh);
  try {
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** The upstream source tree of a Debian source package. The deb-src lines come from the machine's own deb lines. */
export function debianSource(name: string): string {
  return cached(`debian-${name}`, (dir) => {
    const format = 'deb-src $(REPO_URI) $(CODENAME) $(COMPONENT)';
    const lines = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], dir);
    const archive = [...new Set(lines.split('\n'))].filter((line) => /\/debian\/? \S+ main$/.test(line));
    const lists = path.join(dir, 'lists');
    mkdirSync(path.join(lists, 'partial'), { recursive: true });
    writeFileSync(path.join(dir, 'sources.list'), `${archive.join('\n')}\n`);
    const options = [
      `Dir::Etc::sourcelist=${path.join(dir, 'sources.list')}`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${lists}`,
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option]);
    run('apt-get', [...options, 'update', '-qq'], dir);
    run('apt-get', [...options, 'source', '--download-only', '-qq', name], dir);
    const tarball = readdirSync(dir).find((file) => /\.orig\.tar\.\w+$/.test(file));
    if (tarball === undefined) throw new Error(`no upstream archive in the Debian source of ${name}`);
    mkdirSync(path.join(dir, 'src'));
    run('tar', ['-xf', tarball, '-C', 'src', '--strip-components=1'], dir);
    rmSync(lists, { recursive: true });
  });
}

/** Folder of the unpacked sources of a crate. */
export function crateSource(name: string, version: string): string {
  const dir = cached(`crate-${name}-${version}`, (fresh) => {
    mkdirSync(path.join(fresh, 'src'));
    writeFileSync(path.join(fresh, 'src/lib.rs'), '');
    const manifest = `[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n${name} = "=${version}"\n`;
    writeFileSync(path.join(fresh, 'Cargo.toml'), manifest);
    run('cargo', ['vendor', '-q'], fresh);
  });
  return path.join(dir, 'vendor', name);
}

/** Folder of an installed npm package with its dependencies; no install scripts are run. */
export function npmPackage(name: string, version: string): string {
  const dir = cached(`npm-${name.replace(/\W+/g, '-')}-${version}`, (fresh) => {
    writeFileSync(path.join(fresh, 'package.json'), '{"private":true}\n');
    run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', `${name}@${version}`],
      fresh,
    );
  });
  return path.join(dir, 'node_modules', name);
}

/** Folder of an unpacked wheel. */
export function pythonPackage(name: string, version: string): string {
  return cached(`pypi-${name}-${version}`, (fresh) => {
    run(
      'python3',
      ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', `${name}==${version}`],
      fresh,
    );
    const wheel = readdirSync(fresh).find((file) => file.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`no wheel of ${name} ${version}`);
    run('python3', ['-m', 'zipfile', '-e', wheel, '.'], fresh);
    rmSync(path.join(fresh, wheel));
  });
}

/** A file made once: NAME in a folder of build/programs, another one for each `key`: what it is made with. */
export function cachedFile(name: string, make: (file: string) => void, key = ''): string {
  const digest = key === '' ? '' : `-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
  const dir = cached(`file-${name}${digest}`, (fresh) => make(path.join(fresh, name)));
  return path.join(dir, name);
}
