package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/hook"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/runtime/sidecar"
	"github.com/jailed-claude/jailed-claude/runtime/slurm"
	"github.com/jailed-claude/jailed-claude/spec/host"
)

// newHook is for OCI runtimes, which find it in the config.json of a bundle.
func newHook() *cobra.Command {
	hooks := &cobra.Command{Use: "hook", Short: "What the hooks of an exported bundle call", Hidden: true, Args: cli.AtMost(0)}
	add := func(name, short string, do func(stdin io.Reader) error) {
		hooks.AddCommand(cli.Command(name, short, cli.AtMost(0), func(c *cobra.Command, _ []string) error { return do(c.InOrStdin()) }))
	}
	add("network-start", "Start the network of the container whose state is on stdin (createRuntime)", func(stdin io.Reader) error {
		if err := hook.SetHome(); err != nil {
			return err
		}
		return hook.NetworkStart(stdin, hook.FromHost(sessionlog.In(host.StateDir())))
	})
	add("network-join", "Set that network up from inside the container's namespaces (createContainer)", hook.NetworkJoin)
	add("network-stop", "End what network-start left running (poststop)", hook.NetworkStop)
	hooks.AddCommand(cli.Command("brokers ADDRESS FILE", "Serve the brokers in a file from an address on (a Pod's container)", cli.Exactly(2), func(c *cobra.Command, args []string) error {
		return sidecar.Serve(c.Context(), args[0], args[1], c.OutOrStdout())
	}))
	hooks.AddCommand(cli.Command("slurm-run FOLDER ID -- RUNTIME ARGS", "Run the job in a folder of Slurm's (RunTimeRun in oci.conf)", cli.AtLeast(3), func(_ *cobra.Command, args []string) error {
		return slurm.Run(args[0], args[1], args[2:])
	}), cli.Command("slurm-end FOLDER", "Remove what that left (poststop)", cli.Exactly(1), func(_ *cobra.Command, args []string) error {
		return slurm.End(args[0])
	}))
	return hooks
}
