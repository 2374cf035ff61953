package sessionlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
)

// Find is the session whose ID begins with prefix.
func (s Store) Find(prefix string) (Session, error) {
	all, err := s.sessions()
	if err != nil {
		return Session{}, fmt.Errorf("read the logs: %w", err)
	}
	all = slices.DeleteFunc(all, func(l Session) bool { return prefix == "" || !strings.HasPrefix(l.ID, prefix) })
	switch {
	case len(all) == 0:
		return Session{}, hint.Add(fmt.Errorf("no session has an ID that starts with %q", prefix), "for the newest session of this folder: jailed-claude log")
	case len(all) > 1 && all[0].ID != prefix:
		return Session{}, fmt.Errorf("%q is the start of %d session IDs: write more of it", prefix, len(all))
	}
	return all[0], nil
}

// Newest is the newest session of a project's folder.
func (s Store) Newest(project string) (Session, error) {
	all, err := s.sessions()
	if err != nil {
		return Session{}, fmt.Errorf("read the logs: %w", err)
	}
	for _, l := range all {
		if first, err := firstLine(l.file); err == nil && first.Project == project {
			return l, nil
		}
	}
	lines := []string{"jails with --net host, or with --net none and no broker, have no log"}
	if len(all) > 0 {
		lines = append(lines, "for the newest session of all folders: jailed-claude log "+shellWord(all[0].ID))
	}
	return Session{}, hint.Add(errors.New("there is no log of a session in this folder"), lines...)
}

func shellWord(s string) string {
	if strings.Trim(s, "0123456789abcdef") == "" {
		return s
	}
	return show.ShellQuote(s)
}

// Options of Show.
type Options struct {
	// Denied shows only what was refused.
	Denied bool
	// JSON shows lines as they are.
	JSON bool
	// Running says whether the jail of a session runs; then Show goes on until
	// it ends. Nil shows what is there.
	Running func(id string) bool
}

// pause is how long Show waits for more.
const pause = 200 * time.Millisecond

// Show prints a log.
func (l Session) Show(w io.Writer, o Options) error {
	f, err := regular.Open(l.file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var line []byte
	ended := o.Running == nil
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
			if ended = !o.Running(l.ID); !ended {
				time.Sleep(pause)
			}
		}
	}
}

// print prints one line of a log. What is no event is shown as it is: nobody but
// jailed-claude writes there, but a full disk cuts lines.
func (o Options) print(w io.Writer, line []byte) error {
	var e egress.Event
	isEvent := json.Unmarshal(line, &e) == nil
	if o.Denied && e.Verdict != egress.Deny {
		return nil
	}
	var err error
	switch {
	case o.JSON:
		_, err = fmt.Fprintf(w, "%s\n", line)
	case !isEvent:
		_, err = fmt.Fprintln(w, strconv.Quote(string(line)))
	case e.Kind == kind:
		var s header
		_ = json.Unmarshal(line, &s) // it is an event already
		_, err = fmt.Fprintf(w, "session %s of %s, %s\n", show.Visible(s.ID), show.Visible(s.Project), s.Time.Local().Format(time.DateTime))
	default:
		_, err = fmt.Fprintln(w, eventText(e))
	}
	return err
}

// target is what a program wanted to reach.
func target(e egress.Event) string {
	what := e.Name
	if what == "" {
		what = e.Address
	}
	if e.Port != 0 {
		what = net.JoinHostPort(what, strconv.Itoa(int(e.Port)))
	}
	return what
}

// eventText is an event on one line. A jail chose the names in it.
func eventText(e egress.Event) string {
	what := target(e)
	parts := []string{e.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%-5s", e.Verdict), fmt.Sprintf("%-6s", e.Kind), show.Visible(what)}
	if e.Address != "" && e.Name != "" {
		parts = append(parts, "("+show.Visible(e.Address)+")")
	}
	if e.Method != "" || e.Path != "" {
		parts = append(parts, show.Visible(strings.TrimSpace(e.Method+" "+e.Path)))
	}
	if e.Status != 0 {
		parts = append(parts, strconv.Itoa(e.Status))
	}
	if e.Why != "" {
		parts = append(parts, show.Visible(e.Why))
	} else if e.Rule != "" {
		parts = append(parts, "by "+show.Visible(e.Rule))
	}
	if e.Sent+e.Received > 0 {
		parts = append(parts, fmt.Sprintf("sent %d, received %d bytes in %d ms", e.Sent, e.Received, e.Duration))
	}
	if e.Count > 0 {
		parts[len(parts)-1] += fmt.Sprintf(", and %d more", e.Count)
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}
