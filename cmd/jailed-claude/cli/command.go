package cli

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

// Command makes a command. Its text and examples are in help/.
func Command(use, short string, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: args, RunE: run}
	c.Flags().SortFlags = false
	c.Flags().BoolP("help", "h", false, "show this help")
	return c
}

// Output remembers the first error of a writer: what is lost on a full disk
// must not look like success.
type Output struct {
	io.Writer
	// Err is that first error.
	Err error
}

func (o *Output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.Err == nil {
		o.Err = err
	}
	return n, err
}

// Say writes a line of ours: to standard error, with our name.
func Say(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: "+format+"\n", args...)
}

// Warn writes warnings, a line each.
func Warn(c *cobra.Command, warnings ...string) {
	for _, w := range warnings {
		Say(c, "warning: %s", w)
	}
}

// PrintJSON writes v as every --json of ours does.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// IsTerminal tells whether a person can see what is written to f.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Progress draws how far something is; nil in a pipe.
func Progress(c *cobra.Command, what string) func(done, total int64) {
	if !IsTerminal(os.Stderr) {
		return nil
	}
	return show.Progress(c.ErrOrStderr(), what)
}

// Asker asks on the terminal; nil where nobody can be asked.
func Asker(c *cobra.Command) func(question string) string {
	if !IsTerminal(os.Stdin) {
		return nil
	}
	return ask.On(c.InOrStdin(), c.ErrOrStderr())
}

// AtMost refuses more than n arguments.
func AtMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return hint.Add(fmt.Errorf("unexpected argument %q", args[n]), c.CommandPath()+" --help")
		}
		return nil
	}
}

// AtLeast refuses fewer than n arguments.
func AtLeast(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return hint.Add(errors.New("an argument is missing"), c.UseLine())
		}
		return nil
	}
}

// Exactly refuses fewer than n arguments, and more.
func Exactly(n int) cobra.PositionalArgs { return cobra.MatchAll(AtLeast(n), AtMost(n)) }

// AfterDash are the arguments behind "--". Others are refused: before it only
// flags have a meaning.
func AfterDash(c *cobra.Command, args []string, want int) (before, after []string, err error) {
	return Split(c, args, c.ArgsLenAtDash(), want)
}

// Split is AfterDash for arguments of which n come before "--", all if it is
// negative.
func Split(c *cobra.Command, args []string, n, want int) (before, after []string, err error) {
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

// Completes completes a word by a list of names, and by no file.
func Completes(names func() []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return names(), cobra.ShellCompDirectiveNoFileComp
	}
}
