package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestWatchingCostsNothing: the threads of a jail's supervisor sleep while nothing
// changes, whatever it watches. They do not look again and again: in one of some
// windows of time the kernel counts next to no wakeups. (The first have what the start
// left to do, and a garbage collection may fall into any.)
func TestWatchingCostsNothing(t *testing.T) {
	t.Parallel()
	w := protectedProject(t)
	w.Write(".env", "secret\n")
	w.Write("pkg/.envrc", "\n")
	for n := range 200 {
		w.Write(fmt.Sprintf("src/%d/file", n), "\n")
	}
	further := w.Home + "/further/.vscode"
	w.Mkdir(further, 0o700)
	for name, flags := range map[string][]string{
		"live":   {"--write", filepath.Dir(further), "--hide", ".env"},
		"strict": {"--strict", "--hide", ".env"},
		"layer":  {"--project-mode", "overlay"},
	} {
		t.Run(name, func(t *testing.T) {
			const windows, length, most = 15, 2 * time.Second, 12
			m := beside(w, flags...)
			defer m.end()
			m.host("sed -i s/x/y/ .envrc; git config branch.main.remote origin") // what was covered again is watched, too
			var seen []string
			for range windows {
				before := wakeups(t, m.cmd.Process.Pid)
				time.Sleep(length)
				woke := 0
				for task, n := range wakeups(t, m.cmd.Process.Pid) {
					woke += n - before[task]
				}
				if woke <= most {
					return
				}
				seen = append(seen, strconv.Itoa(woke))
			}
			t.Errorf("the supervisor never rests: %s wakeups in %v each", strings.Join(seen, ", "), length)
		})
	}
}

// wakeups counts how often each thread of a process stopped running: by itself, or
// for others.
func wakeups(t *testing.T, pid int) map[string]int {
	t.Helper()
	all := map[string]int{}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no tasks of %d: %v", pid, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task + "/status")
		if err != nil {
			continue // ended meanwhile
		}
		for line := range strings.Lines(string(text)) {
			if name, n, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(name, "voluntary_ctxt_switches") {
				count, err := strconv.Atoi(strings.TrimSpace(n))
				if err != nil {
					t.Fatal(err)
				}
				all[task] += count
			}
		}
	}
	return all
}
