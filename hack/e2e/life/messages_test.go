package life

import (
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// TestMessages: --debug shows what the processes of a start tell each other, in
// the order of the picture in docs/design.md, and shows nothing without.
func TestMessages(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := world.Finish(t, w.NetShell("echo out", "--debug"))
	var got []string
	for l := range strings.Lines(r.Err) {
		if _, text, ok := strings.Cut(l, "message: "); ok {
			got = append(got, strings.Trim(text, "\"\n"))
		}
	}
	for _, m := range []message.Message{message.Waits, message.Orders, message.Mapped, message.Execute} {
		i := slices.Index(got, m.String())
		if i < 0 {
			t.Fatalf("%s is not there, or too early: %q", m, got)
		}
		got = got[i+1:]
	}
	if r.Status != 0 || r.Out != "out\n" {
		t.Errorf("%s", r)
	}
	if r := world.Finish(t, w.NetShell("echo out")); r.Status != 0 || strings.Contains(r.Err, "message: ") {
		t.Errorf("without --debug: %s", r)
	}
}
