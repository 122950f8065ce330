# libmtl: every task of the house is a target here; `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CARGO ?= cargo
PYTHON ?= python3
DEPS := $(CURDIR)/.deps
TOOLS := $(DEPS)/tools
WORKSPACE := --workspace --all-features

CARGO_DENY_VERSION := 0.20.2
MDBOOK_VERSION := 0.5.4
ARM := aarch64-unknown-linux-gnu
RUST_VERSION := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

# What is fetched, unless you name your own: ORT_DYLIB_PATH, LIBTORCH, or LIBTORCH_USE_PYTORCH=1.
FETCH :=
ORT_IN_DEPS := .deps/onnxruntime/libonnxruntime.so.1.28.0
ifndef ORT_DYLIB_PATH
FETCH += onnxruntime
export ORT_DYLIB_PATH := $(CURDIR)/$(ORT_IN_DEPS)
endif
ifndef LIBTORCH_USE_PYTORCH
ifndef LIBTORCH
FETCH += libtorch
export LIBTORCH := $(DEPS)/libtorch
endif
export LD_LIBRARY_PATH := $(LIBTORCH)/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))
endif
export PATH := $(TOOLS)/bin:$(PATH)

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Build the release `mtl` and tag a short text in several languages (downloads crates only)
	$(CARGO) build --release --features cli --bin mtl
	@target/release/mtl tag models/demo.txt
	@echo "To try ONNX Runtime: make deps && target/release/mtl tag --engine onnx --ort-library $(ORT_IN_DEPS) models/demo.txt"

