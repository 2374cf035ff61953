// Package cgroup makes the cgroup v2 that holds a jail's limits, as whoever
// the caller is: root, or an ordinary user with what is delegated to them.
//
// Prepare is called by the process that plans the jail, and moves the supervisor:
//
//	…/jailed-claude-ID(.scope)/   controllers enabled for its children
//	    supervisor/               the supervisor, without limits
//	    jail/                     PID 1 and all that the agent starts
//
// First it asks systemd for a scope (the user's manager; for root the
// system's). systemd removes a scope with all below it when its last process
// is gone, however that went. A user's manager ends some seconds after the last
// session, and the jail with it, unless the user lingers (loginctl(1)). Where
// no manager answers, the nearest cgroup around this process that the caller
// may divide is used, and a janitor, a process of few pages (janitor.c),
// outlives the supervisor by the moment that the removal takes. What is left
// after even the janitor was killed, the next Prepare in the same place removes.
//
// The supervisor then uses the cgroup as a Group: Create makes the container in
// it and sets the limits, Hold reads them back.
//
// What does not belong here: cgroup v1. Its controllers cannot be delegated
// safely, so a jail with limits is refused there.
//
// What is not protected: the janitor and systemd remove, they do not guard. An
// agent that may make user namespaces can mount its own cgroup, and where the
// host's cgroup2 is mounted without nsdelegate (systemd mounts it with) raise
// its own limits.
package cgroup
