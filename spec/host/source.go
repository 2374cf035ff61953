package host

import (
	"os"
	"os/exec"
	"strings"
)

// source is where facts come from. Tests play another host with it.
type source struct {
	// root is put before the paths of the system (/etc, /proc, /sys, /nix).
	root     string
	env      map[string]string
	uid, gid int
	// groups are the supplementary groups.
	groups []int
	// look finds a program, as exec.LookPath does.
	look func(name string) (string, error)
}

// thisHost is the source of the host that this process runs on.
func thisHost() *source {
	groups, _ := os.Getgroups() // none is as good
	return &source{env: Environ(), uid: os.Getuid(), gid: os.Getgid(), groups: groups, look: exec.LookPath}
}

// Environ is the caller's whole environment. It is no part of Facts, which are
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

// clean is the caller's environment with only the names given, for a program
// that is run to learn a fact.
func (s *source) clean(names ...string) []string {
	env := []string{"LC_ALL=C"}
	for _, n := range names {
		if v, ok := s.env[n]; ok {
			env = append(env, n+"="+v)
		}
	}
	return env
}
