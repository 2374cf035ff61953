package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// startForeign is start by another runtime.
func (c *container) startForeign() error {
	first, err := foreign.Create(&foreign.Container{
		Runtime: c.runtime, Dir: c.root.Dir, ID: c.name(), Spec: c.rest(), Frame: c.spec,
		Args: c.process.Args, Env: c.process.Env, Files: c.process.ExtraFiles, Keyring: userns.SharesKeyring(),
		Console: func(f *os.File) { c.console.ours.Close(); c.console.ours = f; c.console.receive() },
	})
	if err := fault.After(fault.Started, err); err != nil {
		return fmt.Errorf("create the container: %w", err)
	}
	c.first = first
	c.parted()
	return nil
}

// refused is what keeps this process from being a supervisor, where the planner may
// find another way; nil otherwise.
func (j *jail) refused() *userns.Error {
	if j.planner == nil || j.host != nil || j.plan.Options.Runtime != foreign.Auto {
		return nil
	}
	err := userns.Entered()
	if err == nil {
		j.host, err = coverHost()
	}
	refused, _ := errors.AsType[*userns.Error](err)
	return refused
}

// made reports whether that runtime creates it.
func (c *container) made(by string) bool {
	return c.runtime == nil && (by == "" || by == foreign.Auto) || c.runtime != nil && c.runtime.Name() == by
}

// contain has the container created that the configuration says, unless that is
// the one that there is.
func (j *jail) contain() (err error) {
	frame := contract.Frame(j.plan.Spec)
	ahead := j.container.is(frame) && j.container.made(j.plan.Options.Runtime)
	logrus.WithField("ahead", ahead).Debug("container")
	if ahead {
		return nil
	}
	c, err := newContainer(frame, filepath.Join(rootfs.WorkDir, "jail"), j.host, j.network.ns)
	if err != nil {
		return err
	}
	if c.runtime, err = foreign.Open(j.plan.Options.Runtime, j.host.Open); err != nil {
		c.close()
		return err
	}
	other := j.container
	j.container = c
	if j.isSandbox() {
		close(c.created)
		other.abandon()
		return foreign.CheckSandbox(j.plan.Network, j.plan.Options.Require)
	}
	go func() {
		other.abandon()
		j.firstThread <- func() { c.create(j.cgroup) }
	}()
	return nil
}
