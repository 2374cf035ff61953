package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/supervisor"
)

// Options of Prepare.
type Options struct {
	// ID names the jail, and so its cgroup.
	ID string
	// Memory, Pids and CPU are the limits that the configuration has.
	Memory, Pids, CPU bool
}

// controllers that the limits need, as cgroup.subtree_control names them.
func (o Options) controllers() []string {
	var c []string
	for _, l := range []struct {
		name string
		on   bool
	}{{"memory", o.Memory}, {"pids", o.Pids}, {"cpu", o.CPU}} {
		if l.on {
			c = append(c, l.name)
		}
	}
	return c
}

// Prepared is a cgroup that was made for a jail.
type Prepared struct {
	// Dir is the jail's cgroup, empty so far. This process is beside it.
	Dir string
}

// name of everything that this package makes begins with it.
const name = "jailed-claude-"

// jailCgroup is the name of the jail's part.
const jailCgroup = "jail"

// Prepare makes the cgroup of a jail and moves this process beside it. Nothing
// has to be undone: it all goes away when this process ends, also if it
// executes another program in between.
func Prepare(ctx context.Context, o Options) (*Prepared, error) {
	want := o.controllers()
	h, err := thisHost()
	if err != nil {
		return nil, err
	}
	if err := h.provides(want); err != nil {
		return nil, err
	}
	// A cgroup in which there are others cannot be divided.
	if err := supervisor.EndAhead(); err != nil {
		return nil, fmt.Errorf("make room for limits: %w", err)
	}
	dir, asked := h.scope(ctx, o.ID, want)
	if asked == nil {
		return &Prepared{Dir: dir}, nil
	}
	logrus.WithError(asked).Debug("no scope of systemd's")
	dir, err = h.below(o.ID, want)
	if err == nil {
		return &Prepared{Dir: dir}, nil
	}
	var d *DelegationError
	switch {
	case errors.As(asked, &d):
		return nil, asked // it knows best who withholds what
	case !errors.Is(asked, errNoManager):
		return nil, errors.Join(err, asked)
	}
	return nil, err
}

// divide makes the two parts of dir, which is new, moves this process into one
// and enables the controllers for the other; also in the cgroups of above,
// outermost first, which must not hold another process.
func divide(dir string, want []string, above ...string) (jail string, err error) {
	seat := filepath.Join(dir, supervisor.SupervisorCgroup)
	if err := os.Mkdir(seat, 0o755); err != nil {
		return "", fmt.Errorf("make cgroup: %w", err)
	}
	if err := enter(seat); err != nil {
		return "", err
	}
	for _, d := range append(above, dir) {
		if err := enable(d, want); err != nil {
			return "", err
		}
	}
	jail = filepath.Join(dir, jailCgroup)
	if err := os.Mkdir(jail, 0o755); err != nil {
		return "", fmt.Errorf("make cgroup: %w", err)
	}
	return jail, nil
}

// enter moves this process, all threads of it, and the supervisor to be if that
// is another one.
func enter(dir string) error {
	for _, pid := range processes() {
		if err := put(dir, "cgroup.procs", strconv.Itoa(int(pid))); err != nil {
			return fmt.Errorf("enter cgroup: %w", err)
		}
	}
	return nil
}

// processes that have to be beside the jail's cgroup.
func processes() []uint32 {
	p := []uint32{uint32(os.Getpid())}
	if s := supervisor.PID(); s != os.Getpid() {
		p = append(p, uint32(s))
	}
	return p
}

// enable makes controllers available to the children of dir.
func enable(dir string, want []string) error {
	missing := without(want, fields(dir, "cgroup.subtree_control"))
	if len(missing) == 0 {
		return nil
	}
	if err := put(dir, "cgroup.subtree_control", "+"+strings.Join(missing, " +")); err != nil {
		return fmt.Errorf("enable cgroup controllers: %w", err)
	}
	return nil
}

// put writes to a file that the kernel made. It is opened without O_CREATE, so
// that a folder that is no cgroup is noticed.
func put(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// fields of a file of dir; none if it cannot be read.
func fields(dir, file string) []string {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// without returns what of want is not in have.
func without(want, have []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(c string) bool { return slices.Contains(have, c) })
}
