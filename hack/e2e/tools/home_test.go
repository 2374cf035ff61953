package tools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestHome: toolchains of the home are offered by name, come with one word, and
// bring no login.
func TestHome(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	closure := world.RequireVariable(t, "BASE_CLOSURE")
	program := func(name, says string) {
		w.Write(filepath.Join(w.Home, name), "#!/bin/sh\necho "+says+"\n")
		if err := os.Chmod(filepath.Join(w.Home, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program(".nvm/versions/node/v9.0.0/bin/node", "nine")
	program(".nvm/versions/node/v20.1.0/bin/node", "twenty")
	program(".cargo/bin/cargo", "cargo")
	w.Write(filepath.Join(w.Home, ".rustup/toolchains/x"), "")
	w.Write(filepath.Join(w.Home, ".cargo/credentials.toml"), world.Planted)
	w.Write(".nvmrc", "9\n")
	w.Write("rust-toolchain", "stable\n")
	if err := os.Symlink(filepath.Join(w.Home, ".nvm/versions"), filepath.Join(w.Project, "node_modules")); err != nil {
		t.Fatal(err)
	}
	w.CommitAll()
	shell := func(flags ...string) world.Result {
		args := append([]string{"shell", "--closure", closure, "--net", "none"}, flags...)
		return w.Run(append(args, "--", "bash", "-c", `node; cargo; cat ~/.cargo/credentials.toml; touch ~/.nvm/versions/x ~/.cargo/bin/x; ls -A ~/.cargo`)...)
	}
	none := shell()
	if strings.Contains(none.Out, "nine") || !strings.Contains(none.Err, "node_modules leads to "+w.Home+"/.nvm/versions, which is not in the jail: --toolchain nvm") {
		t.Errorf("without: %s", none)
	}
	r := shell("--toolchain", "auto")
	if r.Out != "nine\ncargo\nbin\ngit\nregistry\n" || strings.Contains(r.Err, "leads to") {
		t.Errorf("all that the project uses: %s", r)
	}
	for _, p := range []string{".nvm/versions/x", ".cargo/bin/x"} {
		if _, err := os.Lstat(filepath.Join(w.Home, p)); err == nil {
			t.Errorf("%s was written", p)
		}
	}
	if r := shell("--toolchain", "rustup"); !strings.HasPrefix(r.Out, "cargo\n") {
		t.Errorf("one of them: %s", r)
	}
	w.Write(".jailed-claude.toml", "version = 1\n[files]\ntoolchains = [\"auto\"]\n")
	if r := shell(); r.Status != 125 || !strings.Contains(r.Err, "programs in your home are readable") {
		t.Errorf("by a project that nobody approved: %s", r)
	}
}

// TestNativeInstaller: claude of the native installer, a file that is called
// after its version, is a command inside.
func TestNativeInstaller(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	at := filepath.Join(w.Home, ".local/share/claude/versions/2.1.330")
	w.Write(at, "#!/bin/sh\necho claude of the installer\n")
	if err := os.Chmod(at, 0o755); err != nil {
		t.Fatal(err)
	}
	w.Mkdir(filepath.Join(w.Home, ".local/bin"), 0o755)
	if err := os.Symlink(at, filepath.Join(w.Home, ".local/bin/claude")); err != nil {
		t.Fatal(err)
	}
	w.Env["PATH"] = filepath.Join(w.Home, ".local/bin") + ":" + systemPath
	for _, args := range [][]string{{"run", "--net", "none"}, {"shell", "--net", "none", "--", "sh", "-c", "claude"}} {
		if r := w.Run(args...); r.Out != "claude of the installer\n" {
			t.Errorf("%q: %s", args, r)
		}
	}
}
