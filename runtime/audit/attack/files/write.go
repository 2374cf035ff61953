package files

import (
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// writeAttacks try to change what is read-only, or not of the jail.
func writeAttacks() []attack.Attack {
	var all []attack.Attack
	for _, dir := range []struct{ name, path string }{
		{"write-root", "/"},
		{"write-etc", "/etc"},
		{"write-usr", "/usr/bin"},
		{"write-store", storepath.Dir},
		{"write-var", "/var"},
		{"write-run", "/run"},
		{"write-host-tmp", "/tmp"},
		{"write-host-shm", "/dev/shm"},
		{"write-host-var-tmp", "/var/tmp"},
	} {
		all = append(all, attack.Attack{
			Name: dir.name, Class: "files", Promise: attack.PromiseFiles, Source: "open(2)", Success: "a marker appears in " + dir.path + " of the host",
			Run: func(e *attack.Env) attack.Result { return plant(filepath.Join(dir.path, e.Marked("file"))) },
			Judge: func(s attack.Witness, r attack.Result) attack.Result {
				return s.Planted(filepath.Join(dir.path, s.Told().Marked("file")), r)
			},
		})
	}
	for _, dir := range []struct{ name, place string }{{"write-home", "home"}, {"write-runtime-dir", "run"}, {"write-other-project", "beside"}} {
		name := func(b *attack.Bait) string { return filepath.Join(filepath.Dir(b.Secrets[dir.place]), "made") }
		all = append(all, attack.Attack{
			Name: dir.name, Class: "files", Promise: attack.PromiseFiles, Source: "open(2)", Success: "a marker appears in the caller's folder",
			Run: func(e *attack.Env) attack.Result {
				if e.Secrets[dir.place] == "" {
					return attack.Inapplicable("%s", attack.NoPlace)
				}
				_ = os.MkdirAll(filepath.Dir(name(&e.Bait)), 0o700)
				return plant(name(&e.Bait))
			},
			Judge: func(s attack.Witness, r attack.Result) attack.Result {
				if r.Verdict == attack.NotApplicable {
					return r
				}
				return s.Planted(name(s.Told()), r)
			},
		})
	}
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "files", Promise: attack.PromiseFiles, Source: source, Success: success, Run: run})
	}
	add("write-init", "open(2)", "a file appears beside the program of PID 1", func(e *attack.Env) attack.Result {
		if !attack.Exists("/.jail") {
			return attack.Inapplicable("there is no such folder")
		}
		p := filepath.Join("/.jail", e.Marked("file"))
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()
			_ = os.Remove(p)
		}
		return attack.Unless(err, "it was made")
	})
	add("overwrite-launcher", "CVE-2019-5736", "/proc/self/exe can be written", func(e *attack.Env) attack.Result { return writable("/proc/self/exe") })
	add("overwrite-pid-1", "CVE-2019-5736", "/proc/1/exe can be written", func(e *attack.Env) attack.Result {
		if os.Getpid() == 1 {
			return attack.Inapplicable("this is PID 1")
		}
		return writable("/proc/1/exe")
	})
	add("overwrite-programs", "access(2)", "a program on PATH can be written", func(e *attack.Env) attack.Result {
		for _, name := range []string{"bash", "sh", "env", "cat", "ls", "git", "node", "claude"} {
			p, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			if r := writable(p); r.Verdict == attack.GotThrough {
				return r
			}
		}
		return attack.HeldBy("none can")
	})
	add("project-read-only", "", "a file appears in a project that is read-only", func(e *attack.Env) attack.Result {
		if !e.Facts.ReadOnly {
			return attack.Inapplicable("the policy lets the agent change the project")
		}
		p := filepath.Join(e.Facts.Project, e.Marked("file"))
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()
			_ = os.Remove(p)
		}
		return attack.Unless(err, "it was made")
	})
	return all
}

// plant makes a marker and leaves it: whether the host sees it is for Judge.
func plant(p string) attack.Result {
	f, err := os.OpenFile(p, os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	_, err = f.WriteString(attack.MarkerText)
	if c := f.Close(); err == nil {
		err = c
	}
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	return attack.HeldBy("made in the jail's own")
}

// writable asks the kernel whether a file could be written. To open it would
// only say that it is executed just now.
func writable(p string) attack.Result {
	return attack.Unless(unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS), "%s can be written", p)
}
