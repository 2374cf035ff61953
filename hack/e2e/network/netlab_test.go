package network

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestLab: the lab is what the tests of the network take it for.
func TestLab(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	l.Name("a.example", lab.PublicA, lab.PublicV6)
	l.Ask(lab.Order{Name: "turns.example", Answers: [][]string{{lab.PublicA}, {"127.0.0.1"}}})
	c := exec.Command(os.Args[0], "tcp "+lab.PublicA+":443", "tcp ["+lab.PublicV6+"]:22", "tcp a.example:80", "tcp 127.0.0.1:5432", "tcp [::1]:8080", "tcp "+lab.Metadata+":80", "tcp "+lab.Own4+":22", "tcp ["+lab.Own6+"]:22", "tcp "+lab.OwnLo+":22", "tcp 9.9.9.9:443", "tcp b.example:80")
	c.Dir, c.Env = w.Project, append(w.Environ(), world.PartEnv+"=dial")
	l.Enter(c)
	r := world.Finish(t, c)
	if n := len(world.Lines(r.Out)); r.Status != 0 || n != 9 {
		t.Errorf("%d of the first 9 were reached: %s", n, r)
	}
	got := l.Caught()
	for _, want := range []string{"tcp " + lab.PublicA + ":443", "tcp [" + lab.PublicV6 + "]:22", "tcp 127.0.0.1:5432", "tcp [::1]:8080", "tcp " + lab.Metadata + ":80", "tcp " + lab.Own4 + ":22", "tcp [" + lab.Own6 + "]:22", "tcp " + lab.OwnLo + ":22"} {
		// A connection stands before its server has accepted and noted it.
		for end := time.Now().Add(world.Deadline / 3); !slices.Contains(got.Hits, want) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			more := l.Caught()
			got.Hits, got.Queries = append(got.Hits, more.Hits...), append(got.Queries, more.Queries...)
		}
		if !slices.Contains(got.Hits, want) {
			t.Errorf("%q was not noted: %q", want, got.Hits)
		}
	}
	if !slices.Contains(got.Queries, "a.example. A") || !slices.Contains(got.Queries, "b.example. A") {
		t.Errorf("questions: %q", got.Queries)
	}
	// The host's addresses are those that it says, and no other's.
	ip := exec.Command(world.RequireTool(t, "ip"), "-oneline", "address")
	ip.Env = w.Environ()
	l.Enter(ip)
	if r := world.Finish(t, ip); !strings.Contains(r.Out, lab.Own4) || !strings.Contains(r.Out, lab.Own6) || !strings.Contains(r.Out, lab.OwnLo) || strings.Contains(r.Out, lab.PublicA) || strings.Contains(r.Out, lab.PublicV6) {
		t.Errorf("addresses of the host: %s", r)
	}
	id := exec.Command("id", "-u")
	id.Env = w.Environ()
	l.Enter(id)
	if r := world.Finish(t, id); strings.TrimSpace(r.Out) != world.Itoa(os.Getuid()) {
		t.Errorf("the caller is somebody else in the lab: %s", r)
	}
}
