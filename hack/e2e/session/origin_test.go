package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestReceiptOrigin: a receipt names the policy and the lock that the jail was made of,
// not what is in these files a moment later, nor what a pipe has not twice.
func TestReceiptOrigin(t *testing.T) {
	t.Parallel()
	w, dir := signing(t)
	base := world.RequireNix(t, world.RequireVariable(t, "BASE"))
	text := "version = 1\n[agent]\npackage = \"" + base + "/bin/bash\"\n[files]\nhide = [\".env\"]\n[network]\nmode = \"none\"\n"
	must := func(args ...string) {
		t.Helper()
		if r := world.Finish(t, w.Command(args...)); r.Status != 0 {
			t.Fatalf("%q: %s", args, r)
		}
	}
	w.Write(".jailed-claude.toml", text)
	must("trust", "--yes")
	must("lock")
	must("trust", "--yes")
	for _, name := range []string{".jailed-claude.toml", ".jailed-claude.lock"} {
		w.Write(filepath.Join(dir, name), w.Read(name))
	}
	// The key of a broker is asked for when the jail is planned: by a command of the
	// user's, which here replaces both files.
	w.Write(w.Home+"/bin/key", "#!/bin/sh\ncd "+w.Project+" && echo '[files]' >.jailed-claude.toml && echo changed >.jailed-claude.lock && echo a-long-key\n")
	if err := os.Chmod(w.Home+"/bin/key", 0o700); err != nil {
		t.Fatal(err)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[[broker]]\nhost = \"registry.example\"\nheader = \"authorization\"\nfrom = \"command:~/bin/key\"\n")
	file := filepath.Join(dir, "locked.json")
	must("shell", "--receipt", file, "--", base+"/bin/bash", "-c", "true")
	if w.Read(".jailed-claude.lock") != "changed\n" {
		t.Fatal("the files were not replaced")
	}
	if r := verify(w, "--project-policy", filepath.Join(dir, ".jailed-claude.toml"), "--lock", filepath.Join(dir, ".jailed-claude.lock"), "--clean", file); r.Status != 0 {
		t.Errorf("%s", r)
	}

	// A pipe is read once.
	if err := os.Remove(w.Home + "/.config/jailed-claude/config.toml"); err != nil {
		t.Fatal(err)
	}
	r, p, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = p.WriteString(text)
	p.Close()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "pipe.json")
	c := w.Command("shell", "--locked=false", "--policy", "/dev/fd/3", "--receipt", file, "--", base+"/bin/bash", "-c", "true")
	c.ExtraFiles = []*os.File{r}
	if r := world.Finish(t, c); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := verify(w, "--policy", filepath.Join(dir, ".jailed-claude.toml"), file); r.Status != 0 {
		t.Errorf("%s", r)
	}
}

// TestReceiptHuge: what an agent makes that is larger than any disk holds no end up, in
// a layer or not, and the receipt says that it was not read.
func TestReceiptHuge(t *testing.T) {
	t.Parallel()
	w, dir := signing(t)
	const script = "truncate -s 4T big && mkdir -p .vscode && truncate -s 4T .vscode/tasks.json && echo small >small"
	for name, flags := range map[string][]string{"project": nil, "layer": {"--project-mode", "overlay"}} {
		file := filepath.Join(dir, name+".json")
		r := world.Finish(t, w.Base(script, append(flags, "--receipt", file)...))
		if strings.Contains(r.Err, "truncate") {
			t.Skipf("no such large file here: %s", r)
		}
		shown := world.Finish(t, w.Command("receipt", "show", file))
		want := map[string]string{"project": ".vscode", "layer": "2 of them without their content"}[name]
		if r.Status != 0 || shown.Status != 0 || !strings.Contains(shown.Out, want) || strings.Contains(r.Err, "no receipt") {
			t.Errorf("%s: %s\n%s", name, r, shown)
		}
	}
}
