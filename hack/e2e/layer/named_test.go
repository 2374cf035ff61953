package layer

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestNamedLayers: agents that work on one project at the same time, each in a layer
// of its own, see nothing of each other; each layer is reviewed and applied alone.
func TestNamedLayers(t *testing.T) {
	t.Parallel()
	w := project(t)
	const n = 3
	var jails [n]*exec.Cmd
	var ends [n]io.WriteCloser
	var errs [n]strings.Builder
	for i := range n {
		c := w.BashCommand(fmt.Sprintf("echo %d >own-%d; echo %d >>a; git commit -qam 'of %d'; echo ready; read x; test \"$(ls own-*)\" = own-%d", i, i, i, i, i), "--layer", fmt.Sprint("agent-", i))
		c.Stderr = &errs[i]
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		jails[i], ends[i] = c, in
	}
	if r := w.Bash("true", "--layer", "agent-1"); r.Status != 125 || !strings.Contains(r.Err, "a jail has this layer mounted") {
		t.Errorf("a second jail of one layer: %s", r)
	}
	for i, c := range jails {
		if _, err := ends[i].Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil || !strings.Contains(errs[i].String(), fmt.Sprint("jailed-claude review --layer agent-", i)) {
			t.Errorf("%v: %s", err, errs[i].String())
		}
	}
	review := func(args ...string) world.Result {
		return world.Finish(t, w.Command(append([]string{"review"}, args...)...))
	}
	if r := review(); r.Status != 125 || !strings.Contains(r.Err, "jailed-claude review --layer agent-1") {
		t.Errorf("the layer without a name: %s", r)
	}
	for i := range n {
		name := fmt.Sprint("agent-", i)
		r := review("--layer", name)
		for other := range n {
			if own := fmt.Sprint("own-", other); strings.Contains(r.Out, own) != (other == i) {
				t.Errorf("%s in the layer of %s: %s", own, name, r)
			}
		}
		if !strings.Contains(r.Err, "jailed-claude review --layer "+name+" --apply") {
			t.Errorf("%s", r)
		}
	}
	if r := review("--layer", "agent-2", "--apply"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := w.Bash("cat own-*; git log -1 --format=%s", "--project-mode", "ro"); r.Out != "2\nof 2\n" {
		t.Errorf("applied: %s", r)
	}
	for want, bad := range map[string][]string{"a layer cannot be called": {"--layer", "../x"}, "leave out --layer": {"--layer", "a", "--project-mode", "rw"}} {
		if r := w.Bash("true", bad...); r.Status != 125 || !strings.Contains(r.Err, want) {
			t.Errorf("%q: %s", bad, r)
		}
	}
}
