package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/since"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestPassedFolders: in folders of tools, and deeper than the search goes, a
// repository is named if git would execute something in it and it changed.
func TestPassedFolders(t *testing.T) {
	repository := func(at, config string, hooks ...string) func(p string) error {
		return func(p string) error {
			g := filepath.Join(p, at, ".git")
			err := errors.Join(os.MkdirAll(g+"/hooks", 0o755), os.WriteFile(g+"/HEAD", []byte("ref: refs/heads/main\n"), 0o644), os.WriteFile(g+"/config", []byte(config), 0o644))
			for _, h := range hooks {
				err = errors.Join(err, os.WriteFile(g+"/hooks/"+h, []byte("#!/bin/sh\n"), 0o755))
			}
			return err
		}
	}
	const clone, monitor = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://example.com/x\n", "[core]\n\tfsmonitor = x\n"
	const deep = "1/2/3/4/5/6"
	for name, c := range map[string]struct {
		before, do func(p string) error
		want       string
	}{
		"a clone":                  {do: repository("node_modules/m", clone, "pre-commit.sample")},
		"a monitor":                {do: repository("node_modules/m", monitor), want: "node_modules/m/.git"},
		"a hook":                   {do: repository(".venv/src/m", clone, "post-checkout"), want: ".venv/src/m/.git"},
		"deep":                     {do: repository(deep, monitor), want: deep + "/.git"},
		"deep in tools of tools":   {do: repository("node_modules/a/node_modules/b/c/d/e", monitor), want: "node_modules/a/node_modules/b/c/d/e/.git"},
		"in another history":       {do: repository(".hg/m", monitor), want: ".hg/m/.git"},
		"in git's own":             {do: repository(".git/m", monitor)},
		"a pointer":                {do: put("node_modules/m/.git"), want: "node_modules/m/.git"},
		"a link":                   {do: both(put("node_modules/m/x"), link("/elsewhere", "node_modules/m/.git")), want: "node_modules/m/.git"},
		"config of a worktree":     {do: both(repository("node_modules/m", clone), put("node_modules/m/.git/config.worktree")), want: "node_modules/m/.git"},
		"another common directory": {do: both(repository("node_modules/m", clone), put("node_modules/m/.git/commondir")), want: "node_modules/m/.git"},
		"as it was":                {before: repository("node_modules/m", monitor, "post-merge")},
		"it became one":            {before: repository("node_modules/m", clone), do: repository("node_modules/m", monitor), want: "node_modules/m/.git"},
		"it got a hook":            {before: repository("node_modules/m", clone), do: put("node_modules/m/.git/hooks/post-merge"), want: "node_modules/m/.git"},
	} {
		t.Run(name, func(t *testing.T) {
			project := t.TempDir()
			must(t, repository("", clone)(project))
			if c.before != nil {
				must(t, c.before(project))
			}
			s := &specs.Spec{
				Annotations: map[string]string{contract.RepositoriesAnnotation: `{"` + project + `":[]}`, contract.NamesAnnotation: `{".envrc":"direnv"}`},
				Mounts:      []specs.Mount{bindMount(project, project, "rw")},
			}
			opened, err := rootfs.OpenSources(s.Mounts, nil)
			must(t, err)
			w, err := New(s, opened)
			must(t, err)
			t.Cleanup(w.Close)
			if c.do == nil {
				// As if the jail had begun long after that.
				w.clock.Began = w.clock.Began.Add(3 * since.Slack)
			} else {
				must(t, c.do(project))
			}
			var out strings.Builder
			w.Report(&out, false)
			if c.want == "" && out.Len() > 0 || c.want != "" && !strings.Contains(out.String(), `"`+filepath.Join(project, c.want)+`": `+inPassed) {
				t.Errorf("reported:\n%s", &out)
			}
		})
	}
}

func both(a, b func(p string) error) func(p string) error {
	return func(p string) error { return errors.Join(a(p), b(p)) }
}
