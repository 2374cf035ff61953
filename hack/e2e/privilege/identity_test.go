package privilege

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// ids is what a process is.
type ids struct {
	UID, GID, EUID, EGID int
	Groups               []int
	Status               map[string]string // of /proc/self/status
}

// printIDs is the part "ids".
func printIDs([]string) int {
	groups, _ := syscall.Getgroups()
	i := ids{syscall.Getuid(), syscall.Getgid(), syscall.Geteuid(), syscall.Getegid(), groups, map[string]string{}}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 1
	}
	for line := range strings.Lines(string(text)) {
		k, v, _ := strings.Cut(line, ":")
		i.Status[k] = strings.TrimSpace(v)
	}
	if json.NewEncoder(os.Stdout).Encode(i) != nil {
		return 1
	}
	return 0
}

func testIdentity(t *testing.T, wantUID, wantGID int, flags ...string) {
	w := world.New(t)
	r := world.Finish(t, w.Part("ids", flags...))
	var got ids
	if err := json.Unmarshal([]byte(r.Out), &got); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	if got.UID != wantUID || got.GID != wantGID || got.EUID != wantUID || got.EGID != wantGID {
		t.Errorf("ids inside are %d:%d (effective %d:%d), want %d:%d", got.UID, got.GID, got.EUID, got.EGID, wantUID, wantGID)
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		if v := got.Status[set]; v != "0000000000000000" {
			t.Errorf("%s is %q, want none", set, v)
		}
	}
	for k, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "2"} {
		if v := got.Status[k]; v != want {
			t.Errorf("%s is %q, want %s", k, v, want)
		}
	}

	w.Must("mkdir made && echo x >made/file && ln -s file made/link && id -u && id -g", flags...)
	for _, name := range []string{"made", "made/file", "made/link"} {
		var st syscall.Stat_t
		if err := syscall.Lstat(filepath.Join(w.Project, name), &st); err != nil {
			t.Fatal(err)
		}
		if int(st.Uid) != os.Getuid() || int(st.Gid) != os.Getgid() {
			t.Errorf("%s belongs to %d:%d on the host, want the caller, %d:%d", name, st.Uid, st.Gid, os.Getuid(), os.Getgid())
		}
	}
}

func TestAgentHasTheCallersIDsAndNoPrivilege(t *testing.T) {
	t.Parallel()
	testIdentity(t, os.Getuid(), os.Getgid())
}

func TestIdentityRootIsRootInsideAndTheCallerOutside(t *testing.T) {
	t.Parallel()
	testIdentity(t, 0, 0, "--user", "root")
}

func TestNamesOfTheCaller(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	out := w.Must(`id -un; echo ~; cd; pwd; echo "$USER $LOGNAME"; hostname 2>/dev/null || cat /proc/sys/kernel/hostname`)
	got := world.Lines(out)
	if len(got) != 5 || got[1] != w.Home || got[2] != w.Home || got[4] != "jail" {
		t.Errorf("name, home and host inside: %q", got)
	}
	if got[0] == "" || strings.HasPrefix(got[0], "id:") {
		t.Errorf("the caller has no name inside: %q", got)
	}
}

// TestTimersOfTheCaller: a start lets timers of its own be late (slack.c in
// runtime/quick). The agent's are as late as its caller's.
func TestTimersOfTheCaller(t *testing.T) {
	t.Parallel()
	const slack = 77777 // ns
	// The thread that starts a process hands it on; this one ends with the test.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	for name, whole := range map[string]bool{"split": false, "replaced": true} {
		w := world.New(t)
		w.Whole = whole
		got := world.Lines(w.Must("cat /proc/self/timerslack_ns; (cat /proc/self/timerslack_ns)"))
		if want := strconv.Itoa(slack); len(got) != 2 || got[0] != want || got[1] != want {
			t.Errorf("%s: timers inside may be %q ns late, want %s", name, got, want)
		}
	}
}

// TestSliceOfTheCaller: a start asks for short time slices (slice.c in
// runtime/quick). The agent has its caller's, its own or the kernel's.
func TestSliceOfTheCaller(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread()
	slice := func() string {
		text, err := os.ReadFile("/proc/thread-self/sched")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "se.slice")
		line, _, _ := strings.Cut(rest, "\n") // empty before Linux 6.12
		return strings.Join(strings.Fields(line), " ")
	}
	for _, own := range []uint64{0, 3_000_000} { // ns
		a, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		a.Size, a.Runtime = unix.SizeofSchedAttr, own
		if err := unix.SchedSetAttr(0, a, 0); err != nil {
			t.Fatal(err)
		}
		want := slice()
		for _, whole := range []bool{false, true} {
			w := world.New(t)
			w.Whole = whole
			for line := range strings.Lines(w.Must("grep se.slice /proc/self/sched; (grep se.slice /proc/self/sched); true")) {
				if got := strings.Join(strings.Fields(strings.TrimPrefix(line, "se.slice")), " "); got != want {
					t.Errorf("inside %q, outside %q (in one process: %v)", got, want, whole)
				}
			}
		}
	}
}
