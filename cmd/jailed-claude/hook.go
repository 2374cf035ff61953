package main

import (
	"fmt"
	"io"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/hook"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec/host"
)

// newHook is for OCI runtimes, which find it in the config.json of a bundle.
func newHook() *cobra.Command {
	c := &cobra.Command{
		Use:    "hook",
		Short:  "What the hooks of an exported bundle call",
		Hidden: true,
		Args:   cobra.NoArgs,
	}
	add := func(name, short string, do func(stdin io.Reader) error) {
		c.AddCommand(&cobra.Command{
			Use: name, Short: short, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return do(c.InOrStdin()) },
		})
	}
	add("network-start", "Begin the network of the container whose state is on standard input (createRuntime)", func(stdin io.Reader) error {
		if err := homeOfHook(); err != nil {
			return err
		}
		return hook.NetworkStart(stdin, hook.FromHost(sessionlog.In(host.StateDir())))
	})
	add("network-join", "Set that network up, from inside of the container's namespaces (createContainer)", hook.NetworkJoin)
	add("network-stop", "End what network-start left running (poststop)", hook.NetworkStop)
	return c
}

// homeOfHook: runtimes start hooks with an empty environment.
func homeOfHook() error {
	if os.Getenv("HOME") != "" {
		return nil
	}
	u, err := user.Current()
	if err != nil {
		return fmt.Errorf("HOME is not set: %w", err)
	}
	return os.Setenv("HOME", u.HomeDir)
}
