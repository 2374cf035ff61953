package launch

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/descriptors"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/announcement"
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
	// Seen is what it said besides when it was found.
	Seen announcement.Seen `json:"-"`
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
	names, err := processes()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	found, host := make(chan []Running), theHost()
	// Reading /proc is work of the kernel, which another processor can do as well.
	workers := min(runtime.GOMAXPROCS(0), 4)
	for i := range workers {
		go func() {
			var some []Running
			find := descriptors.Finder{
				Wanted: func(file string) bool { return file == "/memfd:"+announcement.Name+" (deleted)" },
				First:  strconv.Itoa(announcement.Descriptor),
			}
			for at := i; at < len(names); at += workers {
				if pid, err := strconv.Atoi(names[at]); err == nil && pid != os.Getpid() {
					if j, ok := host.running(&find, pid); ok {
						some = append(some, j)
					}
				}
			}
			found <- some
		}()
	}
	jails := []Running{}
	for range workers {
		jails = append(jails, <-found...)
	}
	slices.SortFunc(jails, func(a, b Running) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID))
	})
	return jails, nil
}

func processes() ([]string, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
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
	case len(found) == 0 && id == "" && project == "":
		return Running{}, hint.Add(errors.New("the working directory is no longer there, and no jail is named"), "to see all: jailed-claude list")
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

// announce makes what List finds.
func announce(p *Plan) (err error) {
	p.Announced, err = announcement.Make(announcement.Jail{
		ID: p.Options.ID, Started: time.Now(), Project: p.Spec.Process.Cwd, Agent: program(p.Spec.Process.Args),
	})
	return err
}

// program is the name of the one that PID 1 starts.
func program(args []string) string {
	if i := slices.Index(args, "--"); i >= 0 && i+1 < len(args) {
		return filepath.Base(args[i+1])
	}
	return ""
}

// host is what there is to know of this host for a list.
type host struct {
	uid uint32
	// pids is the PID namespace of this process, where that is the one of /proc.
	pids string
}

func theHost() host {
	h := host{uid: uint32(os.Getuid())}
	if outside(os.Getpid()) {
		h.pids, _ = os.Readlink("/proc/self/ns/pid")
	}
	return h
}

// running reads the announcement of a process, if it is a supervisor of this user's.
func (h host) running(find *descriptors.Finder, pid int) (j Running, ok bool) {
	place := "/proc/" + strconv.Itoa(pid)
	var st unix.Stat_t
	// What runs in jails is asked no further.
	if unix.Stat(place, &st) != nil || st.Uid != h.uid || !h.outside(place, pid) {
		return j, false
	}
	file, ok := find.Find(pid)
	if !ok {
		return j, false // another program, or gone
	}
	seen, err := announcement.Read(file, pid)
	if err != nil {
		return j, false
	}
	return Running{ID: seen.ID, PID: pid, Project: seen.Project, Started: seen.Started, Agent: seen.Agent, Seen: seen}, true
}

// outside is the function of that name, with less work: /proc/PID/status is long.
func (h host) outside(place string, pid int) bool {
	if h.pids == "" {
		return outside(pid)
	}
	pids, err := os.Readlink(place + "/ns/pid")
	return err == nil && pids == h.pids
}

// outside reports whether a process is in the PID namespace of /proc, and in none
// below it: NSpid, since Linux 4.1, has a number for each.
func outside(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, pids, _ := strings.Cut(string(status), "\nNSpid:")
	pids, _, _ = strings.Cut(pids, "\n")
	return err == nil && len(strings.Fields(pids)) == 1
}
