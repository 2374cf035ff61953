package receipts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

const store = "/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-"

// aLock is a lock; what is another digest is another lock.
func aLock(digit string) *lock.Lock {
	sum := "sha256:" + strings.Repeat(digit, 64)
	path := store + "claude-code-2.1.330"
	return &lock.Lock{
		Tool: lock.ToolRange, System: "x86_64-linux", Policy: sum, Spec: sum,
		Agent: lock.Agent{Package: "nixpkgs#claude-code", Program: path + "/bin/claude", Paths: []string{path}},
		Paths: []lock.Path{{Path: path, NarHash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", NarSize: 1}},
	}
}

// TestOrigin: a receipt has the digests of what the jail was made of, and of no lock
// where it was made without; verify demands that lock and no other. What is in the
// files by now makes no difference.
func TestOrigin(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, lock.Name)
	write := func(l *lock.Lock) (receipt.Wanted, []byte) {
		t.Helper()
		if err := lock.Write(file, l); err != nil {
			t.Fatal(err)
		}
		w, err := Held{Lock: file}.Wanted()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return w, text
	}
	must := func(origin plan.Origin) *receipt.Statement {
		t.Helper()
		in := &spec.Input{Policy: policy.Default()}
		in.Host.Project.Dir = dir
		s, err := draft(in, &contract.Jail{Spec: &specs.Spec{}}, plan.Options{Project: dir, Origin: &origin}, "abc")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, text := write(aLock("1"))
	by := must(plan.Origin{Policy: policy.Default(), Project: policy.Default(), Lock: text})
	two, _ := write(aLock("2"))
	if err := (&receipt.Opened{Statement: by}).Verify(one); err != nil {
		t.Error(err)
	}
	without := must(plan.Origin{Policy: policy.Default(), Project: policy.Default()})
	if without.Predicate.Lock != "" {
		t.Errorf("the jail was made without a lock, and the receipt has %q", without.Predicate.Lock)
	}
	for what, s := range map[string]*receipt.Statement{"another lock": by, "no lock": without} {
		if err := (&receipt.Opened{Statement: s}).Verify(two); err == nil {
			t.Errorf("%s is taken for this one", what)
		}
	}
	if p := by.Predicate.Policy; p.Effective != p.Project || p.Effective == "" {
		t.Errorf("%+v", p)
	}
}

// TestVersion: the version is what the place of a program says, and nothing where
// it says none.
func TestVersion(t *testing.T) {
	for real, want := range map[string]string{
		store + "claude-code-2.1.330/bin/claude":         "2.1.330",
		store + "claude-code-2.1.330-rc1/bin/claude":     "2.1.330-rc1",
		store + "claude-code/bin/claude":                 "",
		store + "7zip/bin/7z":                            "",
		store + "7zip-24.08/bin/7z":                      "24.08",
		"/home/ada/.local/share/claude/versions/2.1.330": "2.1.330",
		"/home/ada/bin/2.1.330":                          "",
	} {
		if got := versionAt(real, ""); got != want {
			t.Errorf("%s: %q, not %q", real, got, want)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"package.json":        `{"name": "@anthropic-ai/claude-code", "version": "2.1.330"}`,
		"vendor/package.json": `{"name": "vendor", "version": "9.9.9"}`,
		"vendor/cli.js":       "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "claude")
	if err := os.Symlink("vendor/cli.js", program); err != nil {
		t.Fatal(err)
	}
	for npm, want := range map[string]string{"@anthropic-ai/claude-code": "2.1.330", "@openai/codex": "", "": ""} {
		if got := version(program, npm); got != want {
			t.Errorf("%q: %q, not %q", npm, got, want)
		}
	}
	if got := version(filepath.Join(dir, "missing"), "@anthropic-ai/claude-code"); got != "" {
		t.Errorf("no program: %q", got)
	}
}
