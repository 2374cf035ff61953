package session

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// Listed is a running jail, what it says of itself, and what it uses.
type Listed struct {
	launch.Running
	// Status is nil where the jail is starting or ending.
	*Status
	Usage
}

// List is launch.List, with what each jail does.
func List() ([]Listed, error) {
	usages := begin(usage)
	jails, err := launch.List()
	if err != nil {
		return nil, err
	}
	return listed(jails, <-usages), nil
}

// Everything is List, and the jails that have ended and left words.
func Everything(w Words) (all []Listed, unread []string, err error) {
	usages := begin(usage)
	var jails []launch.Running
	unread, err = w.unread(func() ([]launch.Running, error) {
		jails, err = launch.List()
		return jails, err
	})
	if err != nil {
		return nil, nil, err
	}
	return listed(jails, <-usages), unread, nil
}

// begin has something done meanwhile.
func begin[T any](do func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- do() }()
	return done
}

func listed(jails []launch.Running, used processes) []Listed {
	all := make([]Listed, len(jails))
	for i, j := range jails {
		all[i] = Listed{Running: j, Status: statusOf(j), Usage: used.of(j.PID)}
	}
	return all
}

// Print writes a table for people.
func Print(w io.Writer, jails []Listed) error {
	b := bufio.NewWriter(w) // a tabwriter writes each cell by itself
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tPID\tFOR\tSTATE\tNET\tREFUSED\tLAYER\tCPU\tMEMORY\tAGENT\tPROJECT")
	for _, j := range jails {
		state, net, refused, layer := "-", "-", "-", "-"
		if j.Status != nil {
			net, refused = j.Network, fmt.Sprint(j.Refused)
			state, layer = cmp.Or(j.State, "running"), cmp.Or(j.Layer, "-")
		}
		cpu := time.Duration(j.CPU * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%dM\t%s\t%s\n", j.ID, j.PID, time.Since(j.Started).Round(time.Second), state, net, refused, layer,
			cpu, j.Memory>>20, show.Visible(j.Agent), show.Visible(j.Project))
	}
	return errors.Join(t.Flush(), b.Flush())
}