# The C library: PROFILE=dev builds it quickly, for tests.
PROFILE ?= release
PREFIX ?= /usr/local
BUILT := $(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
CAPI := target/$(BUILT)
CAPI_ARM := target/$(ARM)/$(BUILT)
STRIPPED := $(if $(filter dev,$(PROFILE)),,-Wl,-s)

.PHONY: capi
capi: ## Build the C library: libmtl.a and libmtl.so in target/release (PROFILE=dev: target/debug)
	$(CARGO) build --profile $(PROFILE) -p libmtl-c
	bindings/c/link.sh $(CAPI)/libmtl_c.a $(CAPI) $(STRIPPED)

.PHONY: capi-aarch64
capi-aarch64: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER := aarch64-linux-gnu-gcc
capi-aarch64: ## Build the C library for 64-bit ARM, into target/aarch64-unknown-linux-gnu/release (PROFILE=dev: debug)
	$(CARGO) build --profile $(PROFILE) --target $(ARM) -p libmtl-c
	CC=aarch64-linux-gnu-gcc OBJCOPY=aarch64-linux-gnu-objcopy bindings/c/link.sh $(CAPI_ARM)/libmtl_c.a $(CAPI_ARM) $(STRIPPED)

.PHONY: install
install: capi ## Install the C library and its headers into PREFIX=/usr/local, below DESTDIR
	bindings/c/install.sh $(CAPI) $(PREFIX)

.PHONY: java
java: capi ## Build the packages for Java, Kotlin and Android into target/java (a JDK and Maven): bindings/java/README.md
	bindings/java/native/build.sh $(CAPI)/libmtl.a target/java/native/ai/libmtl/native/linux-$$(uname -m)/libmtl_jni.so
	mvn -q -B -f bindings/java/pom.xml -Dmtl.platform=linux-$$(uname -m) -DskipTests package

##@ Develop

.PHONY: header
header: ## Write include/mtl.h from src/capi
	$(CARGO) run --quiet -p libmtl-c --example header

.PHONY: cases
cases: ## Write into tests/cases what the library makes of them; read the difference
	$(MAKE) --no-print-directory capi PROFILE=dev
	$(PYTHON) tools/make_cases.py

.PHONY: deps
deps: ## Fetch what tests need into .deps/: ONNX Runtime, libtorch (560 MB, once)
	@$(if $(strip $(FETCH)),$(PYTHON) tools/fetch.py --into $(DEPS) $(if $(INDEX),--index $(INDEX)) $(FETCH),:)

.PHONY: test
test: deps ## Run every test of every language
	@$(PYTHON) tools/run_tests.py

.PHONY: trainer
trainer: deps ## Build the trainer, target/train/mtl-export
	$(CARGO) build --profile train -p mtl-export

.PHONY: bench-boundary
bench-boundary: ## Measure what C, C++ and Go cost against Rust, into docs/results/boundary.json
	$(MAKE) --no-print-directory install PREFIX=$(CURDIR)/target/bench-prefix
	$(CARGO) build --release --features capi,onnx --example boundary
	$(PYTHON) benches/boundary/run.py --prefix target/bench-prefix --rust target/release/examples/boundary \
		--output docs/results/boundary.json

.PHONY: bench-layer
bench-layer: deps ## Measure a BiLSTM layer of each kernel beside ONNX Runtime's, into docs/results/layer-speed.json
	$(CARGO) bench --features onnx --bench layer -- $(CURDIR)/docs/results/layer-speed.json

.PHONY: bench-gemm
bench-gemm: ## Measure our matrix product beside the crate gemm
	$(CARGO) run --release --locked --manifest-path benches/gemm/Cargo.toml --target-dir target/gemm

.PHONY: bench-scorer
bench-scorer: deps ## Measure exercises a second of both engines, into docs/results/scorer-speed.json
	$(CARGO) bench --features onnx --bench scorer -- $(CURDIR)/docs/results/scorer-speed.json

# The peers are trained once, a quarter of an hour, and kept in target/peers.
PEERS_PYTHON := $(DEPS)/peers/bin/python
.PHONY: bench-peers
bench-peers: deps ## Measure spaCy, UDPipe, CRFsuite and libmtl side by side: DATA=the folder that holds ud/en_ewt
	@test -n "$(DATA)" || { echo "bench-peers: set DATA to the folder that holds ud/en_ewt: benches/peers/README.md" >&2; exit 2; }
	$(MAKE) --no-print-directory capi PROFILE=release
	@test -x $(PEERS_PYTHON) || $(PYTHON) -m venv $(DEPS)/peers
	$(PEERS_PYTHON) -m pip install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
	DATA=$(abspath $(DATA)) $(PEERS_PYTHON) benches/peers/speed.py --library target/release/libmtl.so \
		--onnxruntime $(ORT_DYLIB_PATH) --models target/peers --write

.PHONY: bench-batch
bench-batch: ## Measure mtl batch beside spaCy and a script on ONNX Runtime: DATA=the folder of the corpora
	@test -n "$(DATA)" || { echo "bench-batch: set DATA to the folder of the corpora: benches/batch/README.md" >&2; exit 2; }
	$(CARGO) build --release --features cli --bin mtl
	@test -x $(PEERS_PYTHON) || $(PYTHON) -m venv $(DEPS)/peers
	$(PEERS_PYTHON) -m pip install --quiet --disable-pip-version-check -r benches/batch/requirements.txt
	$(PEERS_PYTHON) benches/batch/run.py --data $(abspath $(DATA)) --mtl target/release/mtl --models target/peers --folder target/batch-bench --write

.PHONY: bench-tagger
bench-tagger: deps ## Measure the whole tagger, both engines, on the sentences of CONLLU=file, into docs/results/tagger-speed.json
	@test -n "$(CONLLU)" || { echo "name a file: make bench-tagger CONLLU=file" >&2; exit 1; }
	$(CARGO) bench --features onnx --bench tagger -- $(abspath $(CONLLU)) $(CURDIR)/docs/results/tagger-speed.json

.PHONY: bench-fused
bench-fused: deps ## Measure the fused graph beside the portable one on ONNX Runtime, on CONLLU=file, into docs/results/fused-speed.json
	@test -n "$(CONLLU)" || { echo "name a file: make bench-fused CONLLU=file" >&2; exit 1; }
	$(CARGO) bench --features onnx --bench fused -- $(abspath $(CONLLU)) $(CURDIR)/docs/results/fused-speed.json

.PHONY: fmt
fmt: ## Format the Rust sources
	$(CARGO) fmt --all

.PHONY: lint
lint: deps ## Lint all targets and features; a warning is an error
	$(CARGO) clippy $(WORKSPACE) --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features -- -D warnings

.PHONY: doc
doc: deps ## Build the API documentation; a warning is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(WORKSPACE) --no-deps

.PHONY: book
book: $(TOOLS)/bin/mdbook-$(MDBOOK_VERSION) ## Build the manual into target/book
	$< build docs

.PHONY: clean
clean: ## Delete what was built; .deps/ stays (delete it by hand to fetch anew)
	$(CARGO) clean

##@ Check

.PHONY: ci
ci: ## Run everything that a change must pass
	.ci/run

.PHONY: fmt-check
fmt-check: ## Check the format
	$(CARGO) fmt --all --check

.PHONY: test-aarch64
test-aarch64: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER := aarch64-linux-gnu-gcc
test-aarch64: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER := qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu max
test-aarch64: ## Test the library, the models and the C ABI for 64-bit ARM, under qemu: CONTRIBUTING.md
	@if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null && rustup target add $(ARM); then \
		env -u LD_LIBRARY_PATH $(CARGO) test --target $(ARM) --no-fail-fast --lib --test golden && \
		$(MAKE) --no-print-directory capi-aarch64 PROFILE=dev && $(PYTHON) tools/test_aarch64.py target/$(ARM)/debug; \
	else echo "test-aarch64: NOT RUN, it wants gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user-static and Rust's $(ARM)"; fi

# Not of `make check`: they need a nightly Rust with miri and rust-src, and minutes for a build of their own.
.PHONY: asan
asan: ## Run the tests of all arithmetic under AddressSanitizer (a nightly Rust)
	RUSTFLAGS=-Zsanitizer=address cargo +nightly test --lib --target "$$(rustc +nightly --print host-tuple)" --target-dir target/asan \
		-- kernels:: engine:: scorer:: tagger::

.PHONY: miri
miri: ## Run the generic kernel and the thread pool under Miri (a nightly Rust)
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --lib --target-dir target/miri \
		-- kernels::dense states_are_right_and_do_not engine::pool engine::native::schedule

.PHONY: size-check
size-check: capi ## Check the release build of the C library against its size budget, abi/sizes.txt
	$(PYTHON) tools/check_size.py $(CAPI) libmtl.so libmtl.a

# Before a release: minutes of builds of their own, for a JDK, Maven and a compiler for 64-bit ARM as well.
.PHONY: size-check-all
size-check-all: java capi-aarch64 ## Check all that is shipped against its size budget: the command, ARM, Java and Python, too
	$(CARGO) build --release --features cli --bin mtl
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir target/wheels ./bindings/python
	$(PYTHON) tools/check_size.py $(CAPI)

.PHONY: abi-check
abi-check: deps ## Check that the C ABI keeps what was released: abi/README.md
	$(PYTHON) tools/check_abi.py

.PHONY: abi-baseline
abi-baseline: ## Take include/mtl.h for the last release's, at a release: abi/README.md
	$(PYTHON) tools/check_abi.py --write

.PHONY: header-check
header-check: ## Check that include/mtl.h is what src/capi makes
	$(CARGO) run --quiet -p libmtl-c --example header -- --check

.PHONY: deny
deny: $(TOOLS)/bin/cargo-deny-$(CARGO_DENY_VERSION) ## Check licences, sources, bans, and advisories where they can be reached
	$< --workspace --all-features check --hide-inclusion-graph bans licenses sources
	@if timeout 120 $< fetch db >/dev/null 2>&1; then $< --workspace --all-features check --hide-inclusion-graph advisories; \
	else echo "advisories: NOT CHECKED, their database cannot be reached from here"; fi

.PHONY: docs-check
# The programs as tests build them: a build of their own would compile half of everything once more.
docs-check: deps ## Check links, and that commands shown in documents exist
	$(CARGO) test --quiet $(WORKSPACE) --no-run --test cli
	$(PYTHON) tools/check_docs.py --programs target/debug

.PHONY: tree-check
tree-check: ## Check that no file is too large and none names a place of one machine
	$(PYTHON) tools/check_tree.py

.PHONY: cuda-check
cuda-check: ## Compile the CUDA kernels, without a GPU (90 MB, once): a spilled register is an error
	@$(PYTHON) tools/fetch.py --into $(DEPS) $(if $(INDEX),--index $(INDEX)) nvrtc
	LD_LIBRARY_PATH=$(DEPS)/nvrtc/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH)) $(CARGO) test $(WORKSPACE) --test cuda-compile -- --nocapture
	LD_LIBRARY_PATH=$(DEPS)/nvrtc/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH)) $(CARGO) test $(WORKSPACE) --test cuda -- a_kernel_that_the_driver_refuses

