package supervisor

import (
	"errors"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec"
)

// handover is what crosses from the planning process to the supervisor.
type handover struct {
	Rootfs  []spec.File
	Options Options
	spec    *specs.Spec
}

// write makes a file that cannot change any more.
func (h *handover) write() (*os.File, error) {
	// Most of it are mounts, and growing it is half of the work.
	w := &wire{bytes: make([]byte, 0, 16<<10+len(h.Options.Seccomp)+256*len(h.spec.Mounts))}
	w.handover(h)
	f, err := memfd("jail")
	if err != nil {
		return nil, err
	}
	if err := seal(f, w.bytes); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readHandover reads what write wrote. The configuration has to pass the checks
// once more: what runs is what is written there.
func readHandover(f *os.File) (*handover, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, fi.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, err
	}
	h := new(handover)
	w := &wire{reading: true, bytes: text, text: string(text)}
	w.handover(h)
	if w.damaged || w.at < len(text) || h.spec == nil {
		return nil, errDamaged
	}
	if v := spec.Check(h.spec); len(v) > 0 {
		return nil, &spec.CheckError{Violations: v}
	}
	return h, nil
}

var errDamaged = errors.New("it is damaged")
