package layer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// several makes a second project beside the first, with a policy of its own.
func several(w *world.World) (other string, flags []string) {
	w.T.Helper()
	other = filepath.Join(w.Dir, "other")
	for _, dir := range []string{w.Project, other} {
		w.Write(filepath.Join(dir, ".gitignore"), "*.key\n")
		w.Write(filepath.Join(dir, "own.key"), "secret\n")
		w.Write(filepath.Join(dir, "held"), "held\n")
		w.Write(filepath.Join(dir, "f"), "one\n")
	}
	w.Write(filepath.Join(other, ".jailed-claude.toml"), "version = 1\n[files]\nhide = [\"*.key\"]\nprotect = [\"held\"]\n")
	w.CommitAll()
	w.Repository(other)
	return other, append(slices.Clip(overlay), "--project", w.Project, "--project", other)
}

// both changes both projects, and tries what the policy of the further one forbids there.
const both = `echo alpha >>f; git commit -qam alpha; echo x >>held; cd "$OTHER" && test "$PWD" != "$AT" && echo second >>f && git commit -qam second && echo "#!/bin/sh" >.git/hooks/post-commit
for c in 'echo x >>held' 'mv held away' 'grep . own.key' 'rm -f own.key && echo x >own.key'; do (eval "$c") 2>/dev/null && echo "WORKED: $c"; done; cat "$AT/own.key" "$AT/f" f; git log --format=%s -1`

const bothDid = "secret\none\nalpha\none\nsecond\nsecond\n"

// TestProjectsLayers: each of several projects has a layer of its own, by run and under
// runc and crun. What each holds is named, reviewed and applied by itself.
func TestProjectsLayers(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other, flags := several(w)
	before, beforeOther := print(t, w.Project), print(t, other)
	script := "AT=$PWD; OTHER=" + other + "; " + both
	of := func(dir string, args ...string) world.Result {
		t.Helper()
		return world.Finish(t, w.Command(append([]string{"review", "--project", dir}, args...)...))
	}
	for name, run := range w.Runtimes() {
		args := slices.Concat([]string{"--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--net", "none"}, flags, []string{"--", "bash", "-c", script})
		if r := run(w.Bundle(nil, args...)); r.Status != 0 || r.Out != bothDid {
			t.Errorf("%s: %s", name, r)
		}
		for _, dir := range []string{w.Project, other} {
			if r := of(dir, "--discard"); r.Status != 0 {
				t.Errorf("%s: %s", name, r)
			}
		}
	}
	r := w.Bash(script, flags...)
	if r.Status != 0 || r.Out != bothDid {
		t.Errorf("%s", r)
	}
	for _, dir := range []string{w.Project, other} {
		if !strings.Contains(r.Err, "the layer over "+dir+" holds ") {
			t.Errorf("%s is not named: %s", dir, r)
		}
	}
	if !strings.Contains(r.Err, "jailed-claude review\n") || !strings.Contains(r.Err, "jailed-claude review --project '"+other+"'\n") {
		t.Errorf("the command is not named: %s", r)
	}
	unchanged(t, w.Project, before)
	unchanged(t, other, beforeOther)
	if r := world.Finish(t, w.Command("review")); strings.Contains(r.Out, "second") || !strings.Contains(r.Out, "alpha") || !strings.Contains(r.Out, "held") {
		t.Errorf("%s", r)
	}
	if r := of(other); strings.Contains(r.Out, "alpha") || !strings.Contains(r.Out, "second") || !strings.Contains(r.Out, "post-commit") || !strings.Contains(r.Err, "--project '"+other+"' --apply") {
		t.Errorf("%s", r)
	}
	if r := of(other, "--apply"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	unchanged(t, w.Project, before)
	if got := w.Git(other, "log", "--format=%s", "-1") + w.Git(other, "status", "--porcelain"); got != "second\n" {
		t.Errorf("%q", got)
	}
	if r := world.Finish(t, w.Command("review", "--apply")); r.Status != 0 || w.Git(w.Project, "log", "--format=%s", "-1") != "alpha\n" {
		t.Errorf("%s", r)
	}
}

// TestProjectsLayersExplained: explain names both layers, and where what is hidden and
// protected comes from.
func TestProjectsLayersExplained(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other, flags := several(w)
	for mode, args := range map[string][]string{"overlay": flags, "rw": flags[2:]} {
		r := world.Finish(t, w.Command(slices.Concat([]string{"explain", "--closure", world.RequireVariable(t, "BASE_CLOSURE")}, args)...))
		for _, p := range []string{"own.key", "held"} {
			lines := slices.DeleteFunc(world.Lines(r.Out), func(l string) bool { return !strings.Contains(l, filepath.Join(other, p)+" ") })
			if len(lines) != 1 || !strings.Contains(lines[0], "the policy in "+other) {
				t.Errorf("%s, %s: %q", mode, p, lines)
			}
		}
		if n := strings.Count(r.Out, "until you apply it: jailed-claude review"); n != map[string]int{"overlay": 2}[mode] {
			t.Errorf("%s: %s", mode, r)
		}
	}
}

// TestProjectsLayersRefused: a layer that another jail has is named; so are projects of
// which one would write into the layer of another.
func TestProjectsLayersRefused(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other, flags := several(w)
	ready := filepath.Join(other, "seen/ready")
	jail := w.Command(slices.Concat([]string{"shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--write", other + "/seen", "--project", other}, overlay, []string{"--", "bash", "-c", "echo >seen/ready; read"})...)
	if err := os.Mkdir(filepath.Join(other, "seen"), 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := jail.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := jail.Start(); err != nil {
		t.Fatal(err)
	}
	world.WaitFor(t, "the jail", func() bool { _, err := os.Stat(ready); return err == nil })
	if r := world.Finish(t, w.Base("true", flags...)); r.Status != 125 || !strings.Contains(r.Err, "the layer over "+other+": a jail has this layer") {
		t.Errorf("%s", r)
	}
	if r := world.Finish(t, w.Base("true", append(flags, "--layer", "b")...)); r.Status != 0 {
		t.Errorf("beside it: %s", r)
	}
	in.Close()
	_ = jail.Wait()
	tree := filepath.Join(w.Dir, "tree")
	w.Git(w.Project, "worktree", "add", "--quiet", tree, "-b", "topic")
	for _, pair := range [][]string{{w.Project, tree}, {tree, w.Project}} {
		r := world.Finish(t, w.Base("true", append(slices.Clip(overlay), "--project", pair[0], "--project", pair[1])...))
		if r.Status != 125 || !strings.Contains(r.Err, "share") || !strings.Contains(r.Err, "start a jail for each") {
			t.Errorf("%q: %s", pair, r)
		}
	}
}
