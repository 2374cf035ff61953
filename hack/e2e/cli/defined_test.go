package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestDefinedAgent: an agent of the user's own is run by each of its names, keeps what
// it has for its project alone, and is known to what lists agents.
func TestDefinedAgent(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	bin := filepath.Join(w.Home, "bin")
	w.Write(filepath.Join(bin, "crush"), "#!/bin/sh\necho \"crush $* $CRUSH_X key=$OPENAI_API_KEY\"; echo run >>~/.crush/runs; cat ~/.crush/runs; echo evil >.crushrc\n")
	if err := os.Chmod(filepath.Join(bin, "crush"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.Write(filepath.Join(w.Home, ".config/jailed-claude/config.toml"), `version = 1
[[agent.define]]
name = "crush"
programs = ["crush"]
folders = ["~/.crush"]
exec = [".crushrc"]
keys = ["OPENAI_API_KEY"]
set = { CRUSH_X = "set" }
sandbox-off = ["--no-sandbox"]
`)
	w.Env["PATH"], w.Env["OPENAI_API_KEY"] = bin+":/usr/local/bin:/usr/bin:/bin", "secret-of-the-user"
	runs := ""
	for i, args := range [][]string{
		{"run", "crush", "--net", "none", "--", "a"}, {"run", "--agent", "crush", "--net", "none", "--", "a"}, {"shell", "--net", "none", "--", "crush", "a"},
	} {
		runs += "run\n"
		r := world.Finish(t, w.Command(args...))
		if !strings.HasPrefix(r.Out, "crush a set key=placeholder") || !strings.HasSuffix(r.Out, "\n"+runs) || strings.Contains(r.Out, "secret") {
			t.Errorf("%q: %s", args, r)
		}
		// Made once, it is read-only afterwards.
		if named := strings.Contains(r.Err, ".crushrc\": crush's files"); named != (i == 0) {
			t.Errorf("%q: what the host's would execute is named: %v; %s", args, named, r)
		}
		if strings.Contains(r.Err, "--no-sandbox") {
			t.Errorf("%q: there is no terminal, and it is told about its sandbox: %s", args, r)
		}
	}
	other := filepath.Join(w.Home, "other")
	w.Mkdir(other, 0o755)
	if r := world.Finish(t, w.Command("run", "crush", "--project", other, "--net", "none")); !strings.HasSuffix(r.Out, "\nrun\n") || strings.HasSuffix(r.Out, "run\nrun\n") {
		t.Errorf("another project: %s", r)
	}
	link := filepath.Join(w.Dir, "jailed-crush")
	program := w.Command("run").Path
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	c := w.Command("run", "--net", "none", "--", "b")
	c.Path, c.Args[0] = link, link
	if r := world.Finish(t, c); !strings.HasPrefix(r.Out, "crush b set") {
		t.Errorf("by its link: %s", r)
	}
	for want, args := range map[string][]string{
		"\ncrush\n": {"__complete", "run", ""}, "\ncrush\n:": {"__complete", "run", "--agent", ""}, "run crush": {"doctor"}, "  crush  ": {"config", "list"},
		"own/crush/.crush\n": {"config", "path", "--agent", "crush"}, "of the agent crush": {"explain", "--agent", "crush"},
	} {
		if r := world.Finish(t, w.Command(args...)); !strings.Contains(r.Out, want) {
			t.Errorf("%q does not say %q: %s", args, want, r)
		}
	}
	if r := world.Finish(t, w.Command("config", "review")); r.Status != 125 || !strings.Contains(r.Err, "other agents ran here: jailed-claude config review --agent crush") {
		t.Errorf("%s", r)
	}
	if r := world.Finish(t, w.Command("config", "reset", "--agent", "crush", "--yes")); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := world.Finish(t, w.Command("run", "crush", "--net", "none")); strings.Count(r.Out, "run\n") != 1 {
		t.Errorf("after a reset: %s", r)
	}
}
