package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/ask"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// command makes a command. Its text and examples are in help/.
func command(use, short string, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: args, RunE: run}
	c.Flags().SortFlags = false
	c.Flags().BoolP("help", "h", false, "show this help")
	return c
}

// output remembers the first error of a writer: what is lost on a full disk
// must not look like success.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// say writes a line of ours: to standard error, with our name.
func say(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: "+format+"\n", args...)
}

func warn(c *cobra.Command, warnings ...string) {
	for _, w := range warnings {
		say(c, "warning: %s", w)
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// progress draws how far something is; nil in a pipe.
func progress(c *cobra.Command, what string) func(done, total int64) {
	if !isTerminal(os.Stderr) {
		return nil
	}
	return show.Progress(c.ErrOrStderr(), what)
}

// asker asks on the terminal; nil where nobody can be asked.
func asker(c *cobra.Command) func(question string) string {
	if !isTerminal(os.Stdin) {
		return nil
	}
	return ask.On(c.InOrStdin(), c.ErrOrStderr())
}

// atMost refuses more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return hint.Add(fmt.Errorf("unexpected argument %q", args[n]), c.CommandPath()+" --help")
		}
		return nil
	}
}

// afterDash are the arguments behind "--". Others are refused: before it only
// flags have a meaning.
func afterDash(c *cobra.Command, args []string, want int) (before, after []string, err error) {
	return split(c, args, c.ArgsLenAtDash(), want)
}

// split is afterDash for arguments of which n come before "--", all if it is
// negative.
func split(c *cobra.Command, args []string, n, want int) (before, after []string, err error) {
	if n < 0 {
		n = len(args)
	}
	switch {
	case n > want:
		return nil, nil, hint.Add(fmt.Errorf("unexpected argument %q", args[want]), "arguments of the program come after --, for example: jailed-claude "+c.Name()+" -- --help")
	case n < want:
		return nil, nil, hint.Add(errors.New("an argument is missing"), c.UseLine())
	}
	return args[:n], args[n:], nil
}
