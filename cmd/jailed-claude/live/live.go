package live

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
	"github.com/jailed-claude/jailed-claude/spec/organisation"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// running takes the ID of a jail, or its beginning, off arguments; without one it is
// that of this folder.
func running(args []string, ports bool) (launch.Running, []string, error) {
	id, args := named(args, ports)
	o := plan.Options{}
	j, err := launch.Find(id, o.Dir())
	return j, args, err
}

// named divides arguments. What else than an ID is one has a dot, a colon or an "@" in
// it, or is a port, where there are ports: a number of up to five digits.
func named(args []string, ports bool) (id string, rest []string) {
	if len(args) == 0 || args[0] == "" || strings.Trim(args[0], "0123456789abcdef") != "" {
		return "", args
	}
	if ports && len(args[0]) <= 5 && strings.Trim(args[0], "0123456789") == "" {
		return "", args
	}
	return args[0], args[1:]
}

// Add adds the commands of this package to all others, as a group.
func Add(root *cobra.Command) {
	g := &cobra.Group{ID: "While it runs", Title: "While it runs"}
	root.AddGroup(g)
	for _, c := range []*cobra.Command{allow(), deny(), ports()} {
		c.GroupID = g.ID
		root.AddCommand(c)
	}
}

func allow() *cobra.Command {
	return cli.Command("allow [ID] [NAME...]", "Let a running jail reach more; without NAME, show what waits", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		j, names, err := running(args, false)
		if err != nil {
			return err
		}
		rules, err := preset.Expand(names)
		if err != nil {
			return err
		}
		if err := organisation.Allows(rules, nil); err != nil {
			return err
		}
		now, err := steer.Allow(j, rules)
		if err != nil {
			return err
		}
		if len(rules) > 0 {
			cli.Say(c, "allowed as long as jail %s runs; to keep it in a policy: %s", j.ID, report.PolicyLine(names))
			return nil
		}
		for _, list := range []struct {
			what  string
			names []string
		}{{"waits", now.Waiting}, {"refused", now.Refused}, {"barred", now.Barred}, {"allowed", now.Allowed}, {"denied", now.Denied}} {
			for _, n := range list.names {
				fmt.Fprintf(c.OutOrStdout(), "%s\t%s\n", list.what, n)
			}
		}
		return nil
	})
}

func deny() *cobra.Command {
	return cli.Command("deny [ID] NAME...", "Keep a running jail from a destination", cli.AtLeast(1), func(c *cobra.Command, args []string) error {
		j, names, err := running(args, false)
		if err == nil && len(names) > 0 {
			_, err = steer.Deny(j, names)
		}
		return err
	})
}

func ports() *cobra.Command {
	var take []uint
	c := cli.Command("ports [ID] [PORT...]", "Publish ports of a running jail, or list those that are", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		j, args, err := running(args, true)
		if err != nil {
			return err
		}
		var lists [2][]uint16
		for _, p := range args {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				return fmt.Errorf("%q is no port from 1 to 65535", p)
			}
			lists[0] = append(lists[0], uint16(n))
		}
		for _, p := range take {
			lists[1] = append(lists[1], uint16(min(p, 65535)))
		}
		if err := organisation.Allows(nil, lists[0]); err != nil {
			return err
		}
		now, err := steer.Ports(j, lists[0], lists[1])
		for _, p := range now {
			fmt.Fprintln(c.OutOrStdout(), p)
		}
		return err
	})
	c.Flags().UintSliceVar(&take, "close", nil, "take back `PORT` (repeatable)")
	c.Flags().Lookup("close").DefValue = ""
	return c
}
