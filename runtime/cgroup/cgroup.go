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

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
)

// Options of Prepare.
type Options struct {
	// ID names the jail, and so its cgroup.
	ID string
	// Limits are those of the configuration.
	Limits *specs.LinuxResources
	// Supervisor is the process that is, or will be, the supervisor of the jail:
	// this one, or another of the same cgroup.
	Supervisor int
	// Alone ends all other processes of the jail: a cgroup in which there are
	// others cannot be divided.
	Alone func() error
}

// controllers that the limits need, as cgroup.subtree_control names them.
func (o Options) controllers() []string {
	var c []string
	for _, l := range []struct {
		name string
		on   bool
	}{{"memory", o.Limits.Memory != nil}, {"pids", o.Limits.Pids != nil}, {"cpu", o.Limits.CPU != nil}} {
		if l.on {
			c = append(c, l.name)
		}
	}
	return c
}

// name of everything that this package makes begins with it.
const name = "jailed-claude-"

// Parts of what is made. A fork bomb in the jail must not take the supervisor's
// last thread, so that one has a part of its own.
const (
	jailCgroup       = "jail"
	supervisorCgroup = "supervisor"
)

// Prepare makes the cgroup of a jail, dir, and moves this process and the
// supervisor beside it. Nothing has to be undone: it all goes away when the
// supervisor ends, also if it executes another program in between.
func Prepare(ctx context.Context, o Options) (dir string, err error) {
	want := o.controllers()
	h, err := thisHost(o.Supervisor)
	if err != nil {
		return "", err
	}
	if err := h.provides(want); err != nil {
		return "", err
	}
	if err := o.Alone(); err != nil {
		return "", fmt.Errorf("make room for limits: %w", err)
	}
	dir, asked := h.scope(ctx, o.ID, want)
	if asked == nil {
		return dir, nil
	}
	logrus.WithError(asked).Debug("no scope of systemd's")
	dir, err = h.below(o.ID, want)
	if err == nil {
		return dir, nil
	}
	var d *DelegationError
	switch {
	case errors.As(asked, &d):
		return "", asked // it knows best who withholds what
	case !errors.Is(asked, errNoManager):
		return "", errors.Join(err, asked)
	}
	return "", err
}

// divide makes the two parts of dir, which is new, moves this process into one
// and enables the controllers for the other; also in the cgroups of above,
// outermost first, which must not hold another process.
func (h *hierarchy) divide(dir string, want []string, above ...string) (jail string, err error) {
	seat := filepath.Join(dir, supervisorCgroup)
	if err := os.Mkdir(seat, 0o755); err != nil {
		return "", fmt.Errorf("make cgroup: %w", err)
	}
	if err := h.enter(seat); err != nil {
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
func (h *hierarchy) enter(dir string) error {
	for _, pid := range h.processes() {
		if err := put(dir, "cgroup.procs", strconv.Itoa(int(pid))); err != nil {
			return fmt.Errorf("enter cgroup: %w", err)
		}
	}
	return nil
}

// processes that have to be beside the jail's cgroup.
func (h *hierarchy) processes() []uint32 {
	p := []uint32{uint32(os.Getpid())}
	if h.supervisor != os.Getpid() {
		p = append(p, uint32(h.supervisor))
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
