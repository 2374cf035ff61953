package main

import (
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// lockedFlag is --locked of every jail command.
const lockedFlag = "locked"

// jailFlags are the flags that every jail command shares.
type jailFlags struct {
	plan.Options
	useLock bool
	// of what starts a jail
	require []string
	strict  bool
	login   string
}

func (f *jailFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.Package, "package", "", "the agent: a store `PATH`, a Nix installable, the path of a program, or \"host\"")
	fs.StringVar(&f.Closure, "closure", "", "take the closure from `FILE`: one store path a line, or a Nix registration")
	fs.StringVar(&f.Project, "project", "", "the project `DIR` (default: the current folder)")
	fs.StringVar(&f.Policy, "policy", "", "apply the policy `FILE` in place of the project's; \"none\" applies none")
	fs.StringVar(&f.Net, "net", "", "network `MODE`: none, filtered, internet or host")
	fs.StringArrayVar(&f.Allow, "allow", nil, "let the jail reach `NAME`: a name, name:port, host:port of this host, an address, or @preset; repeatable")
	fs.Int64SliceVar(&f.Ports, "port", nil, "publish `PORT` of the jail on 127.0.0.1 of this host; repeatable")
	fs.Lookup("port").DefValue = "" // or help shows "[]"
	fs.StringArrayVar(&f.Read, "read", nil, "let the jail read `PATH`; repeatable")
	fs.StringArrayVar(&f.Write, "write", nil, "let the jail read and write `PATH`; repeatable")
	fs.StringArrayVar(&f.Hide, "hide", nil, "hide what matches `PATTERN` in the project; repeatable")
	fs.StringArrayVar(&f.Env, "env", nil, "pass `NAME` from your environment, or set NAME=VALUE; repeatable")
	fs.BoolVar(&f.Nix, "nix", false, "let the jail use the Nix daemon")
	fs.StringVar(&f.User, "user", "", "`WHO` the agent is inside: keep (you) or root")
	fs.StringVar(&f.Memory, "memory", "", "memory limit, a `SIZE` such as 8GiB")
	fs.Int64Var(&f.Pids, "pids", 0, "limit of processes and threads: `NUMBER`")
	fs.Float64Var(&f.CPUs, "cpus", 0, "limit of processors, a `NUMBER` such as 1.5")
	fs.BoolVar(&f.useLock, lockedFlag, false, "use the store paths of the project's lock, and refuse if anything differs\n(default: if there is a lock; --locked=false ignores it)")
}

// registerTeam registers the flags of commands that are about what the project
// decides.
func (f *jailFlags) registerTeam(c *cobra.Command) {
	c.Flags().SortFlags = false
	c.Flags().StringVar(&f.Project, "project", "", "the project `DIR` (default: the current folder)")
	c.Flags().StringVar(&f.Policy, "policy", "", "the policy `FILE` in place of the project's; \"none\" for none")
}

// options are what the flags say.
func (f *jailFlags) options(c *cobra.Command) plan.Options {
	o := f.Options
	if c.Flags().Changed(lockedFlag) {
		o.Locked = &f.useLock
	}
	o.Version = version
	if isTerminal(os.Stderr) { // not a pipe
		o.Progress = os.Stderr
	}
	o.Step = planned()
	return o
}

// planned says what each step of a plan took, and is where tests fail one.
func planned() func(plan.Step) error {
	begun := time.Now()
	points := map[plan.Step]fault.Point{plan.StepPolicy: fault.Policy, plan.StepHost: fault.Facts, plan.StepClosure: fault.Closure}
	return func(s plan.Step) error {
		logrus.WithField("took", time.Since(begun).Round(time.Microsecond)).Debug(string(s))
		begun = time.Now()
		return fault.At(points[s])
	}
}

// plan makes the input of a jail, and tells the user what is unwise.
func (f *jailFlags) plan(c *cobra.Command, o plan.Options) (*spec.Input, error) {
	in, warnings, err := plan.Make(c.Context(), o)
	warn(c, warnings...)
	return in, err
}

// afterDash are the arguments behind "--". Others are refused: before it only
// flags have a meaning.
func afterDash(c *cobra.Command, args []string, want int) (before, after []string, err error) {
	n := c.ArgsLenAtDash()
	if n < 0 {
		n = len(args)
	}
	if n != want {
		if n > want {
			return nil, nil, hint.Add(fmt.Errorf("unexpected argument %q", args[want]), "arguments of the program come after --, for example: jailed-claude "+c.Name()+" -- --help")
		}
		return nil, nil, fmt.Errorf("an argument is missing: %s", c.UseLine())
	}
	return args[:n], args[n:], nil
}
