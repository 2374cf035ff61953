package supervisor

import (
	"errors"
	"io/fs"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
)

// handover is what crosses from the planning process to the supervisor.
type handover struct {
	Rootfs  []contract.File
	Options Options
	spec    *specs.Spec
}

// write makes a file that cannot change any more.
func (h *handover) write() (*os.File, error) {
	// Most of it are mounts, and growing it is half of the work.
	w := wire.Writer(16<<10 + len(h.Options.Seccomp) + 256*len(h.spec.Mounts))
	h.cross(w)
	f, err := memfd("jail")
	if err != nil {
		return nil, err
	}
	if err := seal(f, w.Bytes()); err != nil {
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
	r := wire.Reader(text)
	h.cross(r)
	if err := r.End(); err != nil {
		return nil, err
	}
	if v := contract.Check(h.spec); len(v) > 0 {
		return nil, &contract.CheckError{Violations: v}
	}
	return h, nil
}

// cross writes h, or reads it.
func (h *handover) cross(c *wire.Codec) {
	if h.spec == nil {
		h.spec = new(specs.Spec)
	}
	wire.Spec(c, h.spec)
	h.Options.cross(c)
	wire.List(c, &h.Rootfs, crossFile)
}

func (o *Options) cross(c *wire.Codec) {
	wire.String(c, &o.ID)
	wire.Octets(c, &o.Seccomp)
	wire.Flag(c, &o.Summary)
	wire.Strings(c, &o.Require)
	wire.Flag(c, &o.Strict)
	wire.String(c, &o.LogLevel)
	wire.String(c, &o.LogFormat)
	wire.Integer(c, &o.Log)
	wire.Map(c, &o.Keys)
	wire.Octets(c, &o.Roots)
	wire.String(c, &o.Cgroup)
}

func crossFile(c *wire.Codec, f *contract.File) {
	wire.String(c, &f.Path)
	mode := uint32(f.Mode)
	wire.Integer(c, &mode)
	f.Mode = fs.FileMode(mode)
	wire.Octets(c, &f.Content)
	wire.String(c, &f.Target)
}
