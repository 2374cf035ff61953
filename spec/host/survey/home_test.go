package survey

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestHomeLinks: what the home's own symlinks lead to in the project is protected,
// and what leads to nothing yet is watched; links for people are not.
func TestHomeLinks(t *testing.T) {
	f := newFake(t)
	p := f.Project
	write(t, p, map[string]string{
		"bashrc": "", "nvim/init.lua": "", "tool": "", "unit": "", "deep/conf": "", "notes.md": "", "ssh/config": "", "gitconfig": "[core]\n\tpager = " + p + "/pager\n[include]\n\tpath = more\n", "more": "", "pager": "",
	})
	write(t, f.Home, map[string]string{
		".bashrc": "->" + p + "/bashrc", ".zshenv": "->" + p + "/zshenv", ".config/nvim": "->../src/project/nvim", "bin/tool": "->" + p + "/tool", ".config/systemd/user/x.service": "->" + p + "/unit",
		".config/a/b/conf": "->" + p + "/deep/conf", "notes.md": "->" + p + "/notes.md", ".ssh/config": "->" + p + "/ssh/config", ".cache": "->" + p + "/notes.md", ".profile": "->/etc/profile",
		".gitconfig": "[include]\n\tpath = ~/elsewhere\n", "elsewhere": "[includeIf \"gitdir:~/x\"]\n\tpath = " + p + "/gitconfig\n",
	})
	got := f.mustRead(Options{})
	have := names(got.Project.Protect, p)
	for _, want := range []string{"bashrc", "nvim", "tool", "unit", "deep/conf", "ssh/config", "gitconfig", "more", "pager"} {
		if !slices.Contains(have, want) {
			t.Errorf("%s is not protected: %q", want, have)
		}
	}
	if slices.Contains(have, "notes.md") {
		t.Error("a link for people is protected")
	}
	if !slices.Contains(names(got.Project.Watch, p), "zshenv") {
		t.Error("what a link will lead to is not watched")
	}
	if err := os.Symlink(p, filepath.Join(f.Home, ".emacs.d")); err != nil {
		t.Fatal(err)
	}
	warned(t, f.mustRead(Options{}), "programs of the host read")
}

// TestHomeWithoutLinks: a home whose links lead elsewhere costs the listing of a
// few folders, however much lies in it.
func TestHomeWithoutLinks(t *testing.T) {
	f := newFake(t)
	write(t, f.Home, map[string]string{".config/a/b/c": "->" + f.Project + "/x", ".bashrc": "->/etc/profile"})
	files(t, f.Project, "x")
	if got := names(f.mustRead(Options{}).Project.Protect, f.Project); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
