package session

import (
	"cmp"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// Listed is a running jail, what it says of itself, and what it uses.
type Listed struct {
	launch.Running
	// Status is nil where the jail does not answer: it is starting or ending.
	*Status
	Usage
}

// atOnce is how many jails are asked at one time, and patience for an answer.
const (
	atOnce   = 16
	patience = 2 * time.Second
)

// List is launch.List, with what each jail does.
func List() ([]Listed, error) {
	jails, err := launch.List()
	if err != nil {
		return nil, err
	}
	return asked(jails), nil
}

// Everything is List, and the jails that have ended and left words.
func Everything(w Words) (all []Listed, unread []string, err error) {
	var jails []launch.Running
	unread, err = w.Unread(func() ([]launch.Running, error) {
		jails, err = launch.List()
		return jails, err
	})
	if err != nil {
		return nil, nil, err
	}
	return asked(jails), unread, nil
}

// asked asks each jail what it does.
func asked(jails []launch.Running) []Listed {
	all := make([]Listed, len(jails))
	if len(jails) == 0 {
		return all
	}
	next := make(chan int)
	var group sync.WaitGroup
	for range min(atOnce, len(jails)) {
		group.Go(func() {
			for i := range next {
				if s, err := StatusOf(jails[i]); err == nil {
					all[i].Status = &s
				}
			}
		})
	}
	for i, j := range jails {
		all[i].Running = j
		next <- i
	}
	close(next)
	used := usage()
	group.Wait()
	for i, j := range jails {
		all[i].Usage = used.of(j.PID)
	}
	return all
}

// StatusOf asks a jail that has started.
func StatusOf(j launch.Running) (s Status, err error) {
	c, err := control.Try(j.PID, patience)
	if err != nil {
		return s, err
	}
	defer c.Close()
	_, err = c.Call(AskStatus, nil, &s)
	return s, err
}

// Print writes a table for people.
func Print(w io.Writer, jails []Listed) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
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
	return t.Flush()
}
