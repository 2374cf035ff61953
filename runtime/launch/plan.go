package launch

import (
	"errors"
	"io/fs"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/memfd"
	"github.com/jailed-claude/jailed-claude/runtime/announcement"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Plan is what crosses from the planning process to the supervisor.
type Plan struct {
	Rootfs  []contract.File
	Options Options
	Spec    *specs.Spec
	// Network is what Spec says of it, parsed where the plan is read; nil where
	// there is none.
	Network *network.Network
	// Announced is by what the jail is found, where the plan was received.
	Announced *announcement.File
}

// write makes a file that cannot change any more.
func (p *Plan) write() (*os.File, error) {
	// Most of it are mounts, and growing it is half of the work.
	w := wire.Writer(16<<10 + len(p.Options.Seccomp) + 256*len(p.Spec.Mounts))
	p.cross(w)
	f, err := memfd.Create("jail")
	if err != nil {
		return nil, err
	}
	if err := memfd.Seal(f, w.Bytes()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readPlan reads what write wrote. The configuration has to pass the checks
// once more: what runs is what is written there.
func readPlan(f *os.File) (*Plan, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, fi.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, err
	}
	p := new(Plan)
	r := wire.Reader(text)
	p.cross(r)
	if err := r.End(); err != nil {
		return nil, err
	}
	if p.Network, err = contract.Open(p.Spec); err != nil {
		return nil, err
	}
	return p, nil
}

// cross writes p, or reads it.
func (p *Plan) cross(c *wire.Codec) {
	if p.Spec == nil {
		p.Spec = new(specs.Spec)
	}
	wire.Spec(c, p.Spec)
	p.Options.cross(c)
	wire.List(c, &p.Rootfs, crossFile)
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
	wire.Map(c, &o.Upstream)
	wire.String(c, &o.Agent)
	wire.String(c, &o.Cgroup)
	wire.Strings(c, &o.Then)
	wire.Integer(c, &o.Waiting)
	wire.Octets(c, &o.Receipt.Draft)
	wire.Integer(c, &o.Receipt.Dir)
	wire.String(c, &o.Receipt.Name)
	wire.Integer(c, &o.Receipt.Key)
	wire.String(c, &o.Receipt.Agent)
	wire.String(c, &o.Runtime)
	wire.Flag(c, &o.Refusable)
	wire.Integer(c, &o.Desk)
	wire.Integer(c, &o.State.Dir)
	wire.String(c, &o.State.Project)
	wire.Integer(c, &o.Asker)
	wire.String(c, &o.Home)
	wire.String(c, &o.Project)
}

func crossFile(c *wire.Codec, f *contract.File) {
	wire.String(c, &f.Path)
	mode := uint32(f.Mode)
	wire.Integer(c, &mode)
	f.Mode = fs.FileMode(mode)
	wire.Octets(c, &f.Content)
	wire.String(c, &f.Target)
}
