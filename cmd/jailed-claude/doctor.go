package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

func newDoctor() *cobra.Command {
	var asJSON, trial bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check what this host has, and print the commands that mend it",
		Example: `  jailed-claude doctor
  jailed-claude doctor --json | jq '.[] | select(.ok | not)'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if trial {
				return closeNetwork()
			}
			needs := host.Needs(c.Context(), tryNetwork)
			if asJSON {
				if err := printJSON(c.OutOrStdout(), needs); err != nil {
					return err
				}
			}
			missing := 0
			for _, n := range needs {
				state := "ok"
				switch {
				case !n.OK && n.Required:
					state, missing = "MISSING", missing+1
				case !n.OK:
					state = "no"
				}
				if asJSON {
					continue
				}
				fmt.Fprintf(c.OutOrStdout(), "%-8s %s: %s\n", state, n.Name, n.Detail)
				if !n.OK {
					// As they are pasted: a here-document ends where it is
					// not indented.
					for _, command := range n.Fix {
						fmt.Fprintln(c.OutOrStdout(), command)
					}
				}
			}
			if missing > 0 {
				return fmt.Errorf("this host lacks %d thing(s) that a jail needs", missing)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.Flags().BoolVar(&trial, trialFlag, false, "close the network namespace of this process, and end")
	_ = c.Flags().MarkHidden(trialFlag) // there is one of this name
	return c
}

const (
	trialFlag = "try-network"
	trialTime = 20 * time.Second
)

// tryNetwork has this program close a network namespace as it would close a
// jail's: by nothing less can be told what a kernel has, for it loads modules
// at their first use.
func tryNetwork(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	id := func(host int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: host, Size: 1}} }
	c := exec.CommandContext(ctx, "/proc/self/exe", "doctor", "--"+trialFlag)
	c.Env = []string{}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: id(os.Getuid()), GidMappings: id(os.Getgid()), Pdeathsig: syscall.SIGKILL,
	}
	out, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	if line, _, _ := strings.Cut(string(out), "\n"); line != "" {
		return errors.New(strings.TrimPrefix(line, "jailed-claude: "))
	}
	return fmt.Errorf("a network namespace cannot be tried: %w", err)
}

// closeNetwork is the trial.
func closeNetwork() error {
	ns, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return err
	}
	defer ns.Close()
	w, err := wall.Build(ns, network.ViaRedirect)
	if err != nil {
		return err
	}
	return w.Close()
}

// blame names the host setting that keeps a jail from starting, with the
// commands that mend it.
func blame() (hints, commands []string) {
	for _, n := range host.Blame(context.Background()) {
		hints = append(hints, n.Name+": "+n.Detail)
		commands = append(commands, n.Fix...)
	}
	if len(hints) == 0 {
		hints = []string{"jailed-claude doctor shows what this host lacks"}
	}
	return hints, commands
}
