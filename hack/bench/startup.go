package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Columns of start-up. They do not all do the same work: docs/bench.md says
// what each one does.
const (
	floor     = "floor"
	bwrap     = "bwrap"
	crun      = "crun"
	crunHooks = "crun, hooks"
	runc      = "runc"
	runcHooks = "runc, hooks"
	oursNone  = "jailed-claude --net none"
	oursRunc  = "jailed-claude --net none --runtime runc"
	oursCrun  = "jailed-claude --net none --runtime crun"
	srt       = "srt"
)

// jail is the command that runs a program under a candidate, with the store
// paths of the folder `at` in b.dir. crun and runc run what their bundle says.
func (b *bench) jail(name, at string, program ...string) ([]string, error) {
	closure := b.file(at, "closure")
	runtime, hooks := strings.CutSuffix(name, ", hooks")
	bundle := b.file(at, "bundle-none")
	if hooks {
		bundle = b.file(at, "bundle")
	}
	switch runtime {
	case floor:
		return append([]string{b.file("floor"), closure}, program...), nil
	case bwrap:
		flags, err := bwrapFlags(b.file(at, "bundle-none", "config.json"))
		return slices.Concat([]string{"bwrap"}, flags, program), err
	case crun:
		return []string{"crun", "--root", b.file("state", "crun"), "--cgroup-manager=disabled", "run", "--bundle", bundle, b.id()}, exists(bundle)
	case runc:
		return []string{"runc", "--root", b.file("state", "runc"), "run", "--bundle", bundle, b.id()}, exists(bundle)
	case srt:
		argv := []string{b.srt(), "--settings", b.file("srt.json"), "--"}
		return append(argv, program...), needs(b.srt(), "bwrap", "socat", "rg")
	case oursNone:
		return append([]string{b.file(ours), "shell", "--closure", closure, "--net", "none", "--"}, program...), nil
	case oursRunc, oursCrun:
		by := name[strings.LastIndexByte(name, ' ')+1:]
		return append([]string{b.file(ours), "shell", "--closure", closure, "--net", "none", "--runtime", by, "--"}, program...), exists(bundle)
	case ours, base:
		return append([]string{b.file(name), "shell", "--closure", closure, "--"}, program...), exists(b.file(name))
	default:
		return nil, fmt.Errorf("who is %q", name)
	}
}

func exists(name string) error {
	_, err := os.Stat(name)
	return err
}

// bwrapFlags are bubblewrap's for the mounts of a config.json: the same binds
// and tmpfs, /proc and /dev of its own, and all its namespaces.
func bwrapFlags(config string) ([]string, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	var s specs.Spec
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", config, err)
	}
	argv := []string{"--unshare-all", "--die-with-parent", "--hostname", s.Hostname, "--proc", "/proc", "--dev", "/dev"}
	for _, m := range s.Mounts {
		switch {
		case strings.HasPrefix(m.Destination, "/dev") || m.Destination == "/proc":
		case m.Type == "tmpfs":
			argv = append(argv, "--tmpfs", m.Destination)
		case m.Type == "bind" && (slices.Contains(m.Options, "ro") || slices.Contains(m.Options, "rro")):
			argv = append(argv, "--ro-bind", m.Source, m.Destination)
		case m.Type == "bind":
			argv = append(argv, "--bind", m.Source, m.Destination)
		}
	}
	return append(argv, "--chdir", s.Process.Cwd, "--"), nil
}

// sizes are the numbers of store paths that bench.sh prepared.
func (b *bench) sizes() ([]int, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return nil, fmt.Errorf("no sizes in %s", b.dir)
	}
	return all, nil
}

// srtSize is where srt is measured. It binds folders of the host, not store
// paths: the number makes no difference to it.
const srtSize = 37

// startup measures how long it takes from starting a jail to the end of
// `true` in it.
func startup(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "Start-up, and the end of `true` in the jail", Unit: "ms", Head: "store paths", Rounds: b.rounds,
		Columns: []string{floor, bwrap, crun, crunHooks, runc, runcHooks, oursNone, oursRunc, oursCrun, ours, srt},
		Of:      ours, Against: []string{floor, bwrap, crun, crunHooks, runc, runcHooks, srt},
	}
	if exists(b.file(base)) == nil {
		t.Columns, t.Against = append(t.Columns, base), append(t.Against, base)
	}
	sizes, err := b.sizes()
	if err != nil {
		return nil, err
	}
	for _, n := range sizes {
		at := strconv.Itoa(n)
		b.say("start-up with %s store paths, %d rounds", at, b.rounds)
		program := proc.ReadLine(b.file(at, "true"))
		var all []candidate
		for _, name := range t.Columns {
			if name == srt && n != srtSize {
				continue
			}
			all = append(all, candidate{name: name, argv: func() ([]string, error) { return b.jail(name, at, program) }})
		}
		b.sideBySide(&t, at, b.rounds, all)
	}
	return &t, nil
}
