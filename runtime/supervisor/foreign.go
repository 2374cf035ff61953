package supervisor

import (
	"errors"
	"fmt"
	"os"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// startForeign is start by another runtime.
func (c *container) startForeign() error {
	first, err := foreign.Create(&foreign.Container{
		Runtime: c.runtime, Dir: c.root.Dir, ID: c.name(), Spec: c.rest(), Frame: c.spec,
		Args: c.process.Args, Env: c.process.Env, Files: c.process.ExtraFiles,
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
