package runtime

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// instead starts the supervisor of a jail where this host makes no namespaces for
// this program, in those of a runtime that a trial shows to get some. It returns only
// with an error.
func instead(refused *launch.Refused, o launch.Options) error {
	if o.Cgroup != "" {
		return hint.Add(fmt.Errorf("limits by cgroup: %w, and the supervisor in the namespaces of another runtime is not the process for which the cgroup was made", refused.Why),
			"leave limits out, or let this program make namespaces: jailed-claude doctor")
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	files, env, err := refused.Files()
	if err != nil {
		return err
	}
	s := foreign.Supervisor{
		HostRoot: userns.HostRoot, Program: exe, Args: os.Args[1:], Files: files, UID: os.Getuid(), GID: os.Getgid(),
		Env: func(told int, trial bool) []string {
			return append(userns.Adopted(told, os.Getpid(), cwd, trial), env...)
		},
	}
	var tried []error
	for _, runtime := range foreign.Distribution() {
		if err := s.Try(runtime); err != nil {
			tried = append(tried, err)
			continue
		}
		if half, _ := quick.Peer(); half != 0 {
			// The terminal is the other half's, which passes its signals on.
			if err := unix.Setpgid(0, 0); err != nil {
				return os.NewSyscallError("setpgid", err)
			}
		}
		fmt.Fprintf(os.Stderr, "jailed-claude: this host makes no user namespace for this program (jailed-claude doctor); that of this jail is %s's\n", runtime)
		p, err := s.Start(runtime)
		if err != nil {
			return fmt.Errorf("the runtime %s: %w", runtime, err)
		}
		refused.Close()
		for _, f := range files {
			f.Close()
		}
		os.Exit(launch.Follow(p.Pid)) //nolint:forbidigo // this process is the jail's, and nothing of it is left to do
	}
	return errors.Join(append([]error{refused.Why}, tried...)...)
}
