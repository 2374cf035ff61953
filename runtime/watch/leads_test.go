package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/since"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestSymlinksThatAreWrittenTo: where git writes by itself a new symlink is named,
// also one that is gone again.
func TestSymlinksThatAreWrittenTo(t *testing.T) {
	for name, c := range map[string]struct {
		do         func(p string) error
		want       string
		gone, none bool
	}{
		"a message":             {do: link("/home/u/.bashrc", ".git/COMMIT_EDITMSG"), want: ".git/COMMIT_EDITMSG"},
		"a log":                 {do: both(put(".git/logs/refs/heads/x"), link("/home/u/.bashrc", ".git/logs/refs/heads/main")), want: ".git/logs/refs/heads/main"},
		"a folder":              {do: link("/home/u", ".git/logs"), want: ".git/logs"},
		"of a submodule":        {do: both(put(".git/modules/a/b/HEAD"), link("/x", ".git/modules/a/b/FETCH_HEAD")), want: ".git/modules/a/b/FETCH_HEAD"},
		"of a nested one":       {do: link("/x", "old/.git/ORIG_HEAD"), want: "old/.git/ORIG_HEAD"},
		"objects":               {do: both(put(".git/objects/x"), link("/x", ".git/objects/pack")), want: ".git/objects/pack"},
		"a branch of that name": {do: both(put(".git/refs/heads/objects/a/x"), link("/x", ".git/refs/heads/objects/a/y")), want: ".git/refs/heads/objects/a/y"},
		"of Mercurial":          {do: both(put(".hg/x"), link("/x", ".hg/last-message.txt")), want: ".hg/last-message.txt"},
		"in the project":        {do: link("/x", "link"), none: true},
		"gone again": {do: func(p string) error {
			err := link("/x", ".git/COMMIT_EDITMSG")(p)
			_ = pause()
			return both(func(string) error { return err }, func(string) error { return os.Remove(p + "/.git/COMMIT_EDITMSG") })(p)
		}, want: ".git/COMMIT_EDITMSG", gone: true},
		"of before": {none: true},
	} {
		t.Run(name, func(t *testing.T) {
			project := t.TempDir()
			must(t, put(".git/HEAD", "old/.git/HEAD")(project))
			if c.do == nil {
				must(t, link("HEAD", ".git/x")(project))
			}
			s := &specs.Spec{
				Annotations: map[string]string{
					contract.RepositoriesAnnotation: `{"` + project + `":["` + project + `/old"]}`, contract.NamesAnnotation: `{".envrc":"direnv"}`,
					contract.WatchAnnotation: `{"` + project + `/.git/commondir":"names the git directory"}`,
				},
				Mounts: []specs.Mount{bindMount(project, project, "rw")},
			}
			opened, err := rootfs.OpenSources(s.Mounts, nil)
			must(t, err)
			w, err := New(s, opened)
			must(t, err)
			t.Cleanup(w.Close)
			w.Start(false)
			if c.do == nil {
				w.clock.Began = w.clock.Began.Add(3 * since.Slack)
			} else {
				must(t, c.do(project))
			}
			w.Stop()
			var out strings.Builder
			w.Report(&out, false)
			named := strings.Contains(out.String(), `"`+filepath.Join(project, c.want)+`": a symlink to "`)
			if c.none && out.Len() > 0 || !c.none && (!named || strings.Contains(out.String(), goneAgain) != c.gone) {
				t.Errorf("reported:\n%s", &out)
			}
		})
	}
}