.PHONY: cuda-run
cuda-run: ## On a machine with an NVIDIA GPU: the engine `cuda` and the fused graph on golden cases, and their times; NOT RUN by us
	@$(PYTHON) tools/fetch.py --into $(DEPS) $(if $(INDEX),--index $(INDEX)) nvrtc
	$(CARGO) build --release --features cuda,onnx --example cuda
	@mkdir -p target/cuda-kernels
	@export LD_LIBRARY_PATH=$(DEPS)/nvrtc/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH)); set -e; \
	target/release/examples/cuda target/cuda-kernels models/mtl-base models/mtl-mobile; \
	if command -v compute-sanitizer >/dev/null; then \
		compute-sanitizer --error-exitcode 1 target/release/examples/cuda target/cuda-kernels --check models/mtl-mobile; \
	else echo "compute-sanitizer: NOT RUN, it is not on the path"; fi

.PHONY: msrv
msrv: ## Check the library with the oldest Rust that Cargo.toml promises
	$(PYTHON) tools/check_msrv.py
	@if rustup run $(RUST_VERSION) rustc --version 2>/dev/null || \
		rustup toolchain install $(RUST_VERSION) --profile minimal; then \
		CARGO_TARGET_DIR=target/msrv rustup run $(RUST_VERSION) cargo check --locked -p libmtl --all-features; \
	else echo "msrv: NOT BUILT, Rust $(RUST_VERSION) cannot be installed here"; fi

# Pinned tools: the one on the path where it is of that version, else built once, unoptimised, for each runs for a second. The version
# in the name rebuilds them when it changes.
$(TOOLS)/bin/cargo-deny-$(CARGO_DENY_VERSION):
	$(call install_tool,cargo-deny,$(CARGO_DENY_VERSION))

$(TOOLS)/bin/mdbook-$(MDBOOK_VERSION):
	$(call install_tool,mdbook,$(MDBOOK_VERSION),--no-default-features)

define install_tool
	@mkdir -p $(@D)
	@if found=$$(command -v $(1)) && "$$found" --version | grep -Eq ' v?$(subst .,\.,$(2))$$'; then ln -sf "$$found" $@; else \
		set -e; \
		CARGO_TARGET_DIR=$(TOOLS)/build $(CARGO) install --debug --quiet --locked --force --root $(TOOLS) $(3) $(1)@$(2); \
		rm -rf $(TOOLS)/build; \
		mv $(TOOLS)/bin/$(1) $@; \
	fi
endef
