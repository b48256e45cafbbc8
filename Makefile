# Every step of the build by name. `make help` lists them; continuous integration runs the same ones.

# Tests and the demo use the pinned tools, whatever else is installed.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

CARGO ?= cargo
DOCKER ?= docker
IMAGE ?= anabranch:dev
# What the binary is for, in Docker's words: linux, or darwin on a Mac; amd64 or arm64.
OS = linux
ARCH ?= $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,amd64)

triple := $(if $(filter arm64,$(ARCH)),aarch64,x86_64)-$(if $(filter darwin,$(OS)),apple-darwin,unknown-linux-musl)
dist := dist/$(OS)/$(ARCH)
target_dir := $(or $(CARGO_TARGET_DIR),target)
version = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
revision = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# The same commit gives the same binary in whichever folder: sources are named by these names, not by
# where they lie. A later prefix wins.
remap = "--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=/crates", \
	"--remap-path-prefix=$(CURDIR)=/anabranch", "--remap-path-prefix=$(abspath $(target_dir))=/target"

build_release = env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS $(CARGO) build --release --locked \
	--target $(triple) --config 'target.$(triple).rustflags=[$(remap)]'

render_shop = $(CARGO) run --quiet --locked -- render examples/shop/previews.yaml \
	--baseline examples/shop/baseline --source-root examples/shop

# Rust's own linker builds the static binary for either architecture without a C toolchain for it.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER ?= rust-lld
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER ?= rust-lld

.DEFAULT_GOAL := help
.PHONY: demo test kpt fuzz propagation e2e estates scale bench bless fmt lint schema rust-target dist image-root sbom reproducible deny advisories image arch tools help

demo: tools ## Render examples/shop: the tree of files, and one route of the stream
	@$(CARGO) build --quiet --locked
	@rm -rf target/demo
	@echo "==> anabranch render examples/shop/previews.yaml --baseline examples/shop/baseline -o target/demo"
	@$(render_shop) -o target/demo
	@cd target/demo && find . -type f | LC_ALL=C sort | awk -F/ '{ path = ""; \
		for (i = 2; i <= NF; i++) { path = path "/" $$i; \
			if (!seen[path]++) printf "%*s%s%s\n", 2 * i - 2, "", $$i, i < NF ? "/" : "" } }'
	@echo
	@echo "==> The same without -o is one stream, here target/demo.yaml. It holds"
	@$(render_shop) > target/demo.yaml
	@grep '^kind: ' target/demo.yaml | LC_ALL=C sort | uniq -c | sed 's/kind: //'
	@echo
	@echo "==> One route of preview pr-42"
	@awk '/^---/ { if (found()) exit; doc = ""; next } { doc = doc "  " $$0 "\n" } END { printf "%s", doc } \
		function found() { return doc ~ /  kind: HTTPRoute\n/ && doc ~ /anabranch.dev\/preview: pr-42\n/ }' \
		target/demo.yaml

test: tools ## Run every test; installs the tools they need
	$(CARGO) test --locked

kpt: ## Install kpt, three minutes of compiling, so that its tests run too
	@tests/tools/install.sh kpt

fuzz: ## Fuzz every target for FUZZ_SECONDS=30; FUZZ=name for one
	@fuzz/run.sh $(FUZZ)

propagation: ## Send the key through real SDKs and compare with docs/propagation.md (needs Node, Python, Go and Maven)
	@propagation/check/install.sh
	@python3 propagation/check/check.py

e2e: tools ## Run real engines on what anabranch writes (needs root); E2E_ONLY=name,name for some
	@tests/lab/build.sh
	$(CARGO) test --locked --test e2e --no-run
	@if $(DOCKER) info >/dev/null 2>&1; then $(MAKE) image && export E2E_IMAGE=$(IMAGE); fi; \
	tests/lab/run.sh $(CARGO) test --quiet --locked --offline --test e2e

