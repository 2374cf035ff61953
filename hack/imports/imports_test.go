package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/jailed-claude/jailed-claude"

// Packages of others that rules name.
const (
	runc   = "github.com/opencontainers/runc"
	logrus = "github.com/sirupsen/logrus"
	cobra  = "github.com/spf13/cobra"
	pflag  = "github.com/spf13/pflag"
	toml   = "github.com/pelletier/go-toml"
)

// rule is one row of the table.
type rule struct {
	// packages of this module, relative to its root; "/..." stands for those
	// below as well, "..." for all. A leading "!" takes packages out again.
	packages []string
	// direct: what they import themselves; otherwise what they depend on by
	// whatever way.
	direct bool
	// never are the packages that must not be there, with those below them.
	never []string
	// but are those of never, with those below them, that may be there.
	but []string
	// because is the reason.
	because string
	// later: there is no such package yet.
	later bool
}

// pure are the packages that say what a jail is.
var pure = []string{
	"spec", "spec/authorities", "spec/broker", "spec/canon", "spec/compare", "spec/gitconfig", "spec/lent", "spec/contract", "spec/contract/brief", "spec/contract/wire", "spec/pattern", "spec/policy",
	"spec/profile", "spec/policy/fault", "spec/policy/change", "spec/policy/confine", "spec/policy/define", "spec/policy/jsonschema", "spec/policy/key", "spec/policy/lending", "spec/policy/nearest", "spec/policy/position", "spec/policy/render", "spec/policy/scalar", "spec/policy/starter", "spec/policy/suggest", "spec/portable",
	"internal/digest", "internal/paths", "internal/storepath",
}

