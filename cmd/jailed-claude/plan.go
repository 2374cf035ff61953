package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// jailFlags are the flags that every jail command shares.
type jailFlags struct {
	pkg, closure, project, policy, net, user string
	read, write, hide, env                   []string
	allow                                    []string
	ports                                    []int64
	memory                                   string
	pids                                     int64
	cpus                                     float64
	nix                                      bool
	strict                                   bool
	useLock                                  bool
	login                                    string
}

func (f *jailFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.pkg, "package", "", "the agent: a store path, a Nix installable, the path of a program, or \"host\"")
	fs.StringVar(&f.closure, "closure", "", "take the closure from `FILE`: one store path a line, or a Nix registration")
	fs.StringVar(&f.project, "project", "", "the project `DIR` (default: the current folder)")
	fs.StringVar(&f.policy, "policy", "", "apply the policy `FILE` in place of the project's; \"none\" applies none")
	fs.StringVar(&f.net, "net", "", "network `MODE`: none, filtered, internet or host")
	fs.StringArrayVar(&f.allow, "allow", nil, "let the jail reach `NAME`: a name, name:port, host:port of this host, an address, or @preset; repeatable")
	fs.Int64SliceVar(&f.ports, "port", nil, "publish `PORT` of the jail on 127.0.0.1 of this host; repeatable")
	fs.StringArrayVar(&f.read, "read", nil, "let the jail read `PATH`; repeatable")
	fs.StringArrayVar(&f.write, "write", nil, "let the jail read and write `PATH`; repeatable")
	fs.StringArrayVar(&f.hide, "hide", nil, "hide what matches `PATTERN` in the project; repeatable")
	fs.StringArrayVar(&f.env, "env", nil, "pass `NAME` from your environment, or set NAME=VALUE; repeatable")
	fs.BoolVar(&f.nix, "nix", false, "let the jail use the Nix daemon")
	fs.StringVar(&f.user, "user", "", "`WHO` the agent is inside: keep (you) or root")
	fs.StringVar(&f.memory, "memory", "", "memory limit, such as 8GiB")
	fs.Int64Var(&f.pids, "pids", 0, "limit of processes and threads")
	fs.Float64Var(&f.cpus, "cpus", 0, "limit of processors, such as 1.5")
	fs.BoolVar(&f.useLock, lockedFlag, false, "use the store paths of the project's lock, and refuse if anything differs\n(default: if there is a lock; --locked=false ignores it)")
}

// layer is the strongest layer of the policy: the flags.
func (f *jailFlags) layer() (*policy.Layer, error) {
	l := &policy.Layer{Name: "command line"}
	set := func(to **string, value string) {
		if value != "" {
			*to = &value
		}
	}
	set(&l.Agent.Package, f.pkg)
	set(&l.Network.Mode, f.net)
	l.Network.Allow, l.Network.Ports = f.allow, f.ports
	set(&l.Identity.User, f.user)
	l.Files.Hide = f.hide
	for from, to := range map[*[]string]*[]string{&f.read: &l.Files.Read, &f.write: &l.Files.Write} {
		for _, p := range *from {
			abs, err := grantPath(p)
			if err != nil {
				return nil, err
			}
			*to = append(*to, abs)
		}
	}
	for _, e := range f.env {
		if name, value, ok := strings.Cut(e, "="); !ok {
			l.Env.Pass = append(l.Env.Pass, name)
		} else {
			if l.Env.Set == nil {
				l.Env.Set = map[string]string{}
			}
			l.Env.Set[name] = value
		}
	}
	if f.nix {
		on := policy.DaemonAuto
		l.Nix.Daemon = &on
	}
	if f.memory != "" {
		n, err := policy.ParseMemory(f.memory)
		if err != nil {
			return nil, fmt.Errorf("--memory %q: %w", f.memory, err)
		}
		l.Limits.Memory = &n
	}
	if f.pids != 0 {
		l.Limits.Pids = &f.pids
	}
	if f.cpus != 0 {
		l.Limits.CPUs = &f.cpus
	}
	return l, nil
}

// grantPath refuses what is ambiguous: relative to what, and where does ".."
// lead, is for the user to say.
func grantPath(p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") || filepath.IsAbs(p) {
		return p, nil
	}
	return "", hint(fmt.Errorf("grant %q is relative", p), "write the whole path, or one that begins with ~/")
}

// policies are the layers of the policy for a project, merged in two ways.
type policies struct {
	// all is what applies: the user's own, the project's, the flags.
	all policy.Policy
	// team is what the repository decides: the defaults and the project's.
	team policy.Policy
}

