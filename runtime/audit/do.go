package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Attacked is what Do attacks.
type Attacked struct {
	// Jail is a command that runs the program which follows it in a jail of
	// ours, of that project. With a policy, that is in the place of the project's.
	Jail func(project, policy string) []string
	// Against is a shell command that runs what follows it in whatever it
	// makes of the folder that it is called in; in place of Jail.
	Against string
	// Only are classes and names of attacks; none for all.
	Only []string
}

// See adds to facts what a configuration shows of the host, and withholds in the
// project.
func See(f *attack.Facts, s *specs.Spec) {
	inProject := func(p string) bool { return strings.HasPrefix(p, f.Project+"/") }
	for _, m := range s.Mounts {
		if m.Type != "bind" {
			continue
		}
		f.Granted = append(f.Granted, m.Source)
		if inProject(m.Destination) && slices.Contains(m.Options, "ro") && !f.ReadOnly {
			f.Protected = append(f.Protected, m.Destination)
		}
	}
	for _, p := range s.Linux.MaskedPaths {
		if inProject(p) {
			f.Hidden = append(f.Hidden, p)
		}
	}
}

// Do lays the baits, runs this program in a jail to attack them, and judges. self
// is its path, and suite.Inside is what it calls where its first two arguments are
// "audit" and "--inside=BAIT".
func Do(ctx context.Context, self string, f attack.Facts, a Attacked) (findings []Finding, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("audit: %w", err)
			if a.Against != "" {
				err = hint.Add(err, "the command must make the file "+self+" visible, and run it with its arguments")
			}
		}
	}()
	// A session keyring belongs to a thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer stop()
	scene, err := prepare(f, options{Self: self, Getenv: os.Getenv, Only: a.Only})
	if err != nil {
		return nil, err
	}
	defer scene.Close()
	jail := func(project, policy, inside string) *exec.Cmd {
		var argv []string
		if a.Against != "" {
			argv = []string{"/bin/sh", "-c", a.Against + ` "$@"`, "sh", self}
		} else {
			argv = a.Jail(project, policy)
		}
		c := exec.CommandContext(ctx, argv[0], append(argv[1:], "audit", "--inside="+inside)...)
		if a.Against != "" {
			c.Dir = project
		}
		c.Cancel = func() error { return c.Process.Signal(unix.SIGTERM) }
		return c
	}
	scene.neighbours(func(project, inside string) *exec.Cmd { return jail(project, "", inside) })
	scene.setApart(jail, a.Against == "")
	bait, err := scene.Bait()
	if err != nil {
		return nil, err
	}
	findings, err = scene.Run(jail(f.Project, "", bait))
	return findings, errors.Join(err, context.Cause(ctx))
}
