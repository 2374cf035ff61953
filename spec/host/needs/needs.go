package needs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// Need is one thing that a jail wants of this host.
type Need struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Required: without it no jail starts. The others are told for what they
	// give.
	Required bool `json:"required"`
	// Detail is one line: what was found.
	Detail string `json:"detail"`
	// Fix are commands as the user pastes them into a shell, in order. One
	// may have several lines.
	Fix []string `json:"fix,omitempty"`
}

// Needs tries what a jail needs of this host and says what to do where that
// fails. The project that it looks at is the working directory.
//
// redirect tries to close a network namespace with nf_tables; what it returns
// is shown. Nil only looks for signs of them.
// own are agents of the user's own.
func Needs(ctx context.Context, redirect func(context.Context) error, own []agent.Defined) []Need {
	p := thisProbe()
	p.own = own
	if redirect != nil {
		p.redirect = redirect
	}
	return p.needs(ctx, "")
}

// blame returns the required needs that fail, for the error after a start that
// failed. It is empty if this host is not to blame.
func blame(context.Context) []Need { return failing(thisProbe().required()) }

func failing(all []Need) (bad []Need) {
	for _, n := range all {
		if n.Required && !n.OK {
			bad = append(bad, n)
		}
	}
	return bad
}

// probe is a source that can also be tried out. Tests play another kernel.
type probe struct {
	*source.Source
	// executable is this program, for the AppArmor profile.
	executable string
	// try makes a user namespace, and in it the namespaces of flags.
	try func(flags uintptr) error
	// redirect has connections of a network namespace redirected.
	redirect func(context.Context) error
	// landlock returns the version of the kernel's Landlock.
	landlock func() (int, error)
	// terminal says whether a descriptor is one.
	terminal func(fd int) bool
	// own are agents of the user's own.
	own []agent.Defined
}

func thisProbe() *probe {
	s := source.This()
	p := &probe{Source: s, try: tryNamespaces(s.UID, s.GID), redirect: netfilterSocket, landlock: landlockVersion, terminal: isTerminal}
	if f, err := host.Caller(s); err == nil {
		p.executable = f.Executable
	}
	return p
}

// required are those without which no jail starts.
func (p *probe) required() []Need { return []Need{p.userNamespaces(), p.seccomp()} }

func (p *probe) needs(ctx context.Context, project string) []Need {
	needs := append(p.required(), p.project(project), p.kernel(), p.cgroups(), p.nfTables(ctx), p.landlocked())
	needs = append(needs, p.nix(ctx, project)...)
	return append(needs, p.proxy(), p.agent(), p.tty(), Need{
		Name: "subuid", OK: true,
		Detail: "not needed: a jail maps your own ids only, so /etc/subuid, /etc/subgid and newuidmap play no part",
	})
}

// proc reads a small file of /proc or /sys; empty if there is none.
func (p *probe) proc(path string) string {
	text, err := source.ReadText(p.Root + path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// status is a field of /proc/self/status.
func (p *probe) status(field string) (string, bool) {
	for line := range strings.Lines(p.proc("/proc/self/status")) {
		if name, value, ok := strings.Cut(line, ":"); ok && name == field {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

func (p *probe) seccomp() Need {
	n := Need{Name: "seccomp", Required: true}
	_, listed := p.status("Seccomp")
	actions := strings.Fields(p.proc("/proc/sys/kernel/seccomp/actions_avail"))
	switch {
	case !listed && len(actions) == 0:
		n.Detail = "the kernel has no system call filter (CONFIG_SECCOMP_FILTER)"
	default:
		n.OK, n.Detail = true, "the kernel filters system calls"
	}
	return n
}

// project is not required: who asks may stand anywhere, in the home mostly.
func (p *probe) project(dir string) Need {
	n := Need{Name: "project"}
	f, err := host.Caller(p.Source)
	if err == nil {
		dir, err = host.FindProject(p.Source, dir, f)
	}
	var pe *host.ProjectError
	switch {
	case errors.As(err, &pe) && pe.Hint != "":
		n.Detail = pe.Error() + ": " + pe.Hint
	case err != nil:
		n.Detail = err.Error()
	case unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS) != nil:
		n.Detail = fmt.Sprintf("%q is read-only for you, and so for the agent", dir)
	default:
		n.OK, n.Detail = true, fmt.Sprintf("%q can be read and written", dir)
	}
	return n
}

// kernel tells what the version brings. What a jail cannot do without is of
// 5.9: close_range(2), and the number of filters in proc(5).
func (p *probe) kernel() Need {
	n := Need{Name: "kernel", Detail: p.proc("/proc/sys/kernel/osrelease")}
	var major, minor int
	if _, err := fmt.Sscanf(n.Detail, "%d.%d", &major, &minor); err != nil {
		n.Detail = "the version is unknown"
		return n
	}
	newer := func(wantMajor, wantMinor int) bool {
		return major > wantMajor || major == wantMajor && minor >= wantMinor
	}
	switch {
	case newer(5, 12):
		n.OK = true
		n.Detail += ": sets the flags of all store paths at once (mount_setattr, since 5.12)"
	case newer(5, 10):
		n.OK = true
		n.Detail += ": flags of mounts are set one by one, and an exported bundle's \"rro\" is not known (mount_setattr is since 5.12)"
	default:
		n.Detail += ": too old, a jail needs 5.10"
	}
	return n
}

// nfTables is not required: there are networks without.
func (p *probe) nfTables(ctx context.Context) Need {
	n := Need{Name: "nf_tables", OK: true, Detail: "connections of a jail can be redirected to its rules"}
	if err := p.redirect(ctx); err != nil {
		n.OK, n.Detail = false, fmt.Sprintf("%v; without it: network.via = \"proxy\" in the policy, --net none, or --net host", err)
		if p.contained() == "" {
			n.Fix = []string{"sudo modprobe -a nf_tables nft_chain_nat nft_ct nft_reject_inet"}
		}
	}
	return n
}

func (p *probe) landlocked() Need {
	n := Need{Name: "landlock"}
	v, err := p.landlock()
	if err != nil {
		n.Detail = fmt.Sprintf("not enabled (%v); a jail does not need it", err)
		return n
	}
	n.OK, n.Detail = true, fmt.Sprintf("version %d; a jail does not need it", v)
	return n
}

func (p *probe) agent() Need {
	a := agent.Default()
	n := Need{Name: a.Name}
	path, err := p.Look(a.Programs[0])
	if err != nil {
		others := agent.All()
		for _, d := range p.own {
			others = append(others, d.Agent())
		}
		for _, other := range others {
			if len(other.Programs) == 0 {
				continue
			}
			if path, err := p.Look(other.Programs[0]); err == nil {
				return Need{Name: other.Name, OK: true, Detail: path + "; to run it: jailed-claude run " + other.Name}
			}
		}
		n.Detail = "not on PATH; name it with --package or agent.package in the policy, or install it"
		n.Fix = []string{a.Install}
		if _, err := p.Look("nix"); err == nil {
			n.Fix = []string{a.InstallNix}
		}
		return n
	}
	n.OK, n.Detail = true, path
	if real := source.Settle(path); real != path {
		n.Detail += " -> " + real
	}
	return n
}

func (p *probe) tty() Need {
	n := Need{Name: "terminal", OK: true}
	switch in, out := p.terminal(0), p.terminal(1); {
	case in && out:
		n.Detail = "standard input and output are a terminal"
	case in || out:
		n.Detail = "only one of standard input and output is a terminal: the agent gets no terminal of its own"
	default:
		n.Detail = "none: the agent gets no terminal of its own"
	}
	return n
}
