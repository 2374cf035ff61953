package audit

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

var printed = []Finding{
	{Attack: "one", Class: "files", Promise: "p1", Result: attack.Result{Verdict: attack.Held, Detail: "EPERM"}},
	{Attack: "two", Class: "files", Promise: "p2", Result: attack.Result{Verdict: attack.GotThrough, Detail: "the \x1b[31msecret"}},
	{Attack: "three", Class: "network", Promise: "p3", Result: attack.Result{Verdict: attack.NotApplicable, Detail: "the host's network"}},
	{Attack: "four", Class: "network", Promise: "p4", Result: attack.Result{Verdict: attack.Failed, Detail: "panic"}},
}

func TestPrint(t *testing.T) {
	var b bytes.Buffer
	if err := Print(&b, printed, false); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{"files:\n", "two", "GOT THROUGH", "promised: p2", "four", "4 attacks: 1 held, 1 got through, 1 not applicable, 1 failed\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	for _, not := range []string{"one", "three", "\x1b"} {
		if strings.Contains(got, not) {
			t.Errorf("has %q:\n%s", not, got)
		}
	}
	b.Reset()
	if err := Print(&b, printed, true); err != nil || !strings.Contains(b.String(), "one  held") || !strings.Contains(b.String(), "three  not applicable") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