estates: tools ## Render estates in the style of real ones, judge their routes, and apply them in the lab (needs root)
	$(CARGO) test --locked --test suite -- estates::
	@tests/lab/build.sh
	$(CARGO) test --locked --test e2e --no-run
	E2E_ONLY=estates tests/lab/run.sh $(CARGO) test --quiet --locked --offline --test e2e

scale: tools ## Measure object sizes, route tables and requests with up to 1,000 previews; writes docs/scale.md (needs root)
	@tests/lab/build.sh
	$(CARGO) test --locked --test e2e --no-run
	E2E_ONLY=scale,push-cost tests/lab/run.sh $(CARGO) test --quiet --locked --offline --test e2e

bench: tools dist ## Measure parts, and whole processes beside other tools, and write docs/performance.md
	@benches/peers/install.sh
	$(CARGO) build --release --locked
	@mkdir -p target/bench && cp $(target_dir)/release/anabranch target/bench/
	$(CARGO) bench --locked --bench parts
	STATIC_BINARY=$(CURDIR)/dist/linux/$(ARCH)/anabranch $(CARGO) bench --locked --bench whole

bless: tools ## Rewrite the expected files, and what documents show, from what the program writes now
	GOLDEN=bless $(CARGO) test --locked --test suite -- golden mistakes docs guide

fmt: ## Format the source
	$(CARGO) fmt --all

lint: ## Check formatting, lints, documentation and workflows
	@tests/tools/install.sh lint
	actionlint -shellcheck= -pyflakes= .github/workflows/*.yaml examples/ci/*.yaml \
		gitops-template/.github/workflows/*.yaml gitops-template/application/.github/workflows/*.yaml
	zizmor --quiet --offline --no-progress --persona pedantic .github actions examples/ci/*.yaml \
		gitops-template/.github gitops-template/application/.github
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

schema: ## Write functions/anabranch/*.schema.json and definition.yaml from the Rust types
	GOLDEN=bless $(CARGO) test --quiet --locked --lib spec::schema

rust-target:
	@! command -v rustup >/dev/null || rustup --quiet target add $(triple)

dist: rust-target ## Compile the binary that is released: OS=linux|darwin, ARCH=amd64|arm64
	$(build_release)
	@mkdir -p $(dist)
	@install -m 0755 $(target_dir)/$(triple)/release/anabranch $(dist)/anabranch
	@test $(OS) = darwin || $(MAKE) --no-print-directory image-root

image-root: ## Lay out the image's one layer around the binary that is in dist/
	@rm -rf $(dist)/root
	@install -D -m 0755 $(dist)/anabranch $(dist)/root/anabranch
	@install -D -m 0644 image/passwd $(dist)/root/etc/passwd
	@chmod 0755 $(dist)/root $(dist)/root/etc
	@find $(dist)/root -exec touch --no-dereference --date=@0 {} +

sbom: dist ## List the crates in the binary as CycloneDX JSON, beside it
	@$(build_release) --quiet --message-format=json | \
		.ci/sbom $(triple) $(dist)/anabranch >$(dist)/anabranch.cdx.json.new
	@mv $(dist)/anabranch.cdx.json.new $(dist)/anabranch.cdx.json

reproducible: ## Compile HEAD in two folders and compare the binaries, the bills and the image's layers
	@.ci/reproducible

deny: ## Check licences, bans and sources of every dependency
	@tests/tools/install.sh deny
	cargo-deny --locked check bans licenses sources

advisories: ## Check dependencies against the advisory database, which comes from GitHub
	@tests/tools/install.sh deny
	cargo-deny --locked check advisories

image: dist ## Build the function's image; IMAGE=anabranch:dev
	$(DOCKER) build $(BUILD_FLAGS) --network none --tag $(IMAGE) --build-arg TARGETARCH=$(ARCH) \
		--build-arg VERSION=$(version) --build-arg REVISION=$(revision) .

arch:
	@echo $(ARCH)

tools: ## Install kustomize and the schemas the tests use into .tools/
	@tests/tools/install.sh

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
