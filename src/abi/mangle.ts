// C names for WebAssembly names (docs/abi.md, "Names"). Input: a name as a string or as its UTF-8 bytes; output: letters,
// digits and underscores. Injective, and `mangle(a) + '__' + mangle(b)` is unambiguous, as no result holds, begins or
// ends with a doubled, leading or trailing underscore.

const UNDERSCORE = 0x5f;

function staysAsItIs(bytes: Uint8Array, index: number): boolean {
  const byte = bytes[index];
  if (byte >= 0x30 && byte <= 0x39) return index > 0;
  if (byte >= 0x41 && byte <= 0x59) return true; // A..Y: Z is the escape
  if (byte >= 0x61 && byte <= 0x7a) return true;
  if (byte !== UNDERSCORE) return false;
  const isInner = index > 0 && index < bytes.length - 1;
  return isInner && bytes[index - 1] !== UNDERSCORE && bytes[index + 1] !== UNDERSCORE;
}

/** The C spelling of a WebAssembly name: what does not stay becomes `Z` and two upper-case hexadecimal digits. */
export function mangle(name: string | Uint8Array): string {
  const bytes = typeof name === 'string' ? new TextEncoder().encode(name) : name;
  let out = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (staysAsItIs(bytes, i)) out += String.fromCharCode(byte);
    else out += 'Z' + (byte < 16 ? '0' : '') + byte.toString(16).toUpperCase();
  }
  return out;
}

/** C name of the function that an import binds to: `env__log`. */
export function importSymbol(module: string | Uint8Array, field: string | Uint8Array): string {
  return `${mangle(module)}__${mangle(field)}`;
}

/** C name of an export of the module whose mangled name is `mod`: `w2n_app__run`. */
export function exportSymbol(mod: string, name: string | Uint8Array): string {
  return `w2n_${mod}__${mangle(name)}`;
}
