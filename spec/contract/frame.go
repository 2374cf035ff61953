package contract

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Frame returns what of a configuration is settled when the first process of
// its container starts: namespaces, capabilities, /proc and /dev, that there is
// a terminal. A runtime can add the rest later, before the agent runs: files,
// other mounts, arguments, umask and environment. What this function does not know is
// part of the frame.
func Frame(s *specs.Spec) *specs.Spec {
	f, p, l := *s, *s.Process, *s.Linux
	f.Process, f.Linux = &p, &l
	f.Annotations = nil
	p.Args, p.Env, p.Cwd, p.Rlimits, p.User.Umask = nil, nil, "", nil, nil
	l.Seccomp = nil
	f.Mounts = slices.DeleteFunc(slices.Clone(s.Mounts), func(m specs.Mount) bool { return !InFrame(m.Destination) })
	l.MaskedPaths = slices.DeleteFunc(slices.Clone(l.MaskedPaths), func(p string) bool { return !InFrame(p) })
	return &f
}

// InFrame reports whether a path of a jail belongs to its frame: /proc, /dev,
// and PID 1.
func InFrame(p string) bool {
	return slices.ContainsFunc(reserved, func(r string) bool { return paths.Below(p, r) })
}

// UsualFrame is the frame of a jail by the default policy, for a caller with
// these ids, with init mounted as PID 1: what a runtime that starts the
// container first can expect.
func UsualFrame(uid, gid int, terminal bool, init string) *specs.Spec {
	s := Base(Identity{UID: uid, GID: gid, Keep: true}, terminal)
	AddNetworkNamespace(s)
	s.Mounts = append(s.Mounts, BindOne(init, InitPath))
	return Frame(s)
}
