package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Running is one running jail.
type Running struct {
	ID string `json:"id"`
	// PID is the supervisor's.
	PID     int       `json:"pid"`
	Project string    `json:"project"`
	Started time.Time `json:"started"`
}

// List finds the running jails of this user. There is no state on disk to
// read, so none can be stale: the supervisors themselves are looked for in
// /proc. A jailed program cannot pass for one, for it has a PID namespace of
// its own.
func List() ([]Running, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	jails := []Running{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if j, ok := running(pid); ok {
				jails = append(jails, j)
			}
		}
	}
	slices.SortFunc(jails, func(a, b Running) int { return a.Started.Compare(b.Started) })
	return jails, nil
}

func running(pid int) (Running, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	st, err := os.Stat(dir)
	if err != nil {
		return Running{}, false
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || int(sys.Uid) != os.Getuid() {
		return Running{}, false
	}
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return Running{}, false // another user's, or gone
	}
	j := Running{PID: pid}
	stage := false
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		name, value, _ := strings.Cut(string(v), "=")
		switch name {
		case stageEnv:
			stage = true
		case idEnv:
			j.ID = value
		case projectEnv:
			j.Project = value
		case startedEnv:
			if sec, err := strconv.ParseInt(value, 10, 64); err == nil {
				j.Started = time.Unix(sec, 0)
			}
		}
	}
	if !stage {
		return Running{}, false
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	_, pids, _ := strings.Cut(string(status), "\nNSpid:")
	pids, _, _ = strings.Cut(pids, "\n")
	// In a nested PID namespace NSpid (since kernel 4.1) has a second number.
	return j, err == nil && len(strings.Fields(pids)) == 1
}
