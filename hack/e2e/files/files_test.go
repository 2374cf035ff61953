package files

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestStoreHoldsExactlyTheClosure(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"BASE", "DEVENV"} {
		w := world.New(t)
		want := world.Closure(t, name)
		r := w.Run("shell", "--closure", world.RequireVariable(t, name+"_CLOSURE"), "--net", "none", "--", "ls", "/nix/store")
		var got []string
		for _, l := range world.Lines(r.Out) {
			got = append(got, "/nix/store/"+l)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: /nix/store is\n%s\nwant exactly\n%s\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"), r.Err)
		}
		// A path that the host has and the closure has not, by its own name.
		others, err := os.ReadDir("/nix/store")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range others {
			p := "/nix/store/" + o.Name()
			if slices.Contains(want, p) || strings.HasSuffix(p, ".drv") {
				continue
			}
			if r := w.Run("shell", "--closure", world.RequireVariable(t, name+"_CLOSURE"), "--net", "none", "--", "ls", "-d", p, "/nix/var"); r.Out != "" {
				t.Errorf("%s: outside of the closure and visible: %s", name, r)
			}
			break
		}
	}
}

// TestHostFilesAreInvisible reads, from inside, what lies at well-known places
// of the host. All of it is there on the host, and readable by the caller.
func TestHostFilesAreInvisible(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	secrets := []string{filepath.Join(w.Home, ".ssh/id_rsa"), filepath.Join(w.Dir, "tmp", "planted"), filepath.Join(w.Dir, "run", "planted")}
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		f, err := os.CreateTemp(dir, "planted-")
		if err != nil {
			continue // not every host lets everybody write there
		}
		t.Cleanup(func() { _ = os.Remove(f.Name()) })
		_ = f.Close()
		secrets = append(secrets, f.Name())
	}
	neighbour := filepath.Join(w.Dir, "other", "file")
	secrets = append(secrets, neighbour)
	if home, err := os.UserHomeDir(); err == nil {
		if f, err := os.CreateTemp(home, ".planted-"); err == nil {
			t.Cleanup(func() { _ = os.Remove(f.Name()) })
			_ = f.Close()
			secrets = append(secrets, f.Name())
		}
	}
	for _, s := range secrets {
		w.Write(s, world.Planted)
		if w.Read(s) != world.Planted {
			t.Fatalf("%s: not planted", s)
		}
	}
	secrets = append(secrets, "/etc/shadow", "/etc/hostname", "/etc/machine-id", "/etc/fstab", "/root/.bashrc", "/root", "/usr/lib", "/var/lib",
		"/sys", "/boot", "/run/dbus", "/nix/var", "/proc/kcore", "/etc/ssh", w.Dir+"/tmp", "/home/other")
	script := ""
	for _, s := range secrets {
		script += "cat '" + s + "' || ls -A '" + s + "'; cat '/proc/self/root" + s + "' '/proc/1/root" + s + "'; "
	}
	r := w.Bash(script + "cd /; rg -uuu -l " + world.Planted + " $(ls -A | grep -vxE 'dev|nix|proc') /dev/shm; echo done")
	if strings.Contains(r.Out+r.Err, world.Planted) {
		t.Errorf("the planted secret is readable inside: %s", r)
	}
	if got := world.Lines(r.Out); !slices.Equal(got, []string{"done"}) {
		t.Errorf("something of the host is visible inside: %s", r)
	}
	// The same look from the host does find it: the attack is no blank.
	if out := w.Read(secrets[0]); out != world.Planted {
		t.Errorf("the secret changed: %q", out)
	}
}

