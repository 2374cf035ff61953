// Package world is the harness of the end-to-end tests: a caller with a home,
// a project and an environment (World), a network with servers around it (Lab),
// terminals, and what is left of a jail (Trace). The tests drive the built
// program from outside, with the real Claude Code from a closure-only Nix store
// and a scripted API (hack/fakeapi); they are in the packages next to this one,
// one for each promise.
//
// hack/test.sh runs them, as root and as an ordinary user, and tells them where
// things are:
//
//	JAIL_TEST_BIN          bin/jailed-claude
//	JAIL_TEST_BIN_FAULTS   the same with runtime/fault compiled in
//	JAIL_TEST_FAKEAPI      hack/fakeapi, built
//	JAIL_TEST_LAB          hack/lab, built
//	JAIL_TEST_CLAUDE       store path of Claude Code alone; also _CLOSURE, a
//	                       file with its closure, one path a line
//	JAIL_TEST_DEVENV       the same with the usual tools; also _CLOSURE
//	JAIL_TEST_DEVENV_NODE  the same with Node.js; also _CLOSURE
//	JAIL_TEST_BASE         store path of bash and coreutils; also _CLOSURE
//	JAIL_TEST_TINY         a file with 2000 tiny store paths, one a line
//	JAIL_TEST_NO_STORE     why there is no store; then the ones above are unset
//	JAIL_TEST_AGENTS       a folder with NAME-VERSION/bin of real agents: codex,
//	                       or all (hack/agents.sh)
//	JAIL_TEST_NO_AGENTS    why there is none; then the one above is unset
//	JAIL_TEST_GOCACHE      a build cache of Go with its own packages; none: they
//	                       are compiled
//	JAIL_TEST_SOAK         1: the whole of the loops (hack/soak.sh), not the
//	                       part of them that fits into every run
//	JAIL_TEST_COUNTS       a file to which loops append what they counted
//	JAIL_TEST_MUST_RUN     1: a test that cannot run fails instead of skipping
//
// What does not belong here: tests, and helpers that one package of them uses.
package world
