package audit

import (
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writeAttacks try to change what is read-only, or not of the jail.
func writeAttacks() []Attack {
	var all []Attack
	for _, dir := range []struct{ name, path string }{
		{"write-root", "/"}, {"write-etc", "/etc"}, {"write-usr", "/usr/bin"}, {"write-store", "/nix/store"}, {"write-var", "/var"}, {"write-run", "/run"},
		{"write-host-tmp", "/tmp"}, {"write-host-shm", "/dev/shm"}, {"write-host-var-tmp", "/var/tmp"},
	} {
		all = append(all, Attack{
			Name: dir.name, Class: "files", Promise: promiseFiles, Source: "open(2)", Success: "a marker appears in " + dir.path + " of the host",
			Run:   func(e *Env) Result { return e.plant(filepath.Join(dir.path, e.marked("file"))) },
			Judge: func(s *Scene, r Result) Result { return s.planted(filepath.Join(dir.path, s.bait.marked("file")), r) },
		})
	}
	for _, dir := range []struct{ name, place string }{{"write-home", "home"}, {"write-runtime-dir", "run"}, {"write-other-project", "beside"}} {
		name := func(b *Bait) string { return filepath.Join(filepath.Dir(b.Secrets[dir.place]), "made") }
		all = append(all, Attack{
			Name: dir.name, Class: "files", Promise: promiseFiles, Source: "open(2)", Success: "a marker appears in the caller's folder",
			Run: func(e *Env) Result {
				if e.Secrets[dir.place] == "" {
					return notApplicable("%s", noPlace)
				}
				_ = os.MkdirAll(filepath.Dir(name(&e.Bait)), 0o700)
				return e.plant(name(&e.Bait))
			},
			Judge: func(s *Scene, r Result) Result {
				if r.Verdict == NotApplicable {
					return r
				}
				return s.planted(name(s.bait), r)
			},
		})
	}
	add := func(name, source, success string, run func(*Env) Result) {
		all = append(all, Attack{Name: name, Class: "files", Promise: promiseFiles, Source: source, Success: success, Run: run})
	}
	add("write-init", "open(2)", "a file appears beside the program of PID 1", func(e *Env) Result {
		if !exists("/.jail") {
			return notApplicable("there is no such folder")
		}
		p := filepath.Join("/.jail", e.marked("file"))
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()
			_ = os.Remove(p)
		}
		return unless(err, "it was made")
	})
	add("overwrite-launcher", "CVE-2019-5736", "/proc/self/exe can be written", func(e *Env) Result { return e.writable("/proc/self/exe") })
	add("overwrite-pid-1", "CVE-2019-5736", "/proc/1/exe can be written", func(e *Env) Result {
		if os.Getpid() == 1 {
			return notApplicable("this is PID 1")
		}
		return e.writable("/proc/1/exe")
	})
	add("overwrite-programs", "access(2)", "a program on PATH can be written", func(e *Env) Result {
		for _, name := range []string{"bash", "sh", "env", "cat", "ls", "git", "node", "claude"} {
			p, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			if r := e.writable(p); r.Verdict == GotThrough {
				return r
			}
		}
		return held("none can")
	})
	add("project-read-only", "", "a file appears in a project that is read-only", func(e *Env) Result {
		if !e.Facts.ReadOnly {
			return notApplicable("the policy lets the agent change the project")
		}
		p := filepath.Join(e.Facts.Project, e.marked("file"))
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()
			_ = os.Remove(p)
		}
		return unless(err, "it was made")
	})
	return all
}

// plant makes a marker and leaves it: whether the host sees it is for Judge.
func (e *Env) plant(p string) Result {
	f, err := os.OpenFile(p, os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return held("%s", plain(err))
	}
	_, err = f.WriteString(markerText)
	if c := f.Close(); err == nil {
		err = c
	}
	if err != nil {
		return held("%s", plain(err))
	}
	return held("made in the jail's own")
}

// markerText is what is in every marker: nothing, for whatever reads it.
const markerText = "# made by jailed-claude audit; remove it\n"

// writable asks the kernel whether a file could be written. To open it would
// only say that it is executed just now.
func (*Env) writable(p string) Result {
	return unless(unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS), "%s can be written", p)
}

// command is a program with nothing to read and nothing inherited.
func command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...) //nolint:gosec // what to run is a constant, or found in the jail
	c.Stdin, c.Stdout, c.Stderr = nil, nil, nil
	return c
}
