package life

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestContainerAhead: nearly every jail gets the container that was begun while
// it was planned. Whatever is no part of such a one is in the jail all the same.
func TestContainerAhead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		flags    []string
		terminal bool
		whole    bool // the planning process becomes the supervisor
		ahead    bool
		script   string
	}{
		"default":       {ahead: true, script: "test -d /proc/self/net"},
		"on a terminal": {ahead: true, terminal: true, script: "test -t 0"},
		"no network":    {flags: []string{"--net", "none"}, ahead: true, script: `mapfile -t d </proc/net/dev; test ${#d[@]} = 3; [[ ${d[2]} == *lo:* ]]`},
		"filtered":      {flags: []string{"--net", "filtered", "--allow", "a.example"}, ahead: true, script: "true"},
		"hidden":        {flags: []string{"--hide", "secret"}, ahead: true, script: "test ! -s secret && ! mv secret moved"},
		"an argument":   {flags: []string{"--env", "ONE=two"}, ahead: true, script: `test "$ONE" = two && test "$PWD" != /`},
		"the host's":    {flags: []string{"--net", "host"}, script: "true"},
		"as root":       {flags: []string{"--user", "root"}, ahead: os.Getuid() == 0, script: "test $UID = 0"},
		"in one":        {whole: true, script: "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			w.Whole = tt.whole
			if err := os.WriteFile(filepath.Join(w.Project, "secret"), []byte("s"), 0o600); err != nil {
				t.Fatal(err)
			}
			c := w.NetShell(tt.script, append(tt.flags, "--debug")...)
			var p *world.PTY
			if tt.terminal {
				p = world.NewPTY(t)
				c.Stdin = p.Slave
			}
			r := world.Finish(t, c)
			want := "ahead=false"
			if tt.ahead && !world.Without("split") {
				want = "ahead=true"
			}
			if r.Status != 0 || !strings.Contains(r.Err, want) {
				t.Errorf("want %s: %s", want, r)
			}
		})
	}
}

// TestProcessorsOfTheCaller: a start has its threads run where it is quickest.
// The agent, and what is run while the jail is planned, run where the caller may.
func TestProcessorsOfTheCaller(t *testing.T) {
	t.Parallel()
	// The thread that starts a process hands them on; this one ends with the test.
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for i := range 1024 {
		if all.IsSet(i) {
			one.Set(i)
			break
		}
	}
	const ask = "grep Cpus_allowed_list: /proc/self/status"
	for name, set := range map[string]*unix.CPUSet{"all": &all, "one": &one} {
		if err := unix.SchedSetaffinity(0, set); err != nil {
			t.Fatal(err)
		}
		own, err := os.ReadFile("/proc/thread-self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, own2, _ := strings.Cut(string(own), "Cpus_allowed_list:")
		want, _, _ := strings.Cut("Cpus_allowed_list:"+own2, "\n")
		for kind, whole := range map[string]bool{"split": false, "replaced": true} {
			w := world.New(t)
			w.Whole = whole
			// Another git than the one that is known is asked.
			bin := filepath.Join(w.Dir, "bin")
			noted := filepath.Join(w.Dir, "noted")
			if err := os.Mkdir(bin, 0o755); err != nil {
				t.Fatal(err)
			}
			script := "#!/bin/sh\n" + ask + " >" + noted + "\nexec /usr/bin/git \"$@\"\n"
			if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			w.Env["PATH"] = bin + ":/usr/bin:/bin"
			got := world.Lines(w.Must(ask + "; (" + ask + ")"))
			if len(got) != 2 || got[0] != want || got[1] != want {
				t.Errorf("%s, %s: inside %q, want %q", name, kind, got, want)
			}
			text, err := os.ReadFile(noted)
			if err != nil {
				t.Errorf("%s, %s: git was not asked: %v", name, kind, err)
			} else if strings.TrimSpace(string(text)) != want {
				t.Errorf("%s, %s: git has %q, want %q", name, kind, text, want)
			}
		}
	}
}