// merged reads the layers of the policy for a project.
func (f *jailFlags) merged(project string) (policies, error) {
	user, err := userLayers()
	if err != nil {
		return policies{}, err
	}
	own, err := f.ownLayer(project, user)
	if err != nil {
		return policies{}, err
	}
	flags, err := f.layer()
	if err != nil {
		return policies{}, err
	}
	var p policies
	if p.team, err = policy.Merge(own); err != nil {
		return policies{}, err
	}
	if p.all, err = policy.Merge(append(slices.Clip(user), own, flags)...); err != nil {
		return policies{}, err
	}
	return p, f.checkAllow(p.all.Network)
}

// userLayers are the policies that the user has on every project, the weaker
// first: what the installation came with, and the user's own file. Both are
// the user's word: what a project asks beyond them needs approval.
func userLayers() ([]*policy.Layer, error) {
	var layers []*policy.Layer
	if file := os.Getenv(bakedPolicy); file != "" {
		l, err := readLayer(file)
		if err == nil && l == nil {
			err = fmt.Errorf("read policy: %q: %w", file, fs.ErrNotExist)
		}
		if err != nil {
			return nil, hint(err, bakedPolicy+" names it: the wrapper that set it is broken, or the variable is not meant to be set")
		}
		layers = append(layers, l)
	}
	own, err := parseLayer(openRegular(filepath.Join(configDir(), "config.toml")))
	return append(layers, own), err
}

// ownLayer is the project's policy, or what --policy puts in its place; nil if
// there is none.
func (f *jailFlags) ownLayer(project string, user []*policy.Layer) (*policy.Layer, error) {
	switch f.policy {
	case "none":
		return nil, nil
	case "":
		return f.projectLayer(project, user)
	}
	l, err := readLayer(f.policy)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, fmt.Errorf("--policy %q: %w", f.policy, fs.ErrNotExist)
	}
	return l, nil
}

// shellQuote makes a path safe to paste, and to show.
func shellQuote(s string) string {
	if visible(s) == s {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return "$'" + b.String() + "'"
}

// readLayer reads the policy in a file that the user named, be it a pipe; nil if
// there is none.
func readLayer(file string) (*policy.Layer, error) { return parseLayer(os.Open(file)) }

// parseLayer reads a policy, and closes its file.
func parseLayer(f *os.File, err error) (*policy.Layer, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return policy.Parse(f.Name(), text)
}

// openRegular opens a file of our own for reading. A FIFO that somebody put in
// its place is not waited for.
func openRegular(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%q is no regular file", file)
	}
	return f, nil
}

// wanted is what a command wants beyond the flags.
type wanted struct {
	command  []string // in place of the agent
	args     []string // of the agent
	noAgent  bool     // a jail without an agent is fine
	terminal bool
	export   bool // for other runtimes: jailinit comes with the rootfs
	look     bool // nothing will run
}

// dir is the project's folder, resolved as far as it exists.
func (f *jailFlags) dir() string {
	file, err := trust.Path(f.project)
	if err != nil {
		return f.project
	}
	return filepath.Dir(file)
}

// plan gathers policy, host and closure.
func (f *jailFlags) plan(ctx context.Context, c *cobra.Command, w wanted) (*spec.Input, error) {
	begun := time.Now()
	dir := f.dir()
	// git runs while policies are read.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	git := host.Ask(ctx, dir)
	ps, err := f.merged(dir)
	if err := fault.After(fault.Policy, err); err != nil {
		return nil, err
	}
	p := ps.all
	if p.Network.Mode == policy.NetHost && len(p.Network.Deny) > 0 {
		fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: warning: with the network of the host nothing can be denied, and network.deny does not hold")
	}
	took(&begun, "policy")
	// The closure's file and the lock are read while the host is; none needs
	// another.
	o := f.closureOptions(p, w.noAgent)
	o.Ahead = closure.ReadAhead(o)
	type result struct {
		cl  *closure.Closure
		err error
	}
	fromLock := make(chan result, 1)
	go func() {
		cl, err := f.locked(c, dir, ps, w)
		fromLock <- result{cl, err}
	}()
	facts, err := host.Read(ctx, host.Options{
		ProjectDir: dir, Hide: p.Files.Hide, Protect: p.Files.Protect,
		Grants: append(append([]string{}, p.Files.Read...), p.Files.Write...),
		Shared: p.Agent.Config == policy.ConfigShared, Nix: p.Nix.Daemon == policy.DaemonAuto, Git: git,
	})
	if err := fault.After(fault.Facts, err); err != nil {
		return nil, err
	}
	if facts.Project.Dir != dir {
		// The policy was that of another folder.
		return nil, fmt.Errorf("project %q became %q while it was looked at: refused", dir, facts.Project.Dir)
	}
	for _, warning := range facts.Warnings {
		fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: warning: %s\n", warning)
	}
	took(&begun, "host")
	locked := <-fromLock
	cl, err := locked.cl, locked.err
	if err == nil && cl == nil {
		cl, err = closure.Resolve(ctx, onHost(o, facts))
	}
	if err := fault.After(fault.Closure, err); err != nil {
		return nil, err
	}
	took(&begun, "closure")
	in := &spec.Input{Policy: p, Closure: *cl, Host: *facts, Command: w.command, Args: w.args, Terminal: w.terminal}
	if !w.export {
		in.Init = facts.Executable
	}
	return in, nil
}

