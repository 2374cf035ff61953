package audit

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// look reads what a jail must leave as it was.
func (s *Scene) look() state {
	st := state{mounts: map[string]bool{}, cgroups: map[string]bool{}, names: map[string]map[string]bool{}}
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for l := range strings.Lines(string(text)) {
		if f := strings.Fields(l); len(f) > 4 {
			for _, dir := range []string{s.bait.Facts.Project, s.bait.Facts.Home, s.run, "/tmp"} {
				if dir != "" && within(f[4], dir) {
					st.mounts[f[4]] = true
				}
			}
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), "jailed-claude") {
			st.cgroups[p] = true
		}
		return nil
	})
	for _, dir := range []string{s.run, "/tmp", "/var/tmp", "/dev/shm"} {
		if dir != "" {
			st.names[dir] = dirNames(dir)
		}
	}
	for _, dir := range s.projectFolders() {
		st.names[dir] = dirNames(dir)
	}
	return st
}

// projectFolders are where stubs would lie: the project, and the folders of its
// protected paths.
func (s *Scene) projectFolders() []string {
	p := s.bait.Facts.Project
	all := []string{p, filepath.Join(p, ".git"), filepath.Join(p, ".claude")}
	for _, q := range s.bait.Facts.Protected {
		all = append(all, filepath.Dir(q))
	}
	return all
}

// planted: a marker lies on the host.
func (s *Scene) planted(p string, r Result) Result {
	if isMarker(p) && !s.existing[p] {
		return through("%s is there", p)
	}
	return r
}

// reported: what was made in the project is in the report of the jail's end.
func (s *Scene) reported(rel string, r Result) Result {
	if r.Verdict != GotThrough || r.Detail != "made" {
		return r
	}
	p := s.bait.Facts.Project
	for _, name := range strings.Split(rel, "/") {
		p = filepath.Join(p, name)
		if strings.Contains(s.screen.String(), fmt.Sprintf("  %q: ", p)) {
			return held("it was made, and reported at the end of the jail")
		}
	}
	return through("it was made, without a word at the end")
}

// lives: a process that an attack started runs still.
func (s *Scene) lives(what string) Result {
	for _, pid := range processes() {
		text, _ := os.ReadFile("/proc/" + itoa(pid) + "/cmdline")
		if strings.Contains(string(text), "="+s.bait.marked(what)) {
			s.undo = append(s.undo, func() { _ = unix.Kill(pid, unix.SIGKILL) })
			return through("process %d runs", pid)
		}
	}
	return held("it ended with the jail")
}

func (s *Scene) leftMounts(Result) Result {
	for p := range s.after.mounts {
		if !s.before.mounts[p] {
			return through("%s is mounted", p)
		}
	}
	return held("there are those from before")
}

func (s *Scene) leftCgroups(Result) Result {
	for p := range s.after.cgroups {
		// Other jails come and go; one that ended leaves an empty one.
		if text, err := os.ReadFile(filepath.Join(p, "cgroup.procs")); !s.before.cgroups[p] && err == nil && len(text) == 0 {
			return through("%s is there", p)
		}
	}
	return held("there are those from before")
}

func (s *Scene) leftStubs(Result) Result {
	own := map[string]bool{}
	for _, p := range s.candidates() {
		for ; within(p, s.bait.Facts.Project) && p != s.bait.Facts.Project; p = filepath.Dir(p) {
			own[p] = true
		}
	}
	for _, dir := range s.projectFolders() {
		for name := range s.after.names[dir] {
			if p := filepath.Join(dir, name); !s.before.names[dir][name] && !own[p] && !own[dir] && !strings.HasPrefix(name, s.bait.Mark) {
				return through("%s is there", p)
			}
		}
	}
	return held("there is nothing but what attacks made")
}

func (s *Scene) leftFiles(Result) Result {
	for _, dir := range []string{s.run, "/tmp", "/var/tmp", "/dev/shm"} {
		for name := range s.after.names[dir] {
			if !s.before.names[dir][name] && strings.Contains(name, "jailed-claude") && !strings.Contains(name, "jailed-claude-audit-") {
				return through("%s is there", filepath.Join(dir, name))
			}
		}
	}
	return held("there is nothing")
}

// wasTyped: there is input in the caller's terminal that nobody typed.
func (s *Scene) wasTyped(r Result) Result {
	if strings.Contains(s.typed, typed) {
		return through("the caller's shell would read %q", typed)
	}
	if r.Verdict == GotThrough {
		return held("it was typed into a terminal of the jail's own")
	}
	return r
}

func (s *Scene) wasResized(r Result) Result {
	if s.size.Row != terminalSize.Row || s.size.Col != terminalSize.Col {
		return through("it has %d rows", s.size.Row)
	}
	if r.Verdict == GotThrough {
		return held("a terminal of the jail's own was changed")
	}
	return r
}

// shown: a sequence came to the caller's terminal as it was.
func (s *Scene) shown(sequence string, r Result) Result {
	if r.Verdict != GotThrough {
		return r
	}
	if strings.Contains(s.screen.String(), sequence) {
		return through("the caller's terminal got %s", strconv.Quote(sequence))
	}
	return held("it was taken out")
}

// largeRSS is what the supervisor of a jail never needs.
const largeRSS = 96 << 20

// keptSmall: who shows the jail's output does not keep it.
func (s *Scene) keptSmall(r Result) Result {
	if r.Verdict != Held {
		return r
	}
	if s.maxRSS > largeRSS {
		return through("%d MiB were in use", s.maxRSS>>20)
	}
	return held("%d MiB were in use at most", s.maxRSS>>20)
}
