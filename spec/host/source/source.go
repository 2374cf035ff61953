package source

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/program"
)

// Source is where facts come from. Tests play another host with it.
type Source struct {
	// Root is put before the paths of the system (/etc, /proc, /sys, /nix).
	Root     string
	Env      map[string]string
	UID, GID int
	// Umask is that of new files, umask(2).
	Umask int
	// Groups are the supplementary groups.
	Groups []int
	// Look finds a program, as exec.LookPath does.
	Look func(name string) (string, error)
}

// This is the source of the host that this process runs on.
func This() *Source {
	groups, _ := os.Getgroups() // none is as good
	return &Source{Umask: umask(), Env: Environ(), UID: os.Getuid(), GID: os.Getgid(), Groups: groups, Look: exec.LookPath}
}

// umask reads it. The kernel tells it who sets another one; for that moment nobody
// else gets more.
func umask() int {
	m := unix.Umask(0o077)
	unix.Umask(m)
	return m
}

// Outside is the same source without the programs in some folders, resolved: a
// jail that may write there would choose what is run before it starts.
func (s *Source) Outside(never ...string) *Source {
	o := *s
	o.Env = maps.Clone(s.Env)
	o.Env["PATH"] = program.Path(s.Env["PATH"], never)
	o.Look = func(name string) (string, error) {
		p, err := s.Look(name)
		if err == nil && !program.In(p, never) || err != nil && !errors.Is(err, exec.ErrDot) {
			return p, err
		}
		return program.Look(o.Env["PATH"], name, never)
	}
	return &o
}

// Environ is the caller's whole environment. It is no part of the facts, which are
// the input of what is written down: secrets are in it.
func Environ() map[string]string { return environ(os.Environ()) }

// environ makes a map of NAME=VALUE lines. Of doubles the first counts, as in
// getenv(3).
func environ(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, l := range lines {
		name, value, ok := strings.Cut(l, "=")
		if _, double := env[name]; ok && name != "" && !double {
			env[name] = value
		}
	}
	return env
}

// Clean is the caller's environment with only the names given, for a program
// that is run to learn a fact.
func (s *Source) Clean(names ...string) []string {
	env := []string{"LC_ALL=C"}
	for _, n := range names {
		if v, ok := s.Env[n]; ok {
			env = append(env, n+"="+v)
		}
	}
	return env
}
