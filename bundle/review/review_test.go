package review

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

const plainProject = `
git init -q -b main .
mkdir -p src/deep old/sub
echo one >a.txt; echo two >b.txt; printf 'x\0y' >bin; echo run >tool; echo keep >src/keep; echo d >src/deep/d
for i in 1 2 3; do echo old $i >old/$i; done; echo s >old/sub/s
ln -s a.txt link; mkdir empty; echo long content of a file that moves >src/moves
git add -A; git commit -qm first
`

// TestKinds: each kind of change is seen for what it is, and what was only touched
// is no change.
func TestKinds(t *testing.T) {
	w := newWorld(t, plainProject)
	w.jail(`
echo more >>a.txt; touch b.txt; chmod 640 b.txt; chmod 644 b.txt; ln b.txt b2; rm b2
printf 'x\0z' >bin; chmod +x tool; rm -r old; mkdir new; echo n >new/n; mkdir hollow
ln -sfn b.txt link; rm -r empty; echo file >empty; mv src/moves src/deep/moved
rm src/keep; mkdir src/keep; echo in >src/keep/in
rm -r src/deep/d; mkfifo pipe; printf 'tab\there' >"$(printf 'na\033me\n')"
`)
	want := []string{
		"added    pipe (fifo) NEVER",
		"changed  a.txt",
		"changed  bin",
		"replaced empty (folder -> file)",
		"added    hollow/",
		"changed  link (symlink)",
		"added    na<U+001B>me", // the shell takes the last newline away
		"added    new/",
		"added    new/n",
		"deleted  old/ (4 files)",
		"deleted  src/deep/d",
		"renamed  src/deep/moved (from src/moves)",
		"replaced src/keep/ (file -> folder)",
		"added    src/keep/in",
		"deleted  src/moves",
		"mode     tool, mode 0644 -> 0755",
	}
	got := w.lines()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r := w.review(); r.Touched != 1 || r.Git != nil {
		t.Errorf("touched %d, git %+v", r.Touched, r.Git)
	}
	before := tree(t, w.project)
	inside := w.jail(`find . -path ./.git -prune -o ! -type p -printf '%p %m %l\n' | sort; cat a.txt bin empty link src/keep/in src/deep/moved new/n`)
	d := w.apply(Wanted{})
	if len(d.Failed) > 0 || d.Held != 1 {
		t.Fatalf("%+v", d)
	}
	outside := w.host(`find . -path ./.git -prune -o ! -type p -printf '%p %m %l\n' | sort; cat a.txt bin empty link src/keep/in src/deep/moved new/n`)
	if outside != inside {
		t.Errorf("inside\n%s\noutside\n%s", inside, outside)
	}
	if got := w.lines(); !slices.Equal(got, want[:1]) {
		t.Errorf("left: %q", got)
	}
	after := tree(t, w.project)
	w.undo()
	sameTree(t, "undo", tree(t, w.project), before)
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("after undo\n%s", strings.Join(got, "\n"))
	}
	w.apply(Wanted{})
	sameTree(t, "again", tree(t, w.project), after)
	if entries, _ := os.ReadDir(filepath.Join(w.layer, "upper")); len(entries) != 1 {
		t.Errorf("in the layer: %v", entries)
	}
}

// TestDevices: devices that lie in a layer are never applied, and no device but
// overlayfs's own marker stands for a deletion.
func TestDevices(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("devices are made by root")
	}
	w := newWorld(t, plainProject)
	for _, d := range []struct {
		name         string
		kind         uint32
		major, minor uint32
	}{
		{"null", unix.S_IFCHR, 1, 3},
		{"disk", unix.S_IFBLK, 7, 0},
		{"a.txt", unix.S_IFCHR, 1, 3},
		{"tool", unix.S_IFBLK, 0, 0},
		{"bin", unix.S_IFCHR, 0, 0},
		{"nothing", unix.S_IFCHR, 0, 0},
	} {
		if err := unix.Mknod(filepath.Join(w.layer, "upper", d.name), d.kind|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			t.Fatal(err)
		}
	}
	never := []string{
		"replaced a.txt (file -> device) NEVER",
		"added    disk (device) NEVER",
		"added    null (device) NEVER",
		"replaced tool (file -> device) NEVER",
	}
	if got := w.lines(); !slices.Equal(got, append(slices.Clip(never), "deleted  bin")) {
		t.Errorf("%q", got)
	}
	if d := w.apply(Wanted{Executes: []string{"."}, Over: []string{"."}}); len(d.Failed) > 0 || d.Held != len(never) || d.Files != 1 {
		t.Errorf("%+v", d)
	}
	if got := w.host("find . -path ./.git -prune -o ! -type f ! -type d ! -type l -print; cat a.txt tool; test ! -e bin"); got != "one\nrun\n" {
		t.Errorf("on the host: %q", got)
	}
	if got := w.lines(); !slices.Equal(got, never) {
		t.Errorf("left: %q", got)
	}
}

