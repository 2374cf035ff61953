package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/runtime/mountinfo"
)

// observed is what holds for the agent's process, read of the kernel just
// before it executes, not of the configuration.
type observed struct {
	noNewPrivs, seccomp bool
	filters             int // of them, those that the supervisor itself has not
	landlock            bool
	capabilities        bool // none in any set
	ownNetwork          bool
	otherNetwork        bool   // not the one that was set up for it
	network             string // what there is of it
	limits              []string
	Mounts
}

// Mounts are those of a mount namespace.
type Mounts struct {
	store, readonly int
	missing         []string
	// ns is what /proc/PID/ns/mnt says of the namespace.
	ns  string
	err error
}

// Protections that Agent.Require may name.
var Protections = []string{"seccomp", "userns", "caps", "net", "limits", "landlock"}

// CheckRequired refuses a name that is none of Protections.
func CheckRequired(names []string) error {
	for _, n := range names {
		if !slices.Contains(Protections, n) {
			return hint.Add(fmt.Errorf("--require: unknown protection %q", n), "use some of "+strings.Join(Protections, ", "))
		}
	}
	return nil
}

// Agent is a process that is about to execute the agent's program, and what it
// is to be.
type Agent struct {
	PID int
	// Landlocked: PID 1 says that it is in a Landlock domain, which /proc does
	// not show.
	Landlocked bool
	// Mounts are what LookAtMounts found.
	Mounts <-chan Mounts
	// Network is what the network is, and HoldsNetwork reports whether the
	// process has it: theirs and ours are what /proc/PID/ns/net says of it and
	// of this process (namespaces(7)).
	Network      string
	HoldsNetwork func(theirs, ours string) (bool, error)
	// Limits returns those that hold for the process.
	Limits func(pid int) ([]string, error)
	// Require are protections without which it must not go on.
	Require []string
}

// Inspect returns an error unless all that a configuration promises holds, and
// what the caller requires besides; and one line of what holds.
func (a Agent) Inspect() (summary string, err error) {
	o, err := a.observe()
	if err != nil {
		return "", fmt.Errorf("inspect the jail: %w", err)
	}
	return o.String(), o.refuse(a.Require)
}

// refuse says what keeps a jail from starting: a promise of every jail that does
// not hold, or one that the caller requires.
func (o observed) refuse(require []string) error {
	switch {
	case !o.noNewPrivs || !o.capabilities:
		return fmt.Errorf("inspect the jail: the agent would have privileges")
	case !o.seccomp:
		return fmt.Errorf("inspect the jail: the agent would run without seccomp")
	case o.otherNetwork:
		return fmt.Errorf("inspect the jail: the agent's network is not the one that was set up for it")
	case len(o.missing) > 0:
		return fmt.Errorf("inspect the jail: not mounted as the configuration says: %s", strings.Join(o.missing, ", "))
	}
	for _, r := range require {
		if !o.holds(r) {
			return hint.Add(fmt.Errorf("--require %s: it does not hold for this jail", r), ways[r]...)
		}
	}
	return nil
}

// ways are to what a caller can require, and a jail may go without.
var ways = map[string][]string{
	"limits":   {"give it some, such as --memory 8GiB, --pids 500 or --cpus 2"},
	"net":      {"give it a network of its own: --net none, filtered or internet"},
	"userns":   {"leave identity.nesting out of the policy"},
	"landlock": {"jailed-claude doctor says what the kernel of this host has"},
}

// userns: the second filter forbids namespaces.
func (o observed) userns() bool { return o.filters >= 2 }

func (o observed) holds(protection string) bool {
	switch protection {
	case "seccomp":
		return o.seccomp
	case "userns":
		return o.userns()
	case "caps":
		return o.capabilities
	case "net":
		return o.ownNetwork
	case "limits":
		return len(o.limits) > 0
	case "landlock":
		return o.landlock
	}
	return false
}

func (o observed) String() string {
	word := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	limits := "none"
	if len(o.limits) > 0 {
		limits = strings.Join(o.limits, ",")
	}
	return fmt.Sprintf("net=%s seccomp=%s caps=%s userns=%s landlock=%s limits=%s store=%d readonly=%d",
		o.network, word(o.seccomp, "on", "off"), word(o.capabilities, "none", "some"),
		word(o.userns(), "closed", "open"), word(o.landlock, "on", "off"), limits, o.store, o.readonly)
}

