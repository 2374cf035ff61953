package supervisor

import (
	"fmt"
	"os"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
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