// TestWritableFolders: the folders that can be written are those that the
// design names. Of them only the project and Claude's private configuration
// are the host's.
func TestWritableFolders(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	script := `find / -path /proc -prune -o -type d -print 2>/dev/null | while IFS= read -r d; do
		if touch "$d/.e2e-probe" 2>/dev/null; then echo "$d"; fi; done`
	allowed := []string{"/tmp", "/var/tmp", "/dev", "/dev/shm", w.Home, w.Project, filepath.Join(w.Home, ".claude")}
	// Of package managers, for this project alone, and the folders on the way.
	caches := []string{".cache", ".cargo/git", ".cargo/registry", ".local/share/pnpm", ".local/share/uv", ".yarn/berry"}
	for _, c := range caches {
		for d := c; d != "."; d = filepath.Dir(d) {
			allowed = append(allowed, filepath.Join(w.Home, d))
		}
	}
	runtimeDir := regexp.MustCompile(`^/run/user/\d+$`)
	var got []string
	for _, d := range world.Lines(w.Must(script)) {
		if strings.HasPrefix(d, w.Project+"/.git/") || d == w.Project+"/.git" {
			continue // protect_test.go
		}
		if !slices.Contains(allowed, d) && !runtimeDir.MatchString(d) && !strings.HasPrefix(w.Home, d+"/") {
			t.Errorf("%s is writable", d)
		}
		got = append(got, d)
	}
	for _, d := range allowed {
		if d != "/dev" && !slices.Contains(got, d) {
			t.Errorf("%s is not writable", d)
		}
	}
	// On the host, the project alone has changed, and the private state.
	var found []string
	err := filepath.WalkDir(w.Dir, func(p string, _ os.DirEntry, err error) error {
		if filepath.Base(p) == ".e2e-probe" && !strings.HasPrefix(p, w.Project+"/.git") {
			found = append(found, strings.TrimPrefix(p, w.Home))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{strings.TrimPrefix(w.Private(".e2e-probe"), w.Home), "/project/.e2e-probe"}
	for _, c := range caches {
		want = append(want, strings.TrimPrefix(filepath.Join(w.State(), "cache", c, ".e2e-probe"), w.Home))
	}
	slices.Sort(want)
	if slices.Sort(found); !slices.Equal(found, want) {
		t.Errorf("written on the host: %q, want %q", found, want)
	}
	for _, d := range []string{"/tmp", "/var/tmp", "/dev/shm", "/dev"} {
		if _, err := os.Lstat(d + "/.e2e-probe"); err == nil {
			t.Errorf("the host's %s was written", d)
		}
	}
}

func TestHomeIsEmptyAndVanishes(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if got := world.Lines(w.Must("ls -A ~; echo changed >~/.bashrc; mkdir ~/d; echo x >/tmp/x; cat ~/.bashrc")); !slices.Equal(got, []string{".cache", ".cargo", ".claude", ".local", ".yarn", "project", "changed"}) {
		t.Errorf("the home inside holds %q", got)
	}
	if got := world.Lines(w.Must("ls -A ~ /tmp/")); slices.Contains(got, ".bashrc") || slices.Contains(got, "d") || slices.Contains(got, "x") {
		t.Errorf("what an earlier jail wrote is still there: %q", got)
	}
	if _, err := os.Lstat(filepath.Join(w.Home, ".bashrc")); err == nil {
		t.Error("the host's home was written")
	}
}

func TestStoreAndRootAreReadOnly(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	out := w.Must(`for p in /nix/store/* /bin /etc /usr /usr/bin /.jail / /nix /nix/store /var /run; do
		for attempt in 'touch "$p/x"' 'mkdir "$p/x"' 'chmod u+w "$p"' 'mv "$p" /tmp/moved' 'ln -s x "$p/x"' 'echo x >"$p/x"'; do
			eval "$attempt" 2>/dev/null && echo "$p: $attempt"
		done; done
	for f in /bin/sh /usr/bin/env /etc/passwd /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /.jail/init "$SHELL"; do
		(echo x >>"$f") 2>/dev/null && echo "$f: written"; rm -f "$f" 2>/dev/null && echo "$f: removed"; done; true`)
	if out != "" {
		t.Errorf("not read-only:\n%s", out)
	}
}

func TestEtcIsGenerated(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	got := world.Lines(w.Must(`cd /etc; find . -not -type d | sort; cat passwd group gitconfig hosts nsswitch.conf; cat resolv.conf`))
	text := strings.Join(got, "\n")
	for _, want := range []string{
		"./passwd", "./group", "./hosts", "./nsswitch.conf", "./resolv.conf", "./gitconfig",
		`	name = "Ada Caller"`, `	email = "ada@example.org"`, "127.0.0.1 localhost jail", "hosts: files dns",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("/etc lacks %q:\n%s", want, text)
		}
	}
	known := []string{
		"./passwd", "./group", "./hosts", "./nsswitch.conf", "./resolv.conf", "./gitconfig", "./localtime", "./timezone",
		"./jailed-claude/bin/jailed-claude-why", "./jailed-claude/front/git", "./jailed-claude/brief.md", "./jailed-claude/jail.json", "./jailed-claude/refused.log",
		"./ssl/certs/ca-certificates.crt", "./ssl/certs/ca-bundle.crt", "./pki/tls/certs/ca-bundle.crt",
	}
	for _, l := range got {
		if strings.HasPrefix(l, "./") && !slices.Contains(known, l) && !strings.HasPrefix(l, "./claude-code/") {
			t.Errorf("/etc holds %s", l)
		}
	}
	if n := strings.Count(text, ":x:"); n > 6 {
		t.Errorf("passwd and group have %d entries: those of the host are none of the jail's business\n%s", n, text)
	}
}

func TestScriptsRun(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for name, first := range map[string]string{"sh": "#!/bin/sh", "env": "#!/usr/bin/env bash"} {
		if err := os.Chmod(w.Write(name, first+"\necho "+name+" ran $1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Write("sub/needle", "haystack\n")
	w.CommitAll()
	out := w.Must(`./sh 1; ./env 2; rg -l haystack; bash --version | head -1; git --version; grep -c . README; echo a b | awk '{print $2}'`)
	for _, want := range []string{"sh ran 1", "env ran 2", "sub/needle", "GNU bash", "git version", "b\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if s := w.Git(w.Project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("the project changed: %s", s)
	}
}

func TestCommitHasTheCallersName(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Must(`echo new >new && git add new && git commit -qm 'from the jail' && git log -1 --format='%an <%ae>' && git status --porcelain`)
	if got := strings.TrimSpace(w.Git(w.Project, "log", "-1", "--format=%an <%ae> %cn %s")); got != "Ada Caller <ada@example.org> Ada Caller from the jail" {
		t.Errorf("on the host the commit is %q", got)
	}
	if s := w.Git(w.Project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Dir+"/ro/file", "readable\n")
	w.Write(w.Dir+"/ro/deep/file", "deep\n")
	w.Write(w.Dir+"/rw/file", "before\n")
	one := w.Write(w.Dir+"/one", "one\n")
	other := w.Write(w.Home+"/notes/other", "before\n")
	w.Write(w.Home+"/notes/hidden", world.Planted)
	out := w.Must(`cd `+w.Dir+`; cat ro/file ro/deep/file one ~/notes/other; ls -A ~/notes
		for f in ro/new ro/file ro/deep/new one; do (echo x >>$f) 2>/dev/null && echo "$f written"; done
		rm -rf ro/deep one 2>/dev/null; mv ro ro2 2>/dev/null && echo moved
		echo after >rw/file; echo new >rw/new; echo after >~/notes/other`,
		"--read", w.Dir+"/ro", "--read", one, "--write", w.Dir+"/rw", "--write", "~/notes/other")
	if want := "readable\ndeep\none\nbefore\nother\n"; out != want {
		t.Errorf("inside:\n%s\nwant:\n%s", out, want)
	}
	for name, want := range map[string]string{
		w.Dir + "/ro/file": "readable\n", w.Dir + "/ro/deep/file": "deep\n", one: "one\n",
		w.Dir + "/rw/file": "after\n", w.Dir + "/rw/new": "new\n", other: "after\n",
	} {
		if got := w.Read(name); got != want {
			t.Errorf("on the host %s is %q, want %q", name, got, want)
		}
	}
}

// TestHiddenPaths hides a file, a folder and what a pattern names, and tries
// all ways back.
func TestHiddenPaths(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(".gitignore", "*.key\nsecret*\nvault/\nlink\n")
	w.CommitAll()
	hidden := []string{"secret.txt", "vault/inner/file", "deep/down/a.key", "b.key"}
	for _, h := range hidden {
		w.Write(h, world.Planted)
	}
	if err := os.Symlink("secret.txt", filepath.Join(w.Project, "link")); err != nil {
		t.Fatal(err)
	}
	before := w.Status()
	r := w.Bash(`
		exec 2>/dev/null
		for f in secret.txt vault/inner/file deep/down/a.key b.key link ./deep/../secret.txt $PWD/secret.txt; do
			cat $f; cat /proc/self/cwd/$f; cat /proc/self/root$PWD/$f; /bin/sh $f; head -c 100 <$f; done
		ls -A vault
		for f in secret.txt vault deep/down/a.key b.key; do
			mv $f gone && echo "moved $f"; ln $f hard && echo "linked $f"; rm -rf $f && echo "removed $f"
			echo x >new; mv -fT new $f && echo "replaced $f"; (echo x >$f) && [ -s $f ] && echo "wrote $f"
			mkdir -p n; mv --exchange n $f && echo "exchanged $f"; chmod 777 $f/. && echo "chmod $f"; rm -rf n new
		done
		mv deep deep2 && echo "moved deep"; mv deep/down deep/up && echo "moved deep/down"; mv vault/inner x && echo "moved vault/inner"
		cp -a . /tmp/copy; cat /tmp/copy/*.txt; rg -uuu -l `+world.Planted+` . /tmp; tar c . | grep -a -c `+world.Planted+`
		true`,
		"--hide", "secret.txt", "--hide", "vault/", "--hide", "*.key")
	if strings.Contains(r.Out, world.Planted) || strings.TrimSpace(r.Out) != "0" {
		t.Errorf("what is hidden can be reached: %s", r)
	}
	for _, h := range hidden {
		if got := w.Read(h); got != world.Planted {
			t.Errorf("on the host %s is %q", h, got)
		}
	}
	if after := w.Status(); after != before {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, before)
	}
}

func TestProjectReadOnly(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Dir+"/policy.toml", "version = 1\n[files]\nproject = \"ro\"\n")
	r := w.Run("shell", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--net", "none", "--policy", w.Dir+"/policy.toml", "--",
		"bash", "-c", "cat README; echo x >README; touch new; mkdir d; rm -f README; git status --porcelain; true")
	if r.Out != "a project\n" {
		t.Errorf("inside: %s", r)
	}
}
