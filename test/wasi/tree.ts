// The file trees that the WASI tests work in, and snapshots that show whether anything in one was touched.
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';

/** Removes a tree, also one whose paths are longer than the system takes: a guest makes such by going down. */
export function removeTree(dir: string): void {
  execFileSync('rm', ['-rf', dir]);
}

/** Makes an empty directory. */
export function emptyDirectory(dir: string): void {
  removeTree(dir);
  mkdirSync(dir, { recursive: true });
}

/**
 * Makes `dir` with `outside` (secrets), `grant` (links of every kind, in and out) and `second`; test/wasi/guest/escape.c
 * names what lies there.
 */
export function escapeTree(dir: string): void {
  emptyDirectory(dir);
  const at = (...names: string[]): string => path.join(dir, ...names);
  mkdirSync(at('outside/dir'), { recursive: true });
  mkdirSync(at('grant/in/deep'), { recursive: true });
  mkdirSync(at('second'));
  writeFileSync(at('outside/secret'), 'SECRET-content');
  writeFileSync(at('outside/dir/inner'), 'SECRET-inner');
  writeFileSync(at('second/second_file'), 'second');
  writeFileSync(at('grant/file'), 'content');
  writeFileSync(at('grant/victim'), 'victim');
  const links: Record<string, string> = {
    out_file: '../outside/secret',
    out_dir: '../outside',
    abs_file: at('outside/secret'),
    abs_dir: at('outside'),
    chain_file: 'chain2',
    chain2: 'chain3',
    chain3: '../outside/secret',
    chain_dir: 'chain_d2',
    chain_d2: '../outside',
    dangling_out: '../outside/missing',
    'in/up_dir': '../../outside',
    'in/abs_dir': at('outside'),
    'in/up_root': '../..',
    'in/deep/up': '../../..',
    root: '/',
    up: '..',
    self_up: 'in/..',
    loop1: 'loop2',
    loop2: 'loop1',
    loop_self: 'loop_self',
    dangling_in: 'missing',
    ok_file: 'file',
    ok_dir: 'in',
    ok_chain: 'ok_file',
    'in/back': '..',
    'in/deep/to_file': '../../file',
    slash_link: 'in/',
    dot_link: '.',
    l1: 'file',
  };
  for (let i = 2; i <= 41; i++) links[`l${i}`] = `l${i - 1}`;
  for (const n of [39, 40, 41]) links[`links${n}`] = `l${n - 1}`;
  for (const [name, target] of Object.entries(links)) symlinkSync(target, at('grant', name));
}

/** A line for everything below `dir`: type, mode, inode, links, size, times of change, content. */
export function snapshot(dir: string): string {
  const lines: string[] = [];
  const visit = (name: string): void => {
    const full = path.join(dir, name);
    const st = lstatSync(full, { bigint: true });
    let content = '';
    if (st.isFile()) content = createHash('sha256').update(readFileSync(full)).digest('hex');
    if (st.isSymbolicLink()) content = readlinkSync(full);
    lines.push([name, st.mode, st.ino, st.nlink, st.size, st.mtimeNs, st.ctimeNs, content].join(' '));
    if (st.isDirectory()) for (const child of readdirSync(full).sort()) visit(path.join(name, child));
  };
  visit('.');
  return lines.join('\n');
}
