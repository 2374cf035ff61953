package running

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// Commands are all of them.
func Commands() []*cobra.Command {
	return []*cobra.Command{newList(), newExec(), newAttach(), newLogs(), newWait(), newStop()}
}

// words are those of detached jails that have ended.
func words() session.Words { return session.Words(filepath.Join(host.StateDir(), "ended")) }

// jail is the running one that a command names before "--", or that of this
// project, and what comes behind it.
func jail(c *cobra.Command, args []string) (launch.Running, []string, error) {
	want := min(len(args), 1)
	if c.ArgsLenAtDash() == 0 {
		want = 0
	}
	named, after, err := cli.AfterDash(c, args, want)
	if err != nil {
		return launch.Running{}, nil, err
	}
	id := ""
	if len(named) > 0 {
		id = named[0]
	}
	j, err := launch.Find(id, (&plan.Options{}).Dir())
	return j, after, err
}

// onJail is a command on a running jail, which ends with the status that do returns.
func onJail(use, short string, do func(j launch.Running, args []string) (int, error)) *cobra.Command {
	return cli.Command(use, short, cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		j, after, err := jail(c, args)
		if err != nil {
			return err
		}
		return ended(c, j.ID)(do(j, after))
	})
}

// ended is how a command ends that has followed a jail.
func ended(c *cobra.Command, id string) func(int, error) error {
	return func(status int, err error) error {
		if errors.Is(err, session.ErrDetached) {
			cli.Say(c, "detached; to come back: jailed-claude attach %s", id)
			return nil
		}
		if err != nil {
			return err
		}
		return cli.Exit(status)
	}
}

func newExec() *cobra.Command {
	return onJail("exec [ID] [-- CMD ARGS]", "Run a shell or a command in a running jail", session.Exec)
}

func newAttach() *cobra.Command {
	var readOnly bool
	var keys string
	c := onJail("attach [flags] [ID]", "Show the terminal of a detached jail here", func(j launch.Running, _ []string) (int, error) {
		return session.Attach(j, readOnly, keys)
	})
	c.Flags().StringVar(&keys, "detach-keys", session.UsualKeys, "detach with `KEYS`, such as ctrl-b,d; \"none\" for no keys")
	c.Flags().BoolVar(&readOnly, "read-only", false, "look, and type nothing")
	return c
}

func newLogs() *cobra.Command {
	return cli.Command("logs [ID]", "Print what a detached jail showed last, or said when it ended", cli.AtMost(1), func(c *cobra.Command, args []string) error {
		j, _, err := jail(c, args)
		if err == nil {
			return session.Logs(j, os.Stdout)
		}
		if len(args) == 0 {
			return err
		}
		text, missing := words().Read(args[0])
		if missing != nil {
			return hint.Add(fmt.Errorf("%w, and no message is left of one that has ended", err), "what a terminal shows is kept as long as its jail runs; to see those: jailed-claude list")
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	})
}

func newWait() *cobra.Command {
	return onJail("wait [ID]", "Wait until a jail ends, and end with its status", func(j launch.Running, _ []string) (int, error) {
		return session.Wait(j)
	})
}

func newStop() *cobra.Command {
	var grace time.Duration
	var c *cobra.Command
	c = onJail("stop [flags] [ID]", "End a running jail", func(j launch.Running, _ []string) (int, error) {
		_, err := session.Stop(j, grace, func(left time.Duration) {
			cli.Say(c, "the agent of jail %s has not ended yet; in %s all of the jail is killed", j.ID, left)
		})
		return 0, err
	})
	c.Flags().DurationVar(&grace, "grace", 10*time.Second, "end all of it at once when the agent has not ended by itself after `TIME`")
	return c
}

// HangupDetach is the value of --on-hangup with which a jail outlives its terminal.
const HangupDetach = "detach"

// Detached starts the jail of this very command without a terminal of the caller's.
// Unless it is to be left alone it is attached to at once.
func Detached(c *cobra.Command, leave bool) error {
	if err := launch.EndAhead(); err != nil {
		return err
	}
	id, status, err := session.Detached(words())
	if err != nil || id == "" {
		return ended(c, id)(status, err)
	}
	if leave {
		_, err = fmt.Fprintln(c.OutOrStdout(), id)
		return err
	}
	j, err := launch.Find(id, "")
	if err != nil {
		return err
	}
	return ended(c, id)(session.Attach(j, false, session.UsualKeys))
}