// table: imports run one way, cmd -> spec/{policy,host,closure}, spec, bundle,
// runtime; runtime -> bundle -> spec.
var table = []rule{
	{
		packages: pure, direct: true, never: []string{"os"},
		because: "what a jail is, is a pure function: golden tests need no host",
	},
	{
		packages: pure, direct: true, never: []string{"time", "math/rand", "math/rand/v2", "crypto/rand"},
		because: "the same inputs give the same bytes on any day: there is no clock and no chance to read",
	},
	{
		packages: pure, never: []string{runc, logrus, module + "/bundle", module + "/runtime"},
		because: "golden tests need no cgo and no privileges",
	},
	{
		packages: []string{"spec/host", "spec/host/source", "spec/host/git", "spec/host/needs", "spec/host/survey", "spec/host/survey/known", "spec/host/hosttest", "spec/closure", "spec/closure/inventory", "spec/closure/registration", "spec/claude", "spec/claude/account", "internal/beneath", "spec/claude/folder", "spec/claude/object", "spec/claude/bring", "spec/seed", "spec/trust", "spec/projects", "spec/toolchain", "spec/toolchain/home", "spec/caches", "spec/locale", "spec/organisation", "spec/browser"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime"},
		because: "facts are gathered before anything is built",
	},
	{
		packages: []string{"spec/login"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime"},
		because: "a placeholder is there before a jail is, and whoever sends tokens knows no placeholder's file",
	},
	{
		packages: []string{"spec/claude/folder", "spec/claude/account"}, never: []string{module + "/spec/claude"}, but: []string{module + "/spec/claude/folder", module + "/internal/beneath", module + "/spec/claude/object"},
		because: "what a configuration is read with does not depend on what is done with it",
	},
	{
		packages: []string{"spec/compare/files"}, never: []string{runc, logrus, cobra, pflag, module + "/runtime"},
		because: "what is compared is read by anybody who names two files",
	},
	{
		packages: []string{"spec/plan", "spec/plan/overlay", "spec/plan/trusted", "spec/plan/pods", "spec/plan/receipts", "spec/plan/starting", "spec/kept", "spec/own"}, never: []string{runc, logrus, cobra, pflag, module + "/runtime"},
		because: "a plan is values: the command line decides what is printed and what is started",
	},
	{
		packages: []string{"runtime/sessionlog"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/supervisor"},
		because: "logs are read where no jail runs",
	},
	{
		packages: []string{"bundle/..."}, never: []string{runc, logrus, module + "/runtime"},
		because: "a bundle is data: it is made without libcontainer and without cgo",
	},
	{
		packages: []string{"runtime/...", "bundle/..."}, never: []string{module + "/spec"}, but: []string{module + "/spec/contract", module + "/spec/network", module + "/spec/search"},
		because: "config.json is the whole contract: what runc would not be told, this runtime does not know either",
	},
	{
		packages: []string{"runtime/sidecar"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/supervisor"},
		because: "a container next to the agent's has brokers, and no jail",
	},
	{
		packages: []string{"bundle/pod"}, never: []string{"k8s.io", "sigs.k8s.io", "os/exec", "net/http"},
		because: "a Pod is text: the real types of Kubernetes are 30 MB of source, and only tests read with them",
	},
	{
		packages: []string{"runtime/...", "bundle/..."}, never: []string{toml, cobra, pflag},
		because: "whoever starts a jail reads no policy and no command line, and does not link what reads them",
	},
	{
		packages: []string{"spec/contract", "spec/contract/..."}, never: []string{toml, module}, but: []string{module + "/spec/network", module + "/spec/contract", module + "/internal"},
		because: "it is what everything else of a jail is built on",
	},
	{
		packages: []string{"spec/contract/wire", "spec/contract/wire/wiretest"}, direct: true, never: []string{module},
		because: "a codec knows the fields of a configuration, and not what they are good for",
	},
	{
		packages: []string{"internal/..."}, never: []string{module}, but: []string{module + "/internal"},
		because: "a leaf is for everybody",
	},
	{
		packages: []string{"spec/network"}, direct: true, never: []string{"os", "net/http", "time", module},
		because: "what may be reached is decided without resolving, dialling or waiting",
	},
	{
		packages: []string{"spec/agent", "spec/preset"}, direct: true, never: []string{"os", module}, but: []string{module + "/spec/network", module + "/spec/agent", module + "/spec/policy/nearest"},
		because: "what an agent is, is a table: it reads nothing, and every other package of spec may read it",
	},
	{
		packages: []string{"spec/search"}, never: []string{"os", module},
		because: "it says where searches go; those who search import it, on both sides of config.json",
	},
	{
		packages: []string{"runtime/egress/..."}, never: []string{runc, module + "/bundle", module + "/spec/policy", module + "/spec/host", "github.com/opencontainers/runtime-spec"},
		because: "a network policy engine knows nothing of containers",
	},
	{
		packages: []string{"spec/host/sshfiles"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime"},
		because: "facts are gathered before anything is built",
	},
	{
		packages: []string{"runtime/egress/upstream"}, direct: true, never: []string{"os", module}, but: []string{module + "/spec/network", module + "/internal"},
		because: "a proxy is spoken to without knowing for whom",
	},
	{
		packages: []string{"runtime/egress/sigv4"}, direct: true, never: []string{"os", module},
		because: "a signature is made of a request and a key",
	},
	{
		packages: []string{"runtime/egress/sshagent"}, direct: true, never: []string{"os", "os/exec", module}, but: []string{module + "/spec/network"},
		because: "what is signed is decided by the bytes of two connections alone",
	},
	{
		packages: []string{"runtime/bridge"}, direct: true, never: []string{"os/exec", module}, but: []string{module + "/spec/network"},
		because: "what a jail may ask for is decided without a program that does it",
	},
	{
		packages: []string{"runtime/bridge/desk", "runtime/bridge/ide", "runtime/bridge/programs"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/bridge", module + "/spec/contract", module + "/spec/network", module + "/internal"},
		because: "what starts programs, and what asks for them, knows no jail",
	},
	{
		packages: []string{"runtime/hostagent"}, never: []string{module, runc, logrus}, but: []string{module + "/runtime/hostagent"},
		because: "a socket is connected to whatever it is for",
	},
	{
		packages: []string{"runtime/question"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/question", module + "/runtime/bridge", module + "/spec/network"},
		because: "whoever asks a user knows no container",
	},
	{
		packages: []string{"runtime/terminal"}, never: []string{runc, logrus, module + "/spec", module + "/bundle"},
		because: "a filter of bytes knows nothing of containers",
	},
	{
		packages: []string{"runtime/seccomp", "runtime/jailinit"}, never: []string{runc, logrus, module + "/bundle"},
		because: "they are used by whatever starts a jail, and know nothing of how",
	},
	{
		packages: []string{"runtime/control"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/control", module + "/internal"},
		because: "it carries questions and answers, and knows none of them",
	},
	{
		packages: []string{"runtime/announcement"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/announcement", module + "/internal"},
		because: "it carries what a jail says of itself, and knows neither who says it nor who reads it",
	},
	{
		packages: []string{"runtime/pty"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/pty"},
		because: "terminals are the same whoever uses them",
	},
	{
		packages: []string{"runtime/enter"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/supervisor"},
		because: "a further program needs PID 1 of a jail and nothing of how that came to be",
	},
	{
		packages: []string{"runtime/viewers"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/supervisor"},
		because: "a terminal is shown without knowing what runs in it",
	},
	{
		packages: []string{"runtime/session/..."}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/supervisor"},
		because: "commands talk to a running jail without knowing how it was made",
	},
	{
		packages: []string{"runtime/launch"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/supervisor"},
		because: "whoever plans a jail makes nothing of it",
	},
	{
		packages: []string{"runtime/watch"}, never: []string{runc, module + "/bundle", module + "/runtime"}, but: []string{module + "/runtime/watch"},
		because: "what changed on the host is found without knowing how the jail was made",
	},
	{
		packages: []string{"bundle/review/..."}, never: []string{module}, but: []string{module + "/bundle/review", module + "/bundle/layer", module + "/spec/contract", module + "/spec/network", module + "/internal"},
		because: "what the host executes or trusts is said by callers, so that jails with and without a layer go by the same list",
	},
	{
		packages: []string{"bundle/review/upper", "bundle/review/page", "bundle/review/judge"}, never: []string{module}, but: []string{module + "/bundle/review/upper", module + "/internal"},
		because: "reading a layer changes nothing, and a page is made of text",
	},
	{
		packages: []string{"bundle/receipt"}, never: []string{module}, but: []string{module + "/bundle/receipt", module + "/bundle/review/upper", module + "/internal"},
		because: "a receipt is read and verified where no jail is, by whoever has one",
	},
	{
		packages: []string{"bundle/receipt/sshsig"}, direct: true, never: []string{module, "os", "os/exec"},
		because: "a signature is made of a key and a text",
	},
	{
		packages: []string{"runtime/attest"}, never: []string{runc, module + "/runtime/supervisor"},
		because: "what is written of a session is what others found out",
	},
	{
		packages: []string{"bundle/layer"}, never: []string{module}, but: []string{module + "/bundle/layer", module + "/spec/contract", module + "/spec/network", module + "/internal"},
		because: "the folder of a layer is read by whoever mounts it, reviews it or plans with it",
	},
	{
		packages: []string{"runtime/gitfront"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/gitfront", module + "/runtime/constructor", module + "/spec/contract", module + "/spec/network", module + "/internal"},
		because: "it asks git, and decides by what a jail is told",
	},
	{
		packages: []string{"runtime/nonamespaces"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/nonamespaces", module + "/spec/contract", module + "/spec/network", module + "/internal"},
		because: "it says one thing",
	},
	{
		packages: []string{"runtime/layer"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/layer", module + "/runtime/rootfs", module + "/runtime/mountinfo", module + "/bundle/layer", module + "/spec/contract", module + "/spec/network", module + "/spec/search", module + "/internal"},
		because: "it holds layers, whatever jail they are of",
	},
	{
		packages: []string{"runtime/hold"}, never: []string{runc, logrus, module + "/spec", module + "/bundle", module + "/runtime"},
		but:     []string{module + "/runtime/hold", module + "/runtime/rootfs", module + "/runtime/mountinfo"},
		because: "it keeps mounts where they are, whatever they are for",
	},
	{
		packages: []string{"runtime/inspect"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/inspect", module + "/runtime/mountinfo", module + "/internal"},
		because: "it believes the kernel, and nobody who made the jail",
	},
	{
		packages: []string{"runtime/key/asker"}, never: []string{runc, logrus, module + "/bundle", module + "/runtime/launch", module + "/runtime/supervisor"},
		because: "commands for keys are asked without knowing what a jail is",
	},
	{
		packages: []string{"runtime/foreign"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/foreign", module + "/bundle", module + "/spec/contract", module + "/spec/network", module + "/spec/search", module + "/internal"},
		because: "another runtime is called as anybody would call it, whatever the container is for",
	},
	{
		packages: []string{"runtime/slurm"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/slurm", module + "/bundle", module + "/spec/contract", module + "/spec/network", module + "/spec/search", module + "/internal"},
		because: "of a job the command alone is taken: who plans jails has no part in it",
	},
	{
		packages: []string{"runtime/orders"}, never: []string{runc, logrus, module}, but: []string{module + "/runtime/orders"},
		because: "what PID 1 reads is a format and nothing else",
	},
	{
		packages: []string{"runtime/cgroup"}, never: []string{runc, module + "/spec", module + "/bundle", module + "/runtime/supervisor"},
		because: "limits are made and held without knowing what else a jail is",
	},
	{
		packages: []string{"runtime/rootfs", "runtime/mountinfo"}, never: []string{runc, logrus, module + "/spec", module + "/bundle", module + "/runtime/supervisor"},
		because: "mounts are made and read without a container, so that they are tested without one",
	},
	{
		packages: []string{"runtime/audit/..."}, never: []string{runc, logrus, module + "/spec", module + "/bundle", module + "/runtime/supervisor"},
		because: "the attacker knows nothing of how a jail is made: it attacks those of others as well",
	},
	{
		packages: []string{"runtime/audit/attack/..."}, never: []string{module + "/runtime/audit"}, but: []string{module + "/runtime/audit/attack"},
		because: "who attacks knows nothing of who judges",
	},
	{
		packages: []string{"runtime/audit/attack", "runtime/audit/attack/files", "runtime/audit/attack/network", "runtime/audit/attack/kernel", "runtime/audit/attack/moves", "runtime/audit/attack/neighbours", "runtime/audit/attack/keys", "runtime/audit/attack/bridges"},
		never:    []string{module + "/runtime/audit/attack/files", module + "/runtime/audit/attack/network", module + "/runtime/audit/attack/kernel", module + "/runtime/audit/attack/moves", module + "/runtime/audit/attack/neighbours", module + "/runtime/audit/attack/keys", module + "/runtime/audit/attack/bridges", module + "/runtime/audit/attack/suite"},
		because:  "attacks of one subject are read without those of another",
	},
	{
		packages: []string{"...", "!runtime/..."}, direct: true, never: []string{runc, "github.com/opencontainers/cgroups"},
		because: "libcontainer needs cgo, re-executes the program and wants its init called first: that stays in one place",
	},
	{
		packages: []string{"...", "!cmd/...", "!runtime/..."}, direct: true, never: []string{logrus},
		because: "what is below returns errors, it does not log",
	},
	{
		packages: []string{"...", "!cmd/...", "!hack/..."}, direct: true, never: []string{cobra, pflag, "flag"},
		because: "the command line belongs to cmd",
	},
	{
		packages: []string{"...", "!hack/..."}, direct: true, never: []string{"testing", module + "/hack"},
		because: "what is for the people who work on this does not get into the program",
	},
	{
		packages: []string{"...", "!hack/...", "!cmd/..."}, direct: true, never: []string{module + "/cmd"},
		because: "what is for the command line does not get into anything else",
	},
}

// goPackage is what "go list -json" says of one.
type goPackage struct {
	ImportPath                                                  string
	Imports, Deps, TestImports, XTestImports, GoFiles, CgoFiles []string
	Standard                                                    bool
	Error                                                       *struct{ Err string }
}

// name is the package's path relative to the module's root.
func (p goPackage) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// goTool runs go in the root of the module.
func goTool(t *testing.T, env []string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("go")
	if err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") != "" {
			t.Fatal("go is not on PATH")
		}
		t.Skip("go is not on PATH")
	}
	c := exec.Command(path, args...)
	c.Dir = "../.."
	c.Env = append(os.Environ(), env...)
	out, err := c.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, exit.Stderr)
		}
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// list returns packages as they are built.
func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	return listed(t, "1", args...)
}

// listed is list with cgo ("1") or without ("0").
func listed(t *testing.T, cgo string, args ...string) []goPackage {
	t.Helper()
	out := goTool(t, []string{"CGO_ENABLED=" + cgo}, append([]string{
		"list", "-tags=seccomp,netgo,osusergo,runc_nocriu",
		"-json=ImportPath,Imports,Deps,TestImports,XTestImports,GoFiles,CgoFiles,Standard,Error",
	}, args...)...)
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Error != nil {
			t.Fatalf("%s: %s", p.ImportPath, p.Error.Err)
		}
		all = append(all, p)
	}
}

// within: path is root or lies below it, by component.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func (r rule) applies(name string) bool {
	applies := false
	for _, pattern := range r.packages {
		pattern, not := strings.CutPrefix(pattern, "!")
		root, below := strings.CutSuffix(pattern, "/...")
		if pattern == "..." || below && within(name, root) || name == pattern {
			applies = !not
		}
	}
	return applies
}

// broken returns what a package has that the rule forbids.
func (r rule) broken(p goPackage) []string {
	if !r.applies(p.name()) {
		return nil
	}
	have := p.Deps
	if r.direct {
		have = p.Imports
	}
	var found []string
	for _, n := range r.never {
		for _, h := range have {
			if within(h, n) && h != p.ImportPath && !slices.ContainsFunc(r.but, func(b string) bool { return within(h, b) }) {
				found = append(found, h)
			}
		}
	}
	return found
}

func TestImports(t *testing.T) {
	packages := list(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("only %d packages", len(packages))
	}
	for _, r := range table {
		if r.because == "" {
			t.Errorf("%q: a rule without a reason", r.packages)
		}
		if used := slices.ContainsFunc(packages, func(p goPackage) bool { return r.applies(p.name()) }); used == r.later {
			t.Errorf("%q: is there such a package: %v; the table says otherwise", r.packages, used)
		}
		for _, p := range packages {
			for _, b := range r.broken(p) {
				t.Errorf("%s has %s: it must not, for %s", p.name(), b, r.because)
			}
		}
	}
	// A new package of spec has to be given a place in the table.
	for _, p := range packages {
		if name := p.name(); within(name, "spec") && !slices.ContainsFunc(table, func(r rule) bool { return slices.Contains(r.packages, name) }) {
			t.Errorf("no rule names %s", name)
		}
	}
}

// TestRules: the rules find what they forbid, and nothing else.
func TestRules(t *testing.T) {
	p := goPackage{ImportPath: module + "/spec/host", Imports: []string{"os/exec", "fmt", "osx"}, Deps: []string{"fmt", runc + "/libcontainer", "os/exec", module + "/spec/hostile"}}
	for _, r := range []struct {
		rule rule
		want []string
	}{
		{rule{packages: []string{"spec/host"}, direct: true, never: []string{"os"}}, []string{"os/exec"}},
		{rule{packages: []string{"spec/..."}, never: []string{runc}}, []string{runc + "/libcontainer"}},
		{rule{packages: []string{"..."}, never: []string{"fmt"}}, []string{"fmt"}},
		{rule{packages: []string{"...", "!spec/..."}, never: []string{"fmt"}}, nil},
		{rule{packages: []string{"...", "!spec"}, never: []string{"fmt"}}, []string{"fmt"}},
		{rule{packages: []string{"spec"}, never: []string{"fmt"}}, nil},
		{rule{packages: []string{"spec/ho/..."}, never: []string{"fmt"}}, nil},
		{rule{packages: []string{"spec/host"}, direct: true, never: []string{runc}}, nil},
		{rule{packages: []string{"spec/host"}, never: []string{module + "/spec/host"}}, nil},
		{rule{packages: []string{"spec/host"}, never: []string{module}, but: []string{module + "/spec/host"}}, []string{module + "/spec/hostile"}},
		{rule{packages: []string{"spec/host"}, never: []string{module}, but: []string{module + "/spec/hostile"}}, nil},
	} {
		if got := r.rule.broken(p); !slices.Equal(got, r.want) {
			t.Errorf("%+v: %q, not %q", r.rule, got, r.want)
		}
	}
}

// TestWithoutCgo: what comes before runtime needs no C compiler. Its files, and
// those of all that it depends on, are the same ones with cgo and without, and
// none is C. (The standard library can do without, and compiling it for this
// test alone would take a minute.)
func TestWithoutCgo(t *testing.T) {
	args := []string{"-deps", "./spec/...", "./bundle/..."}
	without := map[string]goPackage{}
	for _, p := range listed(t, "0", args...) {
		without[p.ImportPath] = p
	}
	for _, p := range listed(t, "1", args...) {
		if p.Standard {
			continue
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s needs cgo: %q", p.ImportPath, p.CgoFiles)
		}
		if w := without[p.ImportPath]; len(w.GoFiles) == 0 || !slices.Equal(w.GoFiles, p.GoFiles) {
			t.Errorf("%s is %q without cgo, not %q", p.ImportPath, w.GoFiles, p.GoFiles)
		}
	}
}
