// Package agents tests whole turns of the real agents of others in jails, with
// logins and keys that stay outside, against scripted services. It holds tests
// only, and those only with the build tag "agents": "make check-agents" installs
// the agents from npm and runs them.
//
// What does not belong here: Claude Code, whose tests are in the other packages,
// and the scripts of models for it (hack/fakeapi).
package agents