// TestHeld: what the host would execute or trust waits for a yes.
func TestHeld(t *testing.T) {
	w := newWorld(t, plainProject+"mkdir .vscode; echo '{}' >.vscode/tasks.json; mkdir -p lib/.vscode; echo 1 >lib/.vscode/s; git add -A; git commit -qm v")
	before := tree(t, w.project)
	w.jail(`
echo evil >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git config core.fsmonitor 'touch pwned'
echo evil >.vscode/tasks.json; echo evil >.mcp.json; rm -r lib
git init -q vendor; echo evil >vendor/.git/hooks/x; mkdir sub; mkdir sub/.GIT; echo evil >sub/.GIT/config; mkdir 'sub/.git '; echo evil >'sub/.git /config'
mkdir 'git~1'; echo evil >'git~1/config'; mkdir .VSCode; echo evil >.VSCode/tasks.json
mkdir bare; cd bare; mkdir objects refs; echo 'ref: refs/heads/x' >HEAD; printf '[core]\nfsmonitor=evil\n' >config; cd ..
ln -s ../../outside out; ln -s .git/hooks hk; mkdir "$(printf 'sub/.g\342\200\214it')"; echo e >"$(printf 'sub/.g\342\200\214it')/config"
`)
	for _, l := range w.lines() {
		if !strings.HasSuffix(l, "HELD") && l != "added    sub/" && l != "added    vendor/" && l != "added    bare/" {
			t.Errorf("not held: %s", l)
		}
	}
	if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Files > 0 {
		t.Errorf("%+v", d)
	}
	sameTree(t, "held", tree(t, w.project), before)
	w.apply(Wanted{Paths: []string{".mcp.json"}, Executes: []string{".mcp.json", ".git/hooks"}})
	if got := w.host("cat .mcp.json .git/hooks/pre-commit; test -x .git/hooks/pre-commit; git config core.fsmonitor || echo none"); got != "evil\nevil\nnone\n" {
		t.Errorf("%q", got)
	}
}

// TestNames: paths that name nothing are refused, and folders stand for what is
// in them.
func TestNames(t *testing.T) {
	w := newWorld(t, plainProject)
	w.jail("echo 1 >>a.txt; mkdir -p n/m; echo 1 >n/m/1; echo 2 >n/m/2; echo 3 >n/3")
	if _, err := w.locked(func(r *Review) (apply.Done, error) { return r.Apply(Wanted{Paths: []string{"nothing"}}) }); err == nil {
		t.Error("a path that is not there was taken")
	}
	w.apply(Wanted{Paths: []string{"n/m/1"}})
	if got := w.host("find n -type f; cat a.txt"); got != "n/m/1\none\n" {
		t.Errorf("%q", got)
	}
	d, err := w.locked(func(r *Review) (apply.Done, error) { return r.Discard(Wanted{Paths: []string{"n/m"}}) })
	if err != nil {
		t.Fatal(err)
	}
	if got := w.lines(); !slices.Equal(got, []string{"changed  a.txt", "added    n/3"}) {
		t.Errorf("%q", got)
	}
	if text, err := os.ReadFile(filepath.Join(d.Kept, "upper/n/m/2")); string(text) != "2\n" {
		t.Errorf("%q, %v", text, err)
	}
	digest := w.review().Digest
	w.jail("echo 2 >>a.txt")
	if _, err := w.locked(func(r *Review) (apply.Done, error) { return r.Apply(Wanted{Digest: digest}) }); err == nil {
		t.Error("what was not reviewed was applied")
	}
	// The second time there is nothing, and what the first time kept stays.
	for range 2 {
		if _, err := w.locked(func(r *Review) (apply.Done, error) { return r.Discard(Wanted{}) }); err != nil {
			t.Fatal(err)
		}
		if r := w.review(); !r.Empty() {
			t.Errorf("%+v", r.Items)
		}
		if text, err := os.ReadFile(filepath.Join(d.Kept, "upper/n/3")); string(text) != "3\n" {
			t.Errorf("%q, %v", text, err)
		}
	}
}

// TestNewRepository: where the project is none, a repository that was made inside
// waits for a yes as a whole, on one line.
func TestNewRepository(t *testing.T) {
	needGit(t)
	w := newWorld(t, "echo a >a")
	w.jail("git init -q -b main .; git add a; git commit -qm first; echo b >b")
	var text strings.Builder
	if err := w.review().Text(&text, Shown{}); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); strings.Count(got, "\n") > 20 || !strings.Contains(got, ".git/ (") || strings.Contains(got, "applypatch") {
		t.Errorf("%s", got)
	}
	w.apply(Wanted{})
	if got := w.host("ls -A"); got != "a\nb\n" {
		t.Errorf("%q", got)
	}
	w.apply(Wanted{Paths: []string{".git"}, Executes: []string{".git"}})
	if got := w.host("git log --format=%s; git status --porcelain; git fsck"); got != "first\n?? b\n" {
		t.Errorf("%q", got)
	}
}
