package jailinit

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestInitPath: config.json names PID 1 by the path that the C program knows
// itself by, and an image has the profile where that looks.
func TestInitPath(t *testing.T) {
	source, err := os.ReadFile("jailinit.h")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"INIT_PATH": contract.InitPath, "PROFILE_PATH": contract.ProfilePath} {
		found := regexp.MustCompile(`(?m)^#define `+name+` "([^"]*)"`).FindAllStringSubmatch(string(source), -1)
		if len(found) != 1 || found[0][1] != want {
			t.Errorf("jailinit.h has %q, spec %q", found, want)
		}
	}
}

// TestFlagsOfSpec: PID 1 understands the arguments that spec gives it. Without
// a program it stops at its usage, behind the flags.
func TestFlagsOfSpec(t *testing.T) {
	for _, c := range []struct {
		user    string
		nesting bool
		flags   int
	}{{policy.UserKeep, false, 2}, {policy.UserRoot, false, 0}, {policy.UserKeep, true, 3}} {
		user, flags := c.user, c.flags
		p := policy.Default()
		p.Identity.User, p.Identity.Nesting = user, c.nesting
		j, err := spec.Build(spec.Input{
			Policy:  p,
			Closure: closure.Closure{Toolchain: closure.Host, Agent: "/usr/bin/true", Binds: []string{"/usr"}},
			Host: host.Facts{
				UID: 1234, GID: 56, User: "ada", Group: "ada", Home: "/home/ada", RuntimeDir: "/run/user/1234",
				StateDir: "/home/ada/state", ProjectState: "/home/ada/state", Project: host.Project{Dir: "/srv/app"}, Executable: "/usr/bin/jailed-claude",
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		args := j.Spec.Process.Args
		end := slices.Index(args, "--")
		if args[0] != contract.InitPath || end != 1+flags || args[end+1] != "/usr/bin/true" {
			t.Errorf("%s: arguments %q", user, args)
		}
		status, _, stderr := run(t, args[1:end+1]...)
		if status != 125 || !strings.Contains(stderr, "usage: "+contract.InitPath) {
			t.Errorf("%s: %q: status %d, %q", user, args[1:end+1], status, stderr)
		}
	}
}
