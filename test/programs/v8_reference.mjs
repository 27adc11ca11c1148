// Runs a wasm program in V8 with Node's WASI: v8_reference.mjs FILE INVOKE ARGS...; INVOKE '' runs _start with the
// working directory granted as /, otherwise calls that export with the arguments as numbers and prints its result.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

process.removeAllListeners('warning');
const [file, invoke, ...args] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));
if (invoke !== '') {
  const { exports } = new WebAssembly.Instance(module, {});
  console.log(String(exports[invoke](...args.map(Number))));
} else {
  const wasi = new WASI({ version: 'preview1', args: [file, ...args], env: {}, preopens: { '/': '.' } });
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  process.exitCode = wasi.start(instance);
}
