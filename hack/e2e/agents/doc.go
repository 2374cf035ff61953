// Package agents tests the real agents of others in jails: whole turns with logins
// and keys that stay outside, against scripted services, their screens, and what of
// them is kept. It holds tests only. "make test" tries codex, which
// hack/store/codex.sh unpacks; "make check-agents" installs all agents from npm and
// tries them with the build tag "agents".
//
// What does not belong here: Claude Code, whose tests are in the other packages,
// and the scripts of models for it (hack/fakeapi).
package agents
