package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// Group is the cgroup v2 of one jail, as its supervisor uses it. A nil Group is
// one without limits, and all its methods do nothing.
//
// All folders are held open: the mount namespace of a supervisor shows cgroups
// read-only.
type Group struct {
	jail, parent *os.File
	// home is where the supervisor itself belongs: limits are for the jail.
	home   *os.File
	name   string
	limits []limit
}

// Open opens dir, which Prepare made, for the limits of a configuration. open
// opens a folder that can be written.
func Open(dir string, r *specs.LinuxResources, open func(dir string) (int, error)) (*Group, error) {
	if r == nil {
		return nil, nil
	}
	if dir == "" {
		return nil, errors.New("the configuration has limits, and no cgroup was made for them")
	}
	g := &Group{name: filepath.Base(dir)}
	for _, d := range []struct {
		file **os.File
		path string
	}{{&g.jail, dir}, {&g.parent, filepath.Dir(dir)}, {&g.home, filepath.Join(filepath.Dir(dir), supervisorCgroup)}} {
		fd, err := open(d.path)
		if err != nil {
			return nil, &os.PathError{Op: "open cgroup", Path: d.path, Err: err}
		}
		*d.file = os.NewFile(uintptr(fd), d.path)
	}
	g.limits = limits(r)
	return g, nil
}

// limit is a file of a cgroup v2 and what it has to hold.
type limit struct {
	// name is empty for what only makes another limit hold.
	name, file, value string
	// optional: the kernel need not have the file.
	optional bool
}

// limits are those that a configuration names. Of memory, that includes swap:
// a jail that may swap without end takes the host's memory all the same. So
// swap is what the configuration says, and none if it says nothing. Without
// memory.oom.group the kernel kills the greediest process and not all of the
// jail: the agent lives to see its build fail.
func limits(r *specs.LinuxResources) []limit {
	var l []limit
	if m := r.Memory; m != nil && m.Limit != nil {
		// The kernel rounds down to pages.
		page := int64(os.Getpagesize())
		l = append(l, limit{name: "memory", file: "memory.max", value: strconv.FormatInt(*m.Limit/page*page, 10)})
		swap := int64(0)
		if m.Swap != nil {
			swap = max(0, *m.Swap-*m.Limit) // "memory+swap"
		}
		// Without swap in the kernel, and with swapaccount=0, there is no file.
		l = append(l, limit{file: "memory.swap.max", value: strconv.FormatInt(swap/page*page, 10), optional: true})
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		l = append(l, limit{name: "pids", file: "pids.max", value: strconv.FormatInt(*r.Pids.Limit, 10)})
	}
	if c := r.CPU; c != nil && c.Quota != nil && c.Period != nil {
		l = append(l, limit{name: "cpu", file: "cpu.max", value: fmt.Sprintf("%d %d", *c.Quota, *c.Period)})
	}
	return l
}

// apply sets the limits. That is after the container has been made, in which
// libcontainer has more threads than a jail may be allowed processes, and
// before the program runs.
func (g *Group) apply() error {
	for _, l := range g.limits {
		err := write(g.jail, l.file, l.value)
		if l.optional && errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cgroup limit: %w", err)
		}
	}
	return nil
}

// Hold returns the limits that hold for a process, as the kernel has them. That
// one of them does not is an error.
func (g *Group) Hold(pid int) ([]string, error) {
	if g == nil {
		return nil, nil
	}
	procs, err := read(g.jail, "cgroup.procs")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(strings.Fields(procs), strconv.Itoa(pid)) {
		return nil, fmt.Errorf("process %d is not in cgroup %s", pid, g.jail.Name())
	}
	var names []string
	for _, l := range g.limits {
		got, err := read(g.jail, l.file)
		switch {
		case l.optional && errors.Is(err, unix.ENOENT):
			continue
		case err != nil:
			return nil, err
		case got != l.value:
			return nil, fmt.Errorf("%s of cgroup %s is %q, not %q", l.file, g.jail.Name(), got, l.value)
		}
		if l.name != "" {
			names = append(names, l.name)
		}
	}
	return names, nil
}

func read(dir *os.File, name string) (string, error) {
	path := filepath.Join(dir.Name(), name)
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	text, err := io.ReadAll(f)
	return strings.TrimSpace(string(text)), err
}

func write(dir *os.File, name, value string) error {
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

// Create calls create, which makes the container, in the jail's cgroup: a child
// is born where its parent is, so nothing of the jail ever runs elsewhere, and
// its cgroup namespace begins there. Then it sets the limits.
func (g *Group) Create(create func() error) error {
	if g == nil {
		return create()
	}
	if err := write(g.jail, "cgroup.procs", "0"); err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	if err := g.leave(); err != nil {
		return err
	}
	return g.apply()
}

func (g *Group) leave() error {
	return write(g.home, "cgroup.procs", "0")
}

// Remove takes the jail's cgroup away. The kernel needs a moment until the last
// process of it is gone. That it fails is no reason to lose the exit status of
// the program: systemd, or the janitor, removes what is left when this process
// ends.
func (g *Group) Remove() {
	if g == nil {
		return
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
		logrus.WithError(err).WithField("cgroup", g.jail.Name()).Debug("left to others")
	}
}
