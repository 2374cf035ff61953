# `make help` says what there is. The work is done by the scripts in hack/.

PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help build run test test-vm soak check-nix check-agents check-canary check-clients check-toolchains check-image check-pod check-gvisor check-slurm check-cluster fuzz lint bench release check-release deb install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /make \1|/p' Makefile | awk -F'|' '{ printf "  %-19s %s\n", $$1, $$2 }'
	@echo "make run ARGS='FLAGS -- AGENT-ARGS', for example ARGS='-- --version'; make install PREFIX=DIR"

build: ## the program, one static binary: bin/jailed-claude
	@hack/deps.sh run
	@hack/build.sh

run: ## Claude Code, jailed in this folder; fetched where there is none
	@hack/deps.sh run
	@hack/build.sh
	@hack/run.sh $(ARGS)

test: ## all tests, as root and as an ordinary user; with real Claude Code and Codex
	@hack/test.sh

test-vm: ## limits by cgroup, in a virtual machine with systemd
	@hack/deps.sh vm
	@hack/build.sh
	@hack/vm/run.sh

soak: ## faults, full disks and thousands of starts; long
	@hack/soak.sh

check-nix: ## the flake, with a stand-in for nixpkgs; builds a jailed agent
	@hack/deps.sh test
	@hack/nix/check.sh

check-agents: ## all real agents from npm, each in a jail; ARGS="codex pi" for some
	@hack/build.sh
	@hack/agents.sh $(ARGS)

check-canary: ## which files agents look for that spec/agent does not know; ARGS="gemini pi" for some
	@hack/canary.sh $(ARGS)

check-clients: ## programs that take keys of brokers, those that "make test" has not too
	@hack/deps.sh clients
	@JAIL_TEST_CLIENTS=1 JAIL_TEST_RUN='^TestClients(Exported)?$$' hack/test.sh ./hack/e2e/keys

check-toolchains: ## 32 toolchains of Debian, each in a jail; as root; ARGS="php ghc" for some
	@hack/deps.sh run
	@hack/build.sh
	@hack/toolchains/check.sh $(ARGS)

check-image: ## an image of the test store, with the real skopeo, podman and registry
	@hack/image.sh

check-pod: ## Pods, with the real types of Kubernetes and the real podman
	@hack/pod.sh

check-gvisor: ## all attacks in gVisor, with a runsc built by the Go proxy; as root
	@hack/gvisor.sh

check-slurm: ## jobs of a Slurm with two nodes on loopback, each in a jail; as root
	@hack/slurm.sh

check-cluster: ## 20 Pods of each form under a real kubelet; long, as root; ARGS=5 for fewer
	@hack/cluster.sh $(ARGS)

fuzz: ## every fuzz target; ARGS=10m for longer
	@hack/fuzz.sh $(ARGS)

lint: ## linters, formatting, tidiness, messages of commits
	@hack/lint.sh

bench: ## what a jail costs, beside others; BENCH=startup BENCH_ROUNDS=5
	@hack/bench/bench.sh $(ARGS)

release: ## what is published, in dist/release: archives, SBOMs, checksums
	@hack/release/release.sh $(ARGS)

check-release: ## builds it twice, and compares every byte
	@hack/release/check.sh $(ARGS)

deb: ## packages of the last commit in dist/release: .deb, .rpm, pacman's
	@hack/release/release.sh "$$(dpkg --print-architecture)"

install: build ## the program into PREFIX/bin, and its manual
	@install -D -m 0755 bin/jailed-claude '$(DESTDIR)$(PREFIX)/bin/jailed-claude'
	@hack/man.sh bin/jailed-claude '$(DESTDIR)$(PREFIX)/share/man/man1'

clean: ## removes what build made
	@rm -rf bin dist
