package home

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// plant makes a home with a project in it; "a -> b" is a link, b as it is or
// below the home if it begins with ~/.
func plant(t *testing.T, names ...string) Host {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := Host{Home: home, Project: filepath.Join(home, "p"), Env: map[string]string{"PATH": "/usr/bin"}}
	for _, name := range append(names, "p/.git/HEAD") {
		at, target, link := strings.Cut(name, " -> ")
		at, text, _ := strings.Cut(at, "=")
		p := filepath.Join(home, at)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if link {
			err = os.Symlink(strings.Replace(target, "~", home, 1), p)
		} else {
			err = os.WriteFile(p, []byte(text), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h Host) short(list []string) string {
	return strings.ReplaceAll(strings.Join(list, " "), h.Home, "~")
}

// TestPinnedBy: what a jail put in the place of a file that names a version is
// neither waited for nor read without an end.
func TestPinnedBy(t *testing.T) {
	h := plant(t, ".nvm/versions/node/v9.1.0/bin/node", ".nvm/versions/node/v20.2.0/bin/node", "p/.node-version=9", "p/.nvmrc -> /dev/zero")
	newest := func() {
		t.Helper()
		if list, _ := h.Find([]string{"nvm"}); len(list) != 1 || h.short(list[0].Bins) != "~/.nvm/versions/node/v20.2.0/bin" {
			t.Errorf("%+v", list)
		}
	}
	newest()
	at := filepath.Join(h.Project, ".nvmrc")
	if err := errors.Join(os.Remove(at), syscall.Mkfifo(at, 0o600)); err != nil {
		t.Fatal(err)
	}
	newest()
}

func TestFind(t *testing.T) {
	for name, r := range map[string]struct {
		home        []string
		path        string
		env         map[string]string
		names       []string
		binds, bins string
		used        string
	}{
		"nvm, the newest": {
			home: []string{".nvm/versions/node/v9.1.0/bin/node", ".nvm/versions/node/v20.2.0/bin/node", ".nvm/secret", ".nvm/alias/default=20", "p/.nvmrc=lts/*"}, names: []string{"nvm"},
			binds: "~/.nvm/versions ~/.nvm/alias", bins: "~/.nvm/versions/node/v20.2.0/bin", used: "nvm",
		},
		"nvm, of the project": {
			home: []string{".nvm/versions/node/v9.1.0/bin/node", ".nvm/versions/node/v20.2.0/bin/node", "p/.nvmrc=9"}, names: []string{"auto"},
			binds: "~/.nvm/versions", bins: "~/.nvm/versions/node/v9.1.0/bin", used: "nvm",
		},
		"nvm, of the caller's PATH": {
			home: []string{".nvm/versions/node/v9.1.0/bin/node", ".nvm/versions/node/v20.2.0/bin/node", "p/package.json"}, path: "~/.nvm/versions/node/v9.1.0/bin", names: []string{"auto"},
			binds: "~/.nvm/versions", bins: "~/.nvm/versions/node/v9.1.0/bin", used: "nvm",
		},
		"there, and not used": {home: []string{".nvm/versions/node/v9.1.0/bin/node", "p/package.json"}, names: []string{"auto"}},
		"used, and not there": {home: []string{"p/.nvmrc"}, names: []string{"auto"}},
		"rustup has no logins": {
			home: []string{".rustup/toolchains/stable/bin/cargo", ".rustup/settings.toml", ".cargo/bin/cargo", ".cargo/credentials.toml", "p/Cargo.toml"}, path: "~/.cargo/bin",
			names: []string{"rustup"}, binds: "~/.rustup/toolchains ~/.rustup/settings.toml ~/.cargo/bin", bins: "~/.cargo/bin", used: "rustup",
		},
		"another place": {
			home: []string{"tools/nvm/versions/node/v9.1.0/bin/node", "p/.nvmrc"}, env: map[string]string{"NVM_DIR": "~/tools/nvm"}, names: []string{"nvm"},
			binds: "~/tools/nvm/versions", bins: "~/tools/nvm/versions/node/v9.1.0/bin", used: "nvm",
		},
		"the home itself":        {home: []string{"versions/x", "p/.nvmrc"}, env: map[string]string{"NVM_DIR": "~"}, names: []string{"nvm"}},
		"outside of the home":    {home: []string{"p/.nvmrc"}, env: map[string]string{"NVM_DIR": "/usr"}, names: []string{"nvm"}},
		"of the project's files": {home: []string{"p/nvm/versions/node/v9/bin/node", "p/.nvmrc"}, env: map[string]string{"NVM_DIR": "~/p/nvm"}, names: []string{"nvm"}},
		"a part that is a link": {
			home: []string{".ssh/id", ".bun/bin -> ~/.ssh", "p/bun.lock"}, names: []string{"bun"}, used: "bun",
		},
		"go, not the sources in GOPATH": {
			home: []string{"sdk/go1.9/bin/go", "sdk/go1.22/bin/go", "sdk/android/key", "go/bin/tool", "go/src/private/x"}, names: []string{"go"},
			binds: "~/sdk/go1.22 ~/sdk/go1.9 ~/go/bin", bins: "~/sdk/go1.22/bin ~/go/bin",
		},
		"pyenv": {
			home: []string{".pyenv/shims/python", ".pyenv/bin/pyenv", "p/.python-version"}, names: []string{"auto"}, binds: "~/.pyenv", bins: "~/.pyenv/shims ~/.pyenv/bin", used: "pyenv",
		},
	} {
		h := plant(t, r.home...)
		h.Env["PATH"] = strings.ReplaceAll(r.path, "~", h.Home) + ":/usr/bin"
		for n, v := range r.env {
			h.Env[n] = strings.Replace(v, "~", h.Home, 1)
		}
		found, _ := h.Find(r.names)
		var binds, bins []string
		for _, f := range found {
			binds, bins = append(binds, f.Binds...), append(bins, f.Bins...)
		}
		if h.short(binds) != r.binds || h.short(bins) != r.bins {
			t.Errorf("%s: binds %q, bins %q", name, h.short(binds), h.short(bins))
		}
		var used []string
		for _, u := range h.Used() {
			used = append(used, u.Name)
		}
		if strings.Join(used, " ") != r.used {
			t.Errorf("%s: used %q", name, used)
		}
	}
	if _, w := plant(t).Find([]string{"go", "nvm"}); len(w) != 2 {
		t.Errorf("what is not there: %q", w)
	}
}

// TestLeading: a link of the project that leads out is named, with what grants
// its target.
func TestLeading(t *testing.T) {
	h := plant(t, ".local/share/uv/python/cpython-3.12/bin/python3.12", "p/.venv/bin/python -> ~/.local/share/uv/python/cpython-3.12/bin/python3.12",
		"other/modules/x", "p/node_modules -> ~/other/modules", "p/venv -> ~/gone", "p/env/bin/python -> /usr/bin/env")
	got := strings.ReplaceAll(strings.Join(h.Leading(func(p string) bool { return false }), "\n"), h.Home, "~")
	for _, want := range []string{
		".venv/bin/python leads to ~/.local/share/uv/python/cpython-3.12/bin/python3.12, which is not in the jail: --toolchain uv",
		"env/bin/python leads to /usr/bin/env, which is not in the jail: --package host",
		"venv leads to ~/gone, which does not exist, on the host neither",
		"node_modules leads to ~/other/modules, which is not in the jail: --read '~/other/modules'",
	} {
		if !slices.Contains(strings.Split(got, "\n"), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if lines := h.Leading(func(string) bool { return true }); len(lines) != 1 {
		t.Errorf("what is in the jail: %q", lines)
	}
}
