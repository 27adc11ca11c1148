# Targets for people; `make` alone builds the command. What needs packages installs them from the lock file first.
NODE ?= node
NPM ?= npm

.PHONY: build demo test bench fuzz wasi-suite wasi-race lint coverage clean

build: dist/wasm2native.cjs

# npm writes this file last: it is older than the lock file when packages are missing or stale.
node_modules/.package-lock.json: package.json package-lock.json
	$(NPM) ci --no-audit --no-fund
	@touch $@

dist/wasm2native.cjs: node_modules/.package-lock.json scripts/build.mjs bin/wasm2native package.json $(shell find src -name '*.ts')
	$(NODE) scripts/build.mjs

demo: dist/wasm2native.cjs
	@mkdir -p build/demo
	bin/wasm2native fixtures/hello.wasm -o build/demo/hello
	build/demo/hello with arguments

test: dist/wasm2native.cjs
	$(NODE) scripts/test.mjs $(WORDS)

bench: dist/wasm2native.cjs
	$(NODE) scripts/build.mjs bench/main.ts
	$(NODE) build/bench/main.js

# The long fuzzing runs; the short ones are part of the tests. Findings are written to build/fuzz/.
FUZZ_COUNT ?= 1000000
FUZZ_MODULES ?= 100000
FUZZ_SEED ?= 1
fuzz: dist/wasm2native.cjs
	$(NODE) scripts/build.mjs test/fuzz/validate_fuzz.ts test/fuzz/module_fuzz.ts
	$(NODE) build/test/fuzz/validate_fuzz.js --count $(FUZZ_COUNT) --seed $(FUZZ_SEED)
	$(NODE) build/test/fuzz/module_fuzz.js --count $(FUZZ_MODULES) --seed $(FUZZ_SEED)000

# The public WASI test suite: SUITE is a checkout of its branch of built programs (prod/testsuite-base).
wasi-suite: dist/wasm2native.cjs
	WASM2NATIVE_WASI_SUITE=$(SUITE) $(NODE) scripts/test.mjs test/wasi/public_suite.ts

# Links exchanged by a second thread for 10 s during each path operation (the ordinary run: 40 ms).
RACE_MS ?= 10000
wasi-race: dist/wasm2native.cjs
	WASM2NATIVE_WASI_RACE_MS=$(RACE_MS) $(NODE) scripts/test.mjs test/wasi/wasi.test.ts --grep=gcc-asan.*exchanged

lint: node_modules/.package-lock.json
	node_modules/.bin/tsc --noEmit -p .
	node_modules/.bin/eslint .
	node_modules/.bin/prettier --check .

coverage: dist/wasm2native.cjs
	node_modules/.bin/c8 $(NODE) scripts/test.mjs $(WORDS)

clean:
	rm -rf build dist coverage
