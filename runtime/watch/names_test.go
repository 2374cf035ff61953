package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestNamesInAnyFolder: what programs of the host would execute or trust is
// reported in every folder that the search reaches, if it was not there before.
func TestNamesInAnyFolder(t *testing.T) {
	const list = `{".vscode":"tasks",".claude/settings.json":"settings","mise.*.toml":"mise","mise/config*.toml":"mise",".envrc":"direnv"}`
	for name, c := range map[string]struct {
		do   func(project string) error
		want []string
	}{
		"nothing":              {do: func(string) error { return nil }},
		"harmless":             {do: put("pkg/x", "pkg/mise.toml.bak", "pkg/.claude/x", "pkg/mise/x.toml")},
		"a file":               {do: put("pkg/.envrc"), want: []string{"pkg/.envrc"}},
		"at the top":           {do: put(".envrc"), want: []string{".envrc"}},
		"a folder":             {do: put("pkg/new/.vscode/tasks.json"), want: []string{"pkg/new/.vscode"}},
		"two components":       {do: put("pkg/.claude/settings.json"), want: []string{"pkg/.claude/settings.json"}},
		"a glob":               {do: put("pkg/mise.ci.toml"), want: []string{"pkg/mise.ci.toml"}},
		"a glob further down":  {do: put("pkg/mise/config.x.toml"), want: []string{"pkg/mise/config.x.toml"}},
		"deep":                 {do: put("1/2/3/4/.envrc"), want: []string{"1/2/3/4/.envrc"}},
		"too deep":             {do: put("1/2/3/4/5/.envrc")},
		"in a folder of tools": {do: put("node_modules/m/.envrc")},
		"in what is protected": {do: put("held/.vscode/more.json", "held/.vscode/.envrc")},
		"in what is hidden":    {do: put("hidden/.envrc")},
		"a symlink":            {do: link("/nowhere", "pkg/.envrc"), want: []string{"pkg/.envrc"}},
		"a symlink on the way": {do: link("../other", "pkg/.claude"), want: []string{"pkg/.claude"}},
		"a symlink of before":  {do: put("linked/.claude-target/settings.json")},
		"another symlink": {do: func(p string) error {
			_ = os.Remove(p + "/linked/.claude")
			return os.Symlink("else", p+"/linked/.claude")
		}, want: []string{"linked/.claude"}},
		"moved there": {do: func(p string) error {
			if err := put("quiet/settings.json")(p); err != nil {
				return err
			}
			return os.Rename(p+"/quiet", p+"/pkg/.claude")
		}, want: []string{"pkg/.claude/settings.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			project := t.TempDir()
			for _, d := range []string{"held/.vscode", "hidden", "pkg", "linked/.claude-target"} {
				makeFolder(t, filepath.Join(project, d))
			}
			must(t, os.Symlink(".claude-target", project+"/linked/.claude"))
			s := &specs.Spec{
				Annotations: map[string]string{
					contract.RepositoriesAnnotation: `{"` + project + `":[]}`, contract.NamesAnnotation: list,
					contract.LinksAnnotation: `{"` + project + `/linked/.claude":".claude-target"}`,
				},
				Mounts: []specs.Mount{bindMount(project, project, "rw"), bindMount(project+"/held/.vscode", project+"/held/.vscode", "ro")},
				Linux:  &specs.Linux{MaskedPaths: []string{project + "/hidden"}},
			}
			w := of(t, s)
			must(t, c.do(project))
			var got []string
			for _, f := range w.findings() {
				if f.why == "" {
					t.Errorf("%s has no reason", f.path)
				}
				got = append(got, strings.TrimPrefix(f.path, project+"/"))
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("reported: %q, want %q", got, c.want)
			}
		})
	}
}

func put(names ...string) func(project string) error {
	return func(project string) error {
		for _, n := range names {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(project, n)), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(project, n), nil, 0o644); err != nil {
				return err
			}
		}
		return nil
	}
}

func link(target, at string) func(project string) error {
	return func(project string) error { return os.Symlink(target, filepath.Join(project, at)) }
}

// TestNamesAreWatched: in a project's own folder they are known at once.
func TestNamesAreWatched(t *testing.T) {
	project := t.TempDir()
	makeFolder(t, project+"/.vscode")
	s := &specs.Spec{
		Annotations: map[string]string{contract.RepositoriesAnnotation: `{"` + project + `":[]}`, contract.NamesAnnotation: `{".vscode":"tasks",".claude/settings.json":"settings","mise.*.toml":"mise"}`},
		Mounts:      []specs.Mount{bindMount(project, project, "rw"), bindMount(project+"/.vscode", project+"/.vscode", "ro")},
	}
	w := of(t, s)
	found := w.Start(true)
	must(t, put(".vscode/more", "harmless", ".claude/x")(project))
	select {
	case <-found:
		t.Fatal("told of nothing")
	case <-time.After(200 * time.Millisecond):
	}
	must(t, put(".claude/settings.json")(project))
	select {
	case <-found:
	case <-time.After(5 * time.Second):
		t.Error("not told at once")
	}
}