func (a Agent) observe() (observed, error) {
	o := observed{landlock: a.Landlocked, network: a.Network}
	proc := filepath.Join("/proc", strconv.Itoa(a.PID))
	status, err := readStatus(filepath.Join(proc, "status"))
	if err != nil {
		return o, err
	}
	o.noNewPrivs = status["NoNewPrivs"] == "1"
	o.seccomp = status["Seccomp"] == "2"
	if o.filters, err = ownFilters(status); err != nil {
		return o, err
	}
	o.capabilities = true
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		if strings.Trim(status[set], "0") != "" {
			o.capabilities = false
		}
	}
	// Of this thread: "self" is the first one of the process, which Go may have
	// given to the network's goroutine, and that is inside.
	ours, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return o, err
	}
	theirs, err := os.Readlink(filepath.Join(proc, "ns/net"))
	if err != nil {
		return o, err
	}
	right, err := a.HoldsNetwork(theirs, ours)
	if err != nil {
		return o, err
	}
	o.ownNetwork, o.otherNetwork = ours != theirs, !right
	if o.limits, err = a.Limits(a.PID); err != nil {
		return o, err
	}
	o.Mounts = <-a.Mounts
	if o.err != nil {
		return o, o.err
	}
	ns, err := os.Readlink(filepath.Join(proc, "ns/mnt"))
	if err == nil && ns != o.ns {
		err = fmt.Errorf("the agent is in %s and PID 1 in %s", ns, o.ns)
	}
	return o, err
}

// LookAtMounts looks at the mounts of PID 1, beside whatever else happens. From
// the time that it says that they stay as they are nobody but itself and what
// becomes the agent runs among them.
func LookAtMounts(pid int, s *specs.Spec) <-chan Mounts {
	found := make(chan Mounts, 1)
	go func() {
		var m Mounts
		m.err = m.look(filepath.Join("/proc", strconv.Itoa(pid)), s)
		found <- m
	}()
	return found
}

func (m *Mounts) look(proc string, s *specs.Spec) (err error) {
	if m.ns, err = os.Readlink(filepath.Join(proc, "ns/mnt")); err != nil {
		return err
	}
	have, err := mountinfo.Read(filepath.Join(proc, "mountinfo"), len(s.Mounts))
	if err != nil {
		return err
	}
	m.compareMounts(have, s.Mounts)
	if err := m.compareLayers(filepath.Join(proc, "mountinfo"), s.Mounts); err != nil {
		return err
	}
	root := filepath.Join(proc, "root")
	m.compareMasks(have, s, func(p string) bool {
		_, err := os.Lstat(filepath.Join(root, p))
		return err == nil
	})
	return nil
}

// compareLayers checks that every layer is one, and that the kernel took the
// option without which it fails later.
func (m *Mounts) compareLayers(file string, all []specs.Mount) error {
	for _, w := range all {
		if w.Type != "overlay" {
			continue
		}
		kind, options, err := mountinfo.Super(file, w.Destination)
		if err != nil {
			return err
		}
		if kind != w.Type || !slices.Contains(strings.Split(options, ","), "userxattr") {
			m.missing = append(m.missing, strconv.Quote(w.Destination)+" (a layer with userxattr)")
		}
	}
	return nil
}

// compareMasks checks that the root is read-only if it shall be, and that every
// path that is hidden or read-only by the configuration's own lists is a mount of
// its own, if it exists: an OCI runtime passes over those that do not.
func (m *Mounts) compareMasks(have mountinfo.Table, s *specs.Spec, exists func(string) bool) {
	if s.Root.Readonly && !have.Has("/", "ro") {
		m.missing = append(m.missing, strconv.Quote("/"))
	}
	for _, p := range s.Linux.MaskedPaths {
		if _, ok := have[p]; !ok && exists(p) {
			m.missing = append(m.missing, strconv.Quote(p))
		}
	}
	for _, p := range s.Linux.ReadonlyPaths {
		if !have.Has(p, "ro") && exists(p) {
			m.missing = append(m.missing, strconv.Quote(p))
		}
	}
	slices.Sort(m.missing)
}

// ownFilters is how many seccomp filters a process has beyond those of this one,
// which it inherited (Seccomp_filters, since kernel 5.9).
func ownFilters(status map[string]string) (int, error) {
	ours, err := readStatus("/proc/self/status")
	if err != nil {
		return 0, err
	}
	all, _ := strconv.Atoi(status["Seccomp_filters"])
	inherited, _ := strconv.Atoi(ours["Seccomp_filters"])
	return all - inherited, nil
}

func readStatus(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := map[string]string{}
	for line := range strings.Lines(string(text)) {
		k, v, _ := strings.Cut(line, ":")
		m[k] = strings.TrimSpace(v)
	}
	return m, nil
}

// compareMounts checks every mount of the configuration against mountinfo(5):
// it is there, is nobody else's as well (mount propagation), and, if it shall
// be, is read-only, nosuid, nodev and noexec.
func (m *Mounts) compareMounts(have mountinfo.Table, all []specs.Mount) {
	want := make(map[string]*specs.Mount, len(all))
	for i := range all {
		want[all[i].Destination] = &all[i] // a later mount lies on top
	}
	for dest, w := range want {
		ok := have[dest] != ""
		for _, opt := range []string{"ro", "nosuid", "nodev", "noexec"} {
			if slices.Contains(w.Options, opt) && !have.Has(dest, opt) {
				ok = false
			}
		}
		switch {
		case !ok:
			m.missing = append(m.missing, strconv.Quote(dest))
		case strings.HasPrefix(dest, storepath.Dir+"/"):
			m.store++
		case slices.Contains(w.Options, "ro"):
			m.readonly++
		}
	}
	slices.Sort(m.missing)
}
