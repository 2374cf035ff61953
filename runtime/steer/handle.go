package steer

import (
	"fmt"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Jail is what a supervisor knows of its own.
type Jail struct {
	// Session is its network; nil where there is none to speak of: the host's, or
	// none at all.
	Session *egress.Session
	// Mode is its mode.
	Mode string
	// Rootfs has the facts of the jail, Masked are the paths of config.json that
	// are covered.
	Rootfs []contract.File
	Masked []string
}

// Handle answers what this package asks.
func Handle(s *control.Server, j Jail) {
	s.Handle(askAllow, j.changing((*egress.Session).Allow))
	s.Handle(askDeny, j.changing((*egress.Session).Deny))
	s.Handle(askPorts, j.ports)
	s.Handle(askWhy, j.why)
}

// session is the network, if there is one that can be changed.
func (j Jail) session() (*egress.Session, error) {
	if j.Session != nil {
		return j.Session, nil
	}
	if j.Mode == network.Host {
		return nil, hint.Add(fmt.Errorf("this jail has the network of the host (mode %q): there are no rules to change", j.Mode), "start it with --net filtered or --net internet")
	}
	return nil, hint.Add(fmt.Errorf("this jail has no network (mode %q)", j.Mode), "start it with --net filtered")
}

func (j Jail) changing(change func(*egress.Session, []string) error) control.Handler {
	return func(r *control.Request) (any, error) {
		var args rules
		if err := r.Decode(&args); err != nil {
			return nil, err
		}
		s, err := j.session()
		if err != nil {
			return nil, err
		}
		if len(args.Rules) > 0 {
			if err := change(s, args.Rules); err != nil {
				return nil, err
			}
		}
		return now(s), nil
	}
}

func now(s *egress.Session) Now {
	allow, deny := s.Added()
	refused, barred := s.Refusals()
	return Now{Allowed: append([]string{}, allow...), Denied: append([]string{}, deny...), Waiting: append([]string{}, s.Waiting()...), Refused: refused, Barred: barred}
}

func (j Jail) ports(r *control.Request) (any, error) {
	var args ports
	if err := r.Decode(&args); err != nil {
		return nil, err
	}
	s, err := j.session()
	if err != nil {
		return nil, err
	}
	for _, p := range args.Close {
		if err := s.Unpublish(p); err != nil {
			return nil, err
		}
	}
	for _, p := range args.Publish {
		if err := s.Publish(p); err != nil {
			return nil, err
		}
	}
	return append([]uint16{}, s.Ports()...), nil
}

func (j Jail) why(r *control.Request) (any, error) {
	var args question
	if err := r.Decode(&args); err != nil {
		return nil, err
	}
	f, err := j.facts()
	if err != nil {
		return nil, err
	}
	if args.Path != "" {
		return f.Path(args.Path), nil
	}
	var rules *network.Rules
	if j.Session != nil {
		rules = j.Session.Rules()
	}
	a := f.Host(args.Host, args.Port, rules)
	if j.Session != nil {
		allow, deny := j.Session.Added()
		if slices.Contains(append(allow, deny...), a.Rule) {
			a.From = "added while the jail ran"
		}
	}
	return a, nil
}

// Files are the host's files as the jail has them (ide.Files).
func (j Jail) Files() (*Files, error) {
	f, err := j.facts()
	return &Files{f}, err
}

// Files say what a jail has of the host's files.
type Files struct{ facts brief.Facts }

// ProjectDir is the folder in which its agent works.
func (f *Files) ProjectDir() string { return f.facts.Project }

// Shows reports whether it reads at a path what the host has there.
func (f *Files) Shows(path string) bool { reads, _ := f.facts.OnHost(path); return reads }

// Changes reports whether what it writes there is the host's at once.
func (f *Files) Changes(path string) bool { _, writes := f.facts.OnHost(path); return writes }

// facts are what the jail itself may read, and what is hidden from it.
func (j Jail) facts() (brief.Facts, error) {
	i := slices.IndexFunc(j.Rootfs, func(f contract.File) bool { return f.Path == brief.FactsPath })
	if i < 0 {
		return brief.Facts{}, fmt.Errorf("this jail has no %s: it was started by another version", brief.FactsPath)
	}
	f, err := brief.Read(j.Rootfs[i].Content)
	for _, p := range j.Masked {
		if !contract.InFrame(p) {
			f.Hidden = append(f.Hidden, brief.Protected{Path: p, Why: "files.hide, or a socket of the host"})
		}
	}
	return f, err
}
