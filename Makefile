# Everything a developer or CI runs. The real programs that tests and checks need go into .tools/, see tests/tools/install.sh.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
install := tests/tools/install.sh
MINUTES ?= 60
deny := .tools/bin/cargo-deny
chart := helm/twilio-debugger-exporter

.PHONY: help check build static image tools test test-cluster lint screenshots bench soak chart-files chart-readme clean-tools

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## Check formatting, lints and unit tests while working on a change; installs nothing
	cargo fmt --all --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo test --locked --lib --test tidy --test contributing

build: ## Build the release binary
	cargo build --release --locked

static: ## Build the static release binary that the image contains
	image/build.sh

image: ## Build the container image with Docker, Podman or Buildah, and print its size
	image/make.sh

tools: ## Install what the tests and checks need into .tools/
	$(install)

test: tools static ## Run every test, against the real programs
	@# One line sums up all of cargo's; every test binary runs, even after one has failed.
	cargo test --locked --no-fail-fast 2>&1 | awk ' \
	  { print; fflush() } \
	  /^test result:/ { passed += $$4; failed += $$6 } \
	  END { printf "\n%d passed, %d failed\n", passed, failed }'

test-cluster: ## Install every shape of the chart into a real Kubernetes API server, and print the figures
	$(install) helm3 helm4 crds etcd kube-apiserver
	cargo test --locked --test cluster -- --nocapture

lint: ## Check formatting, lints, documentation and dependencies
	cargo fmt --all --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
	$(install) cargo-deny
	$(deny) --locked check --hide-inclusion-graph bans licenses sources
	@# The RustSec database is a git repository, which a machine that reaches package registries alone cannot fetch. There, a
	@# copy fetched earlier is used; without one this check, the only one that needs it, is left out and says so.
	@if timeout 60 $(deny) --locked fetch db >/dev/null 2>&1; then \
	  $(deny) --locked check advisories; \
	elif compgen -G "$${CARGO_HOME:-$$HOME/.cargo}/advisory-dbs/advisory-db-*" >/dev/null; then \
	  $(deny) --locked --offline check advisories; \
	else \
	  echo "advisories not checked: the RustSec database is out of reach"; \
	fi

screenshots: ## Draw the dashboards' pictures for the README, from a day fed to the real servers
	$(install) prometheus2 prometheus3 victorialogs sdk-python matplotlib fonts
	cargo build --locked
	.tools/matplotlib/bin/python tests/screenshots

bench: ## Measure the release binary end to end, under load from wrk
	$(install) wrk
	cargo build --release --locked
	cargo bench --locked --bench end_to_end

soak: ## Watch the release binary's memory for MINUTES (60) under the load of the bench
	$(install) wrk
	SOAK_MINUTES=$(MINUTES) cargo bench --locked --bench end_to_end

chart-files: ## Copy rules and dashboards into the Helm chart, which cannot read outside its folder
	rm -rf $(chart)/rules $(chart)/dashboards
	mkdir $(chart)/rules $(chart)/dashboards
	cp grafana/rules/*.yaml $(chart)/rules/
	cp grafana/dashboards/*.json $(chart)/dashboards/

chart-readme: ## Make the chart's README of its template and the comments of values.yaml
	$(install) helm-docs
	.tools/bin/helm-docs --chart-search-root $(chart) --sort-values-order file

clean-tools: ## Remove .tools/
	rm -rf .tools
