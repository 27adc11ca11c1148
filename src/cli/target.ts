// Targets: `{x86_64,aarch64}-{linux,linux-musl,macos}` and the triples that compilers use for them.
import type { Isa, Os, Target } from '../options.ts';
import { UsageError } from './diagnostics.ts';

const ISA_NAMES: Readonly<Record<string, Isa>> = {
  x86_64: 'x86_64',
  amd64: 'x86_64',
  x64: 'x86_64',
  aarch64: 'aarch64',
  arm64: 'aarch64',
};

const TARGETS = '{x86_64,aarch64}-{linux,linux-musl,macos}';

/** The target of `name`. Throws UsageError. */
export function parseTarget(name: string): Target {
  const dash = name.indexOf('-');
  const isa = ISA_NAMES[name.slice(0, dash < 0 ? name.length : dash).toLowerCase()];
  const os = dash < 0 ? undefined : parseOs(name.slice(dash + 1).toLowerCase());
  if (isa === undefined || os === undefined)
    throw new UsageError(`unknown target ${JSON.stringify(name)}: targets are ${TARGETS}`);
  return { isa, os };
}

/** `[vendor-]system[-environment]`, as in x86_64-unknown-linux-gnu, arm64-apple-macosx11.0. */
function parseOs(rest: string): Os | undefined {
  const match =
    /^(?:(?:unknown|pc|none|apple|alpine|redhat|suse)-)?(linux|macos|macosx|darwin)([\d.]*)(?:-(gnu|musl|none))?$/.exec(
      rest,
    );
  if (match === null) return undefined;
  const [, system, version, environment] = match;
  if (system !== 'linux') return environment === undefined || environment === 'none' ? 'macos' : undefined;
  if (version !== '') return undefined;
  return environment === 'musl' ? 'linux-musl' : 'linux';
}

/** The target that runs on this machine. Throws UsageError where there is none. */
export function hostTarget(): Target {
  const isa = ISA_NAMES[process.arch];
  const os = process.platform === 'darwin' ? 'macos' : process.platform === 'linux' ? 'linux' : undefined;
  if (isa === undefined || os === undefined)
    throw new UsageError(`no native target for ${process.arch} ${process.platform}: use --target`);
  return { isa, os };
}

export function targetName(target: Target): string {
  return `${target.isa}-${target.os}`;
}