// closureOptions are how a closure is found that is not locked, but for what
// the host says.
func (f *jailFlags) closureOptions(p policy.Policy, noAgent bool) closure.Options {
	o := closure.Options{
		Package: p.Agent.Package, Packages: p.Agent.Packages, ClosureFile: f.closure, NoAgent: noAgent,
		CacheDir: cacheDir(), Progress: progress(),
	}
	if o.ClosureFile == "" && o.Package == "" && os.Getenv(bakedClosure) != "" {
		o.ClosureFile, o.Package, o.Baked = os.Getenv(bakedClosure), os.Getenv(bakedPackage), true
	}
	return o
}

// onHost adds what the host says.
func onHost(o closure.Options, facts *host.Facts) closure.Options {
	o.Path, o.Home, o.Self = facts.Env["PATH"], facts.Home, facts.Executable
	return o
}

// Variables by which a wrapper (the flake's) names what it was built with: the
// agent's package and its closure, as closureInfo writes it, and a policy that
// is weaker than the user's own.
const (
	bakedClosure = "JAILED_CLAUDE_CLOSURE"
	bakedPackage = "JAILED_CLAUDE_PACKAGE"
	bakedPolicy  = "JAILED_CLAUDE_POLICY"
)

func took(begun *time.Time, what string) {
	logrus.WithField("took", time.Since(*begun).Round(time.Microsecond)).Debug(what)
	*begun = time.Now()
}

// progress is where Nix may say what it builds: a terminal, not a pipe.
func progress() io.Writer {
	if isTerminal(os.Stderr) {
		return os.Stderr
	}
	return nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// anyTerminal: one of the standard descriptors is a terminal, so the jail gets
// one of its own in its place.
func anyTerminal() bool {
	return isTerminal(os.Stdin) || isTerminal(os.Stdout) || isTerminal(os.Stderr)
}

// prepare makes the folders of jailed-claude's own that a jail mounts.
func prepare(in *spec.Input) error {
	if in.Policy.Agent.Config != policy.ConfigPrivate {
		return nil
	}
	if err := os.MkdirAll(spec.PrivateConfig(in.Host), 0o700); err != nil {
		return hint(fmt.Errorf("make the state folder: %w", err), "XDG_STATE_HOME can name another place")
	}
	return nil
}

func configDir() string { return xdg("XDG_CONFIG_HOME", ".config") }

func cacheDir() string { return xdg("XDG_CACHE_HOME", ".cache") }

// xdg is jailed-claude's folder in one of the XDG base directories. A relative
// value is invalid and ignored (XDG Base Directory Specification).
func xdg(variable, fallback string) string {
	dir := os.Getenv(variable)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(homeDir(), fallback)
	}
	return filepath.Join(dir, "jailed-claude")
}

// homeDir is HOME or, where that is not set, what passwd(5) says. It is never a
// relative path: that would make the current folder's files the user's own
// policy. Without any home it does not exist; every jail is refused then.
func homeDir() string {
	if dir := os.Getenv("HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return "/nonexistent"
}

// afterDash are the arguments behind "--". Others are refused: before it only
// flags have a meaning.
func afterDash(c *cobra.Command, args []string, want int) (before, after []string, err error) {
	n := c.ArgsLenAtDash()
	if n < 0 {
		n = len(args)
	}
	if n != want {
		if n > want {
			return nil, nil, hint(fmt.Errorf("unexpected argument %q", args[want]), "arguments of the program come after --, for example: jailed-claude "+c.Name()+" -- --help")
		}
		return nil, nil, fmt.Errorf("an argument is missing: %s", c.UseLine())
	}
	return args[:n], args[n:], nil
}
