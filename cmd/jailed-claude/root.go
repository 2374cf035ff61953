package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/configuring"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/live"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/login"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/receipts"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/reviewing"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/running"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime"
)

// helpTexts has a file for each command: what it does, and examples.
//
//go:embed help/*.txt
var helpTexts embed.FS

// version is set by the linker.
var version = "devel"

// run is the whole program but for the exit.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(args)
	root.SetArgs(args)
	root.SetIn(stdin)
	out := &cli.Output{Writer: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(context.Background())
	if err == nil {
		err = out.Err
	}
	if err == nil {
		return 0
	}
	// cobra has no error type for what it did not understand of the command
	// line; those are the errors of commands that never ran.
	if !c.HasParent() {
		var lines []string
		if i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") }); i >= 0 {
			for _, known := range c.SuggestionsFor(args[i]) {
				lines = append(lines, "did you mean: jailed-claude "+known)
			}
		}
		err = hint.Add(err, append(lines, "jailed-claude --help")...)
	}
	return cli.Report(stderr, err)
}

// newRoot makes the commands that args may mean: of a start, which begins with
// its name, that one alone, for each takes a while to make its flags.
func newRoot(args []string) *cobra.Command {
	var debug bool
	var format string
	root := &cobra.Command{
		Use:           "jailed-claude",
		Short:         "Run Claude Code in a jail",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		// They come as hints.
		DisableSuggestions:         true,
		SuggestionsMinimumDistance: 2,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			err := runtime.EnoughFiles()
			if err == nil && (c.Flags().Lookup("project") != nil || c.Name() == "init" || c.Name() == "trust") {
				err = runtime.Here()
			}
			if err != nil {
				return err
			}
			return runtime.ConfigureLog(debug, format)
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			name, _ := pflag.UnquoteUsage(bad.GetFlag())
			err = fmt.Errorf("--%s: %q is not a valid %s", bad.GetFlag().Name, bad.GetValue(), name)
		}
		hints := []string{c.CommandPath() + " --help"}
		if _, unknown := errors.AsType[*pflag.NotExistError](err); unknown && (c.Name() == "run" || c.Name() == "shell") {
			hints = append(hints, "arguments of the program come after --, for example: "+c.CommandPath()+" -- --help")
		}
		return hint.Add(err, hints...)
	})
	root.Flags().BoolP("help", "h", false, "show this help")
	root.SetVersionTemplate("jailed-claude {{.Version}}\n")
	root.PersistentFlags().BoolVar(&debug, "debug", false, "log what is done, with times")
	root.PersistentFlags().StringVar(&format, "log-format", "text", "write log lines on stderr as `FORMAT`: text or json")
	root.SetHelpFunc(cli.Help(helpTexts))
	cobra.EnableCommandSorting = false
	switch {
	case len(args) > 0 && args[0] == "run":
		root.AddCommand(newRun())
	case len(args) > 0 && args[0] == "shell":
		root.AddCommand(newShell())
	default:
		root.AddCommand(newHook())
		for _, g := range []struct {
			title    string
			commands []*cobra.Command
		}{
			{"Run the agent", []*cobra.Command{newRun(), newShell(), reviewing.Command(), newLog()}},
			{"Jails that run", running.Commands()},
			{"Look before you run", []*cobra.Command{newExplain(), newWhy(), newSpec(), newAudit(), newDoctor()}},
			{"Policy and configuration", []*cobra.Command{newInit(), newTrust(), configuring.Command(), newSchema()}},
			{"Logins", []*cobra.Command{newLogin(), login.Logout(), login.Status()}},
			{"Pin and export", []*cobra.Command{newLock(), newVerify(), receipts.Command(), newBundle(), newImage(), newExport()}},
		} {
			root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
			for _, c := range g.commands {
				c.GroupID = g.title
			}
			root.AddCommand(g.commands...)
		}
		live.Add(root)
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	return root
}
