package supervisor

import (
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// ahead is what a supervisor makes while its other half plans the jail: a
// container as nearly every jail has it. It is kept if it is that of the jail.
// A nil ahead has made nothing.
type ahead struct {
	covered *rootfs.Host
	ns      *os.File
	frame   *frame
	// begun is closed as soon as the container is there, or could not be made.
	begun chan struct{}
	// failed: it could not. Whoever needs one tries again and says why.
	failed bool
}

// newAhead prepares what it can; nothing depends on it.
func newAhead() *ahead {
	c, err := coverHost()
	if err != nil {
		return nil
	}
	a := &ahead{covered: c, begun: make(chan struct{})}
	if a.ns, err = newNetNS(); err != nil {
		logrus.WithError(err).Debug("a network namespace ahead")
		return a
	}
	if a.frame, err = usualFrame(a.ns); err != nil {
		logrus.WithError(err).Debug("a container ahead")
	}
	return a
}

func usualFrame(ns *os.File) (*frame, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	terminal := tty(os.Stdin) || tty(os.Stdout) || tty(os.Stderr)
	uid, gid := userns.Caller()
	s := contract.UsualFrame(uid, gid, terminal, self)
	sources, err := rootfs.OpenSources(s.Mounts, nil)
	if err != nil {
		return nil, err
	}
	defer sources.Close()
	t, err := rootfs.New(filepath.Join(rootfs.WorkDir, "ahead"))
	if err != nil {
		return nil, err
	}
	if err := t.Build(s.Mounts, sources, func(specs.Mount) bool { return true }); err != nil {
		return nil, err
	}
	return newFrame(s, t, ns, "/")
}

// start starts the container.
//
// Preconditions: those of frame.start.
func (a *ahead) start() {
	if a == nil {
		return
	}
	defer close(a.begun)
	if a.frame == nil {
		return
	}
	if err := a.frame.start(); err != nil {
		logrus.WithError(err).Debug("a container ahead")
		a.failed = true
	}
}

// fits reports whether the container is that of a configuration.
func (a *ahead) fits(s *specs.Spec) bool { return a != nil && a.frame != nil && a.frame.fits(s) }

// netNS is a network namespace for the jail, or nil.
func (a *ahead) netNS() *os.File {
	if a == nil {
		return nil
	}
	return a.ns
}

// workDir makes rootfs.WorkDir what it is to be, unless that is done.
func (a *ahead) workDir() (*rootfs.Host, error) {
	if a != nil {
		return a.covered, nil
	}
	return coverHost()
}

// take returns the container if it fits, and ends it otherwise.
func (a *ahead) take(fits bool) *frame {
	if a == nil || a.frame == nil {
		return nil
	}
	if fits && !a.failed {
		return a.frame
	}
	a.close()
	return nil
}

// wait waits until the container is there, or could not be made.
func (a *ahead) wait() {
	if a != nil {
		<-a.begun
	}
}

// end ends the container as soon as it can, from another goroutine than start's.
func (a *ahead) end() {
	if a != nil {
		a.wait()
		a.close()
		a.frame = nil
	}
}

func (a *ahead) close() {
	if a != nil && a.frame != nil {
		a.frame.close()
		_ = os.RemoveAll(a.frame.state()) // another may be made there
	}
}
