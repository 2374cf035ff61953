package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFind: a name is looked for on PATH, and no program that a jail may have
// changed is found, by whatever way.
func TestFind(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for p, mode := range map[string]os.FileMode{"project/tool": 0o755, "bin/tool": 0o755, "bin/runsc": 0o755, "bin/data": 0o644} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, p), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"bin/other": "tool", "bin/into": "../project/tool", "bin/crun": "runsc"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	path, never := top+"/project:"+top+"/bin", []string{top + "/project"}
	for name, want := range map[string]string{
		"": "", Own: "", Auto: Auto, "runsc": top + "/bin/runsc", "crun": top + "/bin/runsc", "tool": top + "/bin/tool", "other": top + "/bin/tool", top + "/bin/other": top + "/bin/tool",
	} {
		if got, err := Find(name, path, never); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"into": "no such program", top + "/bin/into": "jails may change", top + "/project/tool": "jails may change",
		top + "/bin/data": "no program", top + "/bin": "no program", top + "/none": "no such file",
	} {
		if got, err := Find(name, path, never); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "--runtime "+name+": ") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

// TestAhead: what the command line says before it is parsed.
func TestAhead(t *testing.T) {
	usual := distribution
	defer func() { distribution = usual }()
	distribution = []string{"/bin/sh"}
	sh := ""
	if all := Distribution(); len(all) > 0 { // none for root
		sh = filepath.Base(all[0])
	}
	for args, ok := range map[string]bool{
		"run": true, "run --runtime own": true, "run --runtime=auto -- x": true, "run -- --runtime crun": true, "run --runtime": true,
		"run --runtime crun": false, "shell --runtime=/bin/sh -- true": false,
	} {
		if runtime, is := Ahead(strings.Fields(args)); runtime != "" || is != ok {
			t.Errorf("%q: %q, %v", args, runtime, is)
		}
	}
	if runtime, ok := Ahead([]string{"run", "--runtime", sh}); sh != "" && (!ok || filepath.Base(runtime) != sh) {
		t.Errorf("%q: %q, %v", sh, runtime, ok)
	}
}

// TestDistribution: no runtime that this user could change is asked for a namespace.
func TestDistribution(t *testing.T) {
	usual := distribution
	defer func() { distribution = usual }()
	own := filepath.Join(t.TempDir(), "runc")
	if err := os.WriteFile(own, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	distribution = []string{own, "/usr/bin/no-such-runtime"}
	if got := Distribution(); len(got) > 0 {
		t.Errorf("%q", got)
	}
	distribution = []string{"/bin/sh"}
	if got := Distribution(); len(got) != 1 && os.Getuid() != 0 {
		t.Errorf("what the distribution has is not taken: %q", got)
	}
}

// TestSweep: what one left that was killed is removed when it is old, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	all := map[string]time.Duration{prefix + "old": time.Hour, prefix + "new": 0, "jailed-claude-else": time.Hour}
	if os.Geteuid() == 0 { // who else gives folders away, or may remove those of others
		all[prefix+"theirs"] = time.Hour
	}
	for name, age := range all {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(p, "rootfs"), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "theirs") {
			if err := os.Chown(p, 12345, -1); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(p, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	delete(all, prefix+"old")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(all) {
		t.Errorf("%v, %v", left, err)
	}
	for name := range all {
		if _, err := os.Lstat(filepath.Join(dir, name, "rootfs")); err != nil {
			t.Error(err)
		}
	}
}
