package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// cgroup is the cgroup v2 of one jail. A nil cgroup is one without limits, and
// all its methods do nothing.
//
// All folders are held open through a mount of their own: the mount namespace
// of a supervisor shows cgroups read-only.
type cgroup struct {
	jail, parent *os.File
	// home is where the supervisor itself belongs: limits are for the jail.
	home *os.File
	name string
}

// openCgroup sets the limits on dir, which runtime/cgroup made.
func openCgroup(dir string, r *specs.LinuxResources) (*cgroup, error) {
	if r == nil {
		return nil, nil
	}
	if dir == "" {
		return nil, errors.New("the configuration has limits, and no cgroup was made for them")
	}
	g := &cgroup{name: filepath.Base(dir)}
	for _, d := range []struct {
		file **os.File
		path string
	}{{&g.jail, dir}, {&g.parent, filepath.Dir(dir)}, {&g.home, filepath.Join(filepath.Dir(dir), SupervisorCgroup)}} {
		fd, err := unix.OpenTree(unix.AT_FDCWD, d.path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return nil, &os.PathError{Op: "open cgroup", Path: d.path, Err: err}
		}
		*d.file = os.NewFile(uintptr(fd), d.path)
	}
	for name, value := range limits(r) {
		if err := put(g.jail, name, value); err != nil {
			return nil, fmt.Errorf("cgroup limit: %w", err)
		}
	}
	return g, nil
}

// SupervisorCgroup is the name of the cgroup beside the jail's in which the
// supervisor stays: a fork bomb in the jail must not take its last thread.
const SupervisorCgroup = "supervisor"

// limits are the files of a cgroup v2 for what a configuration names.
func limits(r *specs.LinuxResources) map[string]string {
	m := map[string]string{}
	if r.Memory != nil && r.Memory.Limit != nil {
		m["memory.max"] = strconv.FormatInt(*r.Memory.Limit, 10)
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		m["pids.max"] = strconv.FormatInt(*r.Pids.Limit, 10)
	}
	if r.CPU != nil && r.CPU.Quota != nil && r.CPU.Period != nil {
		m["cpu.max"] = fmt.Sprintf("%d %d", *r.CPU.Quota, *r.CPU.Period)
	}
	return m
}

func put(dir *os.File, name, value string) error {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return &os.PathError{Op: "write", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	return nil
}

// enter moves this process into the jail's cgroup for as long as it makes the
// container: a child is born where its parent is, so nothing of the jail ever
// runs without the limits, and its cgroup namespace begins there.
func (g *cgroup) enter() error {
	if g == nil {
		return nil
	}
	return put(g.jail, "cgroup.procs", "0")
}

func (g *cgroup) leave() error {
	if g == nil {
		return nil
	}
	return put(g.home, "cgroup.procs", "0")
}

// remove takes the jail's cgroup away. The kernel needs a moment until the
// last process of it is gone.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	_ = g.leave()
	var err error
	for range 50 {
		err = unix.Unlinkat(int(g.parent.Fd()), g.name, unix.AT_REMOVEDIR)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("remove cgroup %s: %w", g.jail.Name(), err)
	}
	return nil
}
