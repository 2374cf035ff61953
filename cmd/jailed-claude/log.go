package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/supervisor"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

func newLog() *cobra.Command {
	var o logOptions
	c := &cobra.Command{
		Use:   "log [flags] [ID]",
		Short: "Show what a jail reached over the network, and what it was refused",
		Long: `Show the decisions about a jail's network, one a line: names that were looked up,
connections, requests to brokers. Without ID it is the newest session of this
folder; with the beginning of an ID, that session. The logs of at least the newest 100
sessions are kept, in ` + "$XDG_STATE_HOME/jailed-claude/log" + `.`,
		Example: `  jailed-claude log                      # the newest session in this folder
  jailed-claude log --denied             # what was refused, and why
  jailed-claude log --follow 3f9c
  jailed-claude log --json | jq 'select(.kind == "tcp") | .name'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := chosenSession(args)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), s)
		},
	}
	c.Flags().BoolVar(&o.denied, "denied", false, "only what was refused")
	c.Flags().BoolVar(&o.follow, "follow", false, "go on until the jail ends")
	c.Flags().BoolVar(&o.json, "json", false, "as JSON, an object a line")
	return c
}

// chosenSession is the one that was named, or the newest of this folder.
func chosenSession(args []string) (session, error) {
	all, err := sessions(logDir())
	if err != nil {
		return session{}, fmt.Errorf("read the logs: %w", err)
	}
	if len(args) > 0 {
		all = slices.DeleteFunc(all, func(s session) bool { return args[0] == "" || !strings.HasPrefix(s.id, args[0]) })
		switch {
		case len(all) == 0:
			return session{}, hint(fmt.Errorf("there is no log of %q", args[0]), "the newest session of this folder: jailed-claude log")
		case len(all) > 1 && all[0].id != args[0]:
			return session{}, fmt.Errorf("%q is the beginning of %d sessions: write more of it", args[0], len(all))
		}
		return all[0], nil
	}
	file, err := trust.Path("")
	if err != nil {
		return session{}, err
	}
	for _, s := range all {
		if first, err := firstLine(s.file); err == nil && first.Project == filepath.Dir(file) {
			return s, nil
		}
	}
	lines := []string{"a jail that has the host's network, or none and no broker, has no log"}
	if len(all) > 0 {
		lines = append(lines, "the newest of all: jailed-claude log "+shellWord(all[0].id))
	}
	return session{}, hint(errors.New("no session of this folder has a log"), lines...)
}

func shellWord(s string) string {
	if strings.Trim(s, "0123456789abcdef") == "" {
		return s
	}
	return shellQuote(s)
}

type logOptions struct{ denied, follow, json bool }

// pause is how long --follow waits for more.
const pause = 200 * time.Millisecond

// show prints a log, and with follow what comes until the jail has ended.
func (o logOptions) show(w io.Writer, s session) error {
	f, err := openRegular(s.file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var line []byte
	ended := !o.follow
	for {
		part, err := r.ReadBytes('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			if err := o.print(w, bytes.TrimSpace(line)); err != nil {
				return err
			}
			line = line[:0]
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("read the log: %w", err)
		case ended:
			return nil // what is left is half a line
		default:
			// What was written before it ended is read once more.
			if ended = !running(s.id); !ended {
				time.Sleep(pause)
			}
		}
	}
}

func running(id string) bool {
	jails, err := supervisor.List()
	return err == nil && slices.ContainsFunc(jails, func(j supervisor.Running) bool { return j.ID == id })
}

// print prints one line of a log. What is no event is shown as it is: nobody but
// jailed-claude writes there, but a full disk cuts lines.
func (o logOptions) print(w io.Writer, line []byte) error {
	var e egress.Event
	isEvent := json.Unmarshal(line, &e) == nil
	if o.denied && e.Verdict != egress.Deny {
		return nil
	}
	var err error
	switch {
	case o.json:
		_, err = fmt.Fprintf(w, "%s\n", line)
	case !isEvent:
		_, err = fmt.Fprintln(w, strconv.Quote(string(line)))
	case e.Kind == sessionKind:
		var s sessionLine
		_ = json.Unmarshal(line, &s) // it is an event already
		_, err = fmt.Fprintf(w, "session %s of %s, %s\n", visible(s.ID), visible(s.Project), s.Time.Local().Format(time.DateTime))
	default:
		_, err = fmt.Fprintln(w, eventText(e))
	}
	return err
}

// eventText is an event on one line. A jail chose the names in it.
func eventText(e egress.Event) string {
	what := e.Name
	if what == "" {
		what = e.Address
	}
	if e.Port != 0 {
		what = net.JoinHostPort(what, strconv.Itoa(int(e.Port)))
	}
	parts := []string{e.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%-5s", e.Verdict), fmt.Sprintf("%-6s", e.Kind), visible(what)}
	if e.Address != "" && e.Name != "" {
		parts = append(parts, "("+visible(e.Address)+")")
	}
	if e.Method != "" || e.Path != "" {
		parts = append(parts, visible(strings.TrimSpace(e.Method+" "+e.Path)))
	}
	if e.Status != 0 {
		parts = append(parts, strconv.Itoa(e.Status))
	}
	if e.Why != "" {
		parts = append(parts, visible(e.Why))
	} else if e.Rule != "" {
		parts = append(parts, "by "+visible(e.Rule))
	}
	if e.Sent+e.Received > 0 {
		parts = append(parts, fmt.Sprintf("sent %d, received %d bytes in %d ms", e.Sent, e.Received, e.Duration))
	}
	if e.Count > 0 {
		parts[len(parts)-1] += fmt.Sprintf(", and %d more", e.Count)
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}
