package review

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// atEnd is what is said at the end of a jail. asked is run while somebody thinks.
func (w *world) atEnd(safe bool, asked func() bool) (said string, err error) {
	var b strings.Builder
	err = End{
		Safe: safe, Apply: func(o Options, digest string) error {
			r, err := Lock(o)
			if err != nil {
				return err
			}
			defer r.Close()
			d, err := r.Apply(Wanted{Digest: digest})
			if err == nil {
				fmt.Fprintf(&b, "applied %s; to take it back: jailed-claude review --undo\n", d)
			}
			return err
		}, Say: func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) },
		Ask: func(question string) bool {
			b.WriteString(question + "\n")
			return asked()
		},
	}.Do(Options{Layer: w.layer, Project: w.project, Trusted: w.trusted})
	return b.String(), err
}

func never() bool { panic("nobody may be asked") }

// TestEndLine: the line counts by what has to be decided, and where nothing is
// ordinary there is no question.
func TestEndLine(t *testing.T) {
	for _, c := range []struct{ name, script, host, says string }{
		{"nothing", "cat a.txt >/dev/null", "", ""},
		{"only touched", "touch a.txt", "", ""},
		{"held alone", "echo {} >.mcp.json", "", "the layer holds 1 that the host would execute or trust; to look at it: jailed-claude review\n"},
		{"a pipe", "mkfifo p", "", "the layer holds 1 that cannot be applied; to look at it: jailed-claude review\n"},
		{"conflict alone", "echo inside >a.txt", "echo outside >a.txt", "the layer holds 1 that the host changed meanwhile; to look at it: jailed-claude review\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, plainProject)
			w.jail(c.script)
			if c.host != "" {
				w.host(c.host)
			}
			if said, err := w.atEnd(false, never); err != nil || said != c.says {
				t.Errorf("%q, %v; want %q", said, err, c.says)
			}
		})
	}
}

// TestEndChanged: what came into the layer while somebody thought is not applied by
// their yes.
func TestEndChanged(t *testing.T) {
	w := newWorld(t, plainProject)
	w.jail("echo seen >seen")
	said, err := w.atEnd(false, func() bool {
		w.jail("echo unseen >unseen")
		return true
	})
	if !errors.Is(err, errDigest) || !strings.Contains(said, "the layer holds 1 ordinary change;") {
		t.Errorf("%v: %s", err, said)
	}
	for _, name := range []string{"seen", "unseen"} {
		if _, err := os.Lstat(filepath.Join(w.project, name)); err == nil {
			t.Errorf("%s is on the host", name)
		}
	}
	if said, err := w.atEnd(true, never); err != nil || !strings.Contains(said, "applied 2 files") {
		t.Errorf("%v: %s", err, said)
	}
}
