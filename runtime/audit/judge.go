package audit

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// look reads what a jail must leave as it was.
func (s *Scene) look() state {
	st := state{mounts: map[string]bool{}, cgroups: map[string]bool{}, names: map[string]map[string]bool{}}
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for l := range strings.Lines(string(text)) {
		if f := strings.Fields(l); len(f) > 4 {
			for _, dir := range []string{s.bait.Facts.Project, s.bait.Facts.Home, s.run, "/tmp"} {
				if dir != "" && attack.Within(f[4], dir) {
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
			st.names[dir] = attack.DirNames(dir)
		}
	}
	for _, dir := range s.projectFolders() {
		st.names[dir] = attack.DirNames(dir)
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

// witness is what a scene says of what it saw, to the judges of attacks that were
// made in one of its jails.
type witness struct {
	*Scene
	told *attack.Bait
	// said is what that jail said to the caller.
	said *bytes.Buffer
}

// witness of the attacks of the jail that is audited.
func (s *Scene) witness() witness { return witness{s, s.bait, &s.screen} }

func (s witness) Told() *attack.Bait { return s.told }

func (s witness) Arrived(what string) bool { return s.arrived(what) }

func (s witness) Said(texts ...string) bool {
	for line := range strings.Lines(s.said.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return true
		}
	}
	return false
}

func (s witness) Typed(text string) bool { return strings.Contains(s.typed, text) }

func (s witness) Signalled() bool { return s.signalled }

// lastWord is the last line that the jail itself said.
func (s witness) lastWord() string {
	const ours = "jailed-claude: "
	text := s.said.String()
	i := strings.LastIndex(text, ours)
	if i < 0 {
		return "without a word"
	}
	line, _, _ := strings.Cut(text[i:], "\n")
	return strings.TrimSpace(line)
}

// Planted: a marker lies on the host.
func (s witness) Planted(p string, r attack.Result) attack.Result {
	if isMarker(p) && !s.existing[p] {
		return attack.Through("%s is there", p)
	}
	return r
}

// Reported: what was made in the project is in the report of the jail's end.
func (s witness) Reported(rel string, r attack.Result) attack.Result {
	if r.Verdict != attack.GotThrough || r.Detail != "made" {
		return r
	}
	p := s.told.Facts.Project
	if s.told.Facts.Layer {
		return s.reached(filepath.Join(p, rel))
	}
	for name := range strings.SplitSeq(rel, "/") {
		p = filepath.Join(p, name)
		if s.Said(fmt.Sprintf("  %q: ", p)) {
			return attack.HeldBy("it was made, and reported at the end of the jail")
		}
	}
	return attack.Through("it was made, without a word at the end")
}

// reached: what was written into a layer is on the host. The kernel itself sets
// the time of the last change (ctime).
func (s witness) reached(p string) attack.Result {
	var st unix.Stat_t
	if unix.Lstat(p, &st) == nil && time.Unix(st.Ctim.Unix()).After(s.began) {
		return attack.Through("it was made in the layer, and is on the host")
	}
	return attack.HeldBy("it was made in the layer, and the host has nothing of it")
}

// Lives: a process that an attack started runs still.
func (s witness) Lives(what string) attack.Result {
	for _, pid := range attack.Processes() {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if strings.Contains(string(text), "="+s.bait.Marked(what)) {
			s.undo = append(s.undo, func() { _ = unix.Kill(pid, unix.SIGKILL) })
			return attack.Through("process %d runs", pid)
		}
	}
	return attack.HeldBy("it ended with the jail")
}

func (s witness) LeftMounts(attack.Result) attack.Result {
	for p := range s.after.mounts {
		// Others mount things in /tmp as well; what a jail makes there has its name.
		if !s.before.mounts[p] && (s.given(p) || strings.Contains(p, "jailed-claude")) {
			return attack.Through("%s is mounted", p)
		}
	}
	return attack.HeldBy("there are those from before")
}

// given: a path is in a folder of the caller's of which a jail has something.
func (s witness) given(p string) bool {
	f := s.bait.Facts
	return attack.Within(p, f.Project) || attack.Within(p, f.Home) || s.run != "" && attack.Within(p, s.run)
}

func (s witness) LeftCgroups(attack.Result) attack.Result {
	for p := range s.after.cgroups {
		// Other jails come and go; one that ended leaves an empty one.
		if text, err := os.ReadFile(filepath.Join(p, "cgroup.procs")); !s.before.cgroups[p] && err == nil && len(text) == 0 {
			return attack.Through("%s is there", p)
		}
	}
	return attack.HeldBy("there are those from before")
}

func (s witness) LeftStubs(attack.Result) attack.Result {
	own := map[string]bool{}
	for _, p := range s.candidates() {
		for ; attack.Within(p, s.bait.Facts.Project) && p != s.bait.Facts.Project; p = filepath.Dir(p) {
			own[p] = true
		}
	}
	for _, dir := range s.projectFolders() {
		for name := range s.after.names[dir] {
			if p := filepath.Join(dir, name); !s.before.names[dir][name] && !own[p] && !own[dir] && !strings.HasPrefix(name, s.bait.Mark) {
				return attack.Through("%s is there", p)
			}
		}
	}
	return attack.HeldBy("there is nothing but what attacks made")
}

func (s witness) LeftFiles(attack.Result) attack.Result {
	for _, dir := range []string{s.run, "/tmp", "/var/tmp", "/dev/shm"} {
		for name := range s.after.names[dir] {
			if !s.before.names[dir][name] && strings.Contains(name, "jailed-claude") && !strings.Contains(name, "jailed-claude-audit-") {
				return attack.Through("%s is there", filepath.Join(dir, name))
			}
		}
	}
	return attack.HeldBy("there is nothing")
}

// WasTyped: there is input in the caller's terminal that nobody typed.
func (s witness) WasTyped(r attack.Result) attack.Result {
	if strings.Contains(s.typed, attack.Typed) {
		return attack.Through("the caller's shell would read %q", attack.Typed)
	}
	if r.Verdict == attack.GotThrough {
		return attack.HeldBy("it was typed into a terminal of the jail's own")
	}
	return r
}

func (s witness) WasResized(r attack.Result) attack.Result {
	if s.size.Row != terminalSize.Row || s.size.Col != terminalSize.Col {
		return attack.Through("it has %d rows", s.size.Row)
	}
	if r.Verdict == attack.GotThrough {
		return attack.HeldBy("a terminal of the jail's own was changed")
	}
	return r
}

// Shown: a sequence came to the caller's terminal as it was.
func (s witness) Shown(sequence string, r attack.Result) attack.Result {
	if r.Verdict != attack.GotThrough {
		return r
	}
	if strings.Contains(s.screen.String(), sequence) {
		return attack.Through("the caller's terminal got %s", strconv.Quote(sequence))
	}
	return attack.HeldBy("it was taken out")
}

// largeRSS is what the supervisor of a jail never needs.
const largeRSS = 96 << 20

// KeptSmall: who shows the jail's output does not keep it.
func (s witness) KeptSmall(r attack.Result) attack.Result {
	if r.Verdict != attack.Held {
		return r
	}
	if s.maxRSS > largeRSS {
		return attack.Through("%d MiB were in use", s.maxRSS>>20)
	}
	return attack.HeldBy("%d MiB were in use at most", s.maxRSS>>20)
}

// Stop ends what the attack has left, where no jail did.
func (s witness) Stop(part string) {
	for _, pid := range attack.Processes() {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if strings.Contains(string(text), "--inside="+part+s.bait.Facts.Project+"/") && strings.Contains(string(text), s.bait.Mark) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
