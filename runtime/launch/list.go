package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/descriptors"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/memfd"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Running is one running jail.
type Running struct {
	ID string `json:"id"`
	// PID is the supervisor's.
	PID     int       `json:"pid"`
	Project string    `json:"project"`
	Started time.Time `json:"started"`
	// Agent is the name of its program.
	Agent string `json:"agent"`
}

// Busy reports whether jails of this user run, or might.
func Busy() bool {
	jails, err := List()
	return err != nil || len(jails) > 0
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

// Find returns the running jail with that ID, or the one that begins like that.
// Without an ID it is the one of a project.
func Find(id, project string) (Running, error) {
	all, err := List()
	if err != nil {
		return Running{}, err
	}
	wanted := func(j Running) bool {
		return id == "" && j.Project == project || id != "" && strings.HasPrefix(j.ID, id)
	}
	found := slices.DeleteFunc(all, func(j Running) bool { return !wanted(j) })
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && id == "":
		return Running{}, hint.Add(fmt.Errorf("no jail of yours is running in %s", show.Visible(project)), "to see all: jailed-claude list")
	case len(found) == 0:
		return Running{}, hint.Add(fmt.Errorf("no jail of yours with ID %q is running", id), "to see all: jailed-claude list")
	}
	ids := make([]string, len(found))
	for i, j := range found {
		ids[i] = j.ID
	}
	return Running{}, hint.Add(fmt.Errorf("%d jails are meant", len(found)), "say which one: "+strings.Join(ids, " "))
}

// IsRunning reports whether a jail of this user with that ID is running.
func IsRunning(id string) bool {
	jails, err := List()
	return err == nil && slices.ContainsFunc(jails, func(j Running) bool { return j.ID == id })
}

// announcement is the name of a file in memory that a supervisor keeps open: it
// says which jail it is of, and which process that is. Others have it open too: a
// process that List is called in, while it reads, and one that the supervisor has
// just made.
const announcement = "jailed-claude"

var announcing *os.File // kept open

func announce(h *Plan) (err error) {
	if announcing, err = memfd.Create(announcement); err != nil {
		return err
	}
	return memfd.Seal(announcing, fmt.Appendf(nil, "%s\x00%d\x00%s\x00%s\x00%d",
		h.Options.ID, time.Now().Unix(), h.Spec.Process.Cwd, program(h.Spec.Process.Args), os.Getpid()))
}

// Over takes the announcement back: the jail is over, its supervisor not yet.
func Over() { announcing.Close() }

// program is the name of the one that PID 1 starts.
func program(args []string) string {
	if i := slices.Index(args, "--"); i >= 0 && i+1 < len(args) {
		return filepath.Base(args[i+1])
	}
	return ""
}

// announced reads the announcement of a process, if it has one.
func announced(pid int) (string, bool) {
	fd, ok := descriptors.Find(pid, func(file string) bool { return file == "/memfd:"+announcement+" (deleted)" })
	if !ok {
		return "", false
	}
	text, err := os.ReadFile(fd)
	return string(text), err == nil && len(text) > 0
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
	text, ok := announced(pid)
	if !ok {
		return Running{}, false // another program, another user's, or gone
	}
	j := Running{PID: pid}
	var started string
	j.ID, text, _ = strings.Cut(text, "\x00")
	started, text, _ = strings.Cut(text, "\x00")
	j.Project, text, _ = strings.Cut(text, "\x00")
	agent, owner, said := strings.Cut(text, "\x00")
	if said && owner != strconv.Itoa(pid) { // an earlier version did not say
		return Running{}, false
	}
	j.Agent = agent
	if sec, err := strconv.ParseInt(started, 10, 64); err == nil {
		j.Started = time.Unix(sec, 0)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	_, pids, _ := strings.Cut(string(status), "\nNSpid:")
	pids, _, _ = strings.Cut(pids, "\n")
	// In a nested PID namespace NSpid (since kernel 4.1) has a second number.
	return j, err == nil && len(strings.Fields(pids)) == 1
}
