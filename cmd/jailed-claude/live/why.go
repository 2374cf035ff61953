package live

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/why"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// Why are the flags of "why".
type Why struct {
	jail string
	json bool
}

// Register adds them.
func (w *Why) Register(c *cobra.Command) {
	c.Flags().StringVar(&w.jail, "jail", "", "ask the running jail `ID`, with what was allowed and denied since its start")
	c.Flags().BoolVar(&w.json, "json", false, "print JSON")
}

// Do answers by a jail that runs, or by the facts of one that would.
func (w *Why) Do(c *cobra.Command, args []string, planned func() (brief.Facts, error)) error {
	var about func(string) (brief.Answer, error)
	if w.jail != "" {
		j, err := launch.Find(w.jail, "")
		if err != nil {
			return err
		}
		about = func(arg string) (brief.Answer, error) { return why.Running(j, arg) }
	} else {
		f, err := planned()
		if err != nil {
			return err
		}
		about = func(arg string) (brief.Answer, error) { return why.Answer(f, arg) }
	}
	var all []brief.Answer
	for _, arg := range args {
		a, err := about(arg)
		if err != nil {
			return err
		}
		if all = append(all, a); !w.json {
			fmt.Fprintln(c.OutOrStdout(), a)
		}
	}
	if w.json {
		return cli.PrintJSON(c.OutOrStdout(), all)
	}
	return nil
}
