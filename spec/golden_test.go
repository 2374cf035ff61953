package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/broker"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

var update = flag.Bool("update", false, "write testdata anew")

// Store paths of the tests.
const (
	storeClaude = "/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-claude-code-2.1.0"
	storeBash   = "/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-bash-5.2"
	storeUtils  = "/nix/store/3ccccccccccccccccccccccccccccccc-coreutils-9.5"
	storeGlibc  = "/nix/store/4ddddddddddddddddddddddddddddddd-glibc-2.40"
	storeLink   = "/nix/store/5fffffffffffffffffffffffffffffff-cacert"
	storeSelf   = "/nix/store/6ggggggggggggggggggggggggggggggg-jailed-claude/bin/jailed-claude"
)

// valid returns the input that every test starts from: Ada, uid 1000, in a
// project with a closure from the Nix store and the default policy. Each call
// returns a fresh value.
func valid() Input {
	return Input{
		Policy: policy.Default(),
		Closure: closure.Closure{
			Toolchain: closure.Nix,
			Agent:     storeClaude + "/bin/claude",
			Roots:     []string{storeClaude},
			Paths:     []string{storeClaude, storeBash, storeUtils, storeGlibc, storeLink},
			Bins:      []string{storeClaude + "/bin", storeBash + "/bin", storeUtils + "/bin"},
			Shell:     storeBash + "/bin/sh",
			Bash:      storeBash + "/bin/bash",
			Env:       storeUtils + "/bin/env",
			Links:     map[string]string{storeLink: storeUtils},
		},
		Host: host.Facts{
			UID: 1000, GID: 100, User: "ada", Group: "users",
			Home:       "/home/ada",
			RuntimeDir: "/run/user/1000",
			StateDir:   "/home/ada/.local/state/jailed-claude", ProjectState: "/home/ada/.local/state/jailed-claude",
			OwnDirs: []string{
				"/home/ada/.cache/jailed-claude", "/home/ada/.config/jailed-claude",
				"/home/ada/.local/state/jailed-claude",
			},
			Executable: storeSelf,
			Project:    host.Project{Dir: "/home/ada/src/app"},
			GitName:    "Ada Lovelace", GitEmail: "ada@example.org",
			CAFile:     "/etc/ssl/certs/ca-certificates.crt",
			ResolvConf: "/run/systemd/resolve/stub-resolv.conf",
			Localtime:  "/usr/share/zoneinfo/Europe/London",
			TimeZone:   "Europe/Belfast",
			NoFile:     1 << 20,
		},
		// More than the planner would hand in (EnvOf): what may not cross must
		// not, even so.
		Env: Env{Outside: broker.Outside{Keys: []string{"ANTHROPIC_API_KEY"}}, Vars: map[string]string{
			"TERM": "xterm-256color", "LANG": "en_GB.UTF-8", "LC_TIME": "C", "PATH": "/usr/bin",
			"HOME": "/home/ada", "SSH_AUTH_SOCK": "/run/user/1000/ssh", "ANTHROPIC_API_KEY": "sk-secret", "GOFLAGS": "-v",
		}},
		Init: storeSelf,
	}
}

// root is the same host as uid 0 sees it.
func root(in *Input) {
	h := &in.Host
	h.UID, h.GID, h.User, h.Group = 0, 0, "root", "root"
	h.Home, h.RuntimeDir = "/root", "/run/user/0"
	h.ProjectState = "/root/.local/state/jailed-claude"
	h.StateDir, h.OwnDirs = h.ProjectState, []string{"/root/.local/state/jailed-claude"}
	h.Project.Dir = "/root/app"
}

// grant lists existing host paths that the policy grants.
func grant(in *Input, mode string, paths ...string) {
	if in.Host.Present == nil {
		in.Host.Present = map[string]host.Kind{}
	}
	for _, p := range paths {
		in.Host.Present[p] = host.Kind{Dir: true, Real: p}
	}
	if mode == "ro" {
		in.Policy.Files.Read = append(in.Policy.Files.Read, paths...)
	} else {
		in.Policy.Files.Write = append(in.Policy.Files.Write, paths...)
	}
}

// guarded is a project with all that a survey of it can find.
func guarded(in *Input) {
	const p = "/home/ada/src/app"
	in.Policy.Files.Hide, in.Policy.Files.Protect = []string{".env", "secrets/"}, []string{"infra/"}
	in.Policy.Origins["files.hide=.env"] = "user"
	in.Host.Project = host.Project{
		Dir: p,
		Hide: []host.Path{
			{Path: p + "/web/.env", Why: ".env"},
			{Path: p + "/secrets", Dir: true, Why: "secrets/"},
		},
		Protect: []host.Path{
			{Path: p + "/infra", Dir: true, Why: "infra/"},
			{Path: p + "/.git/hooks", Dir: true, Why: "git hooks"},
			{Path: p + "/.git/config", Why: "git config"},
			{Path: p + "/web/.envrc", Why: "direnv"},
		},
		Pin:   []string{p + "/.git", p + "/web"},
		Watch: []host.Path{{Path: p + "/.vscode/tasks.json", Why: "editor tasks"}, {Path: p + "/.claude/settings.json", Why: "settings"}},
	}
}

// filtered is a network with a bit of everything.
func filtered(in *Input) {
	in.Policy.Network = policy.Network{
		Mode: policy.NetFiltered, TLS: network.TLSStrict, Via: network.ViaRedirect,
		Allow: []string{"@claude", "*.github.com", "host:5432", "@npm", "registry.npmjs.org", "10.0.0.0/8:22"},
		Deny:  []string{"gist.github.com"}, Ports: []int64{3000, 80},
	}
	in.Policy.Brokers = []network.Broker{{
		Name: "npm", Upstream: "https://registry.npmjs.org", Header: "Authorization", From: "command:pass npm",
		Env: "NPM_TOKEN", Paths: []string{"/-/", "/@ada/"},
	}}
	in.Policy.Origins["network.mode"], in.Policy.Origins["network.allow=@npm"], in.Policy.Origins["network.ports=80"] = "user", "project", "project"
	in.Policy.Origins["network.deny=gist.github.com"], in.Policy.Origins["broker=npm"] = "command line", "user"
}

// goldens are whole configurations, each in testdata.
var goldens = []struct {
	name string
	with func(*Input)
}{
	{"nix", func(*Input) {}},
	{"caller-root", root},
	{"codex", ofAgent("codex")},
	{"identity-root", func(in *Input) { in.Policy.Identity.User = policy.UserRoot }},
	{"uid-keep-gid-0", func(in *Input) { in.Host.GID, in.Host.Group = 0, "root" }},
	{"net-none", func(in *Input) { in.Policy.Network.Mode = policy.NetNone }},
	{"net-nothing", func(in *Input) {
		in.Policy.Network.Mode, in.Policy.Agent.Key = policy.NetNone, policy.KeyNone
		// What a weaker layer allowed.
		in.Policy.Network.Allow, in.Policy.Network.Deny = []string{"example.com"}, []string{"example.org"}
	}},
	{"net-ports", func(in *Input) {
		in.Policy.Network.Mode, in.Policy.Agent.Key = policy.NetNone, policy.KeyNone
		in.Policy.Network.Ports = []int64{8080}
	}},
	{"net-host", func(in *Input) {
		in.Policy.Network.Mode, in.Policy.Network.Deny = policy.NetHost, []string{"example.com"}
	}},
	{"net-filtered", filtered},
	{"net-proxy", func(in *Input) {
		filtered(in)
		in.Policy.Network.Via, in.Policy.Network.TLS = network.ViaProxy, network.TLSAny
		in.Policy.Env.Set = map[string]string{"NO_PROXY": "mine.example", "DISABLE_TELEMETRY": ""}
		in.Env.Vars["https_proxy"] = "http://corp:3128" // not passed
	}},
	{"config-shared", func(in *Input) {
		const c = "/home/ada/.claude"
		in.Policy.Agent.Config = policy.ConfigShared
		in.Host.ClaudeShared = host.ClaudeFiles{
			Dir: c, JSON: "/home/ada/dotfiles/claude.json",
			Executable: []host.Path{{Path: c + "/settings.json", Why: "settings"}, {Path: c + "/tools/deep/hook.sh", Why: "run by settings.json"}},
			Watch:      []host.Path{{Path: c + "/CLAUDE.md", Why: "memory"}},
			Links:      []host.Link{{Path: c + "/agents", Target: storeUtils + "/agents"}, {Path: c + "/CLAUDE.md", Target: "/nix/store/9jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj-memory"}, {Path: c + "/skills", Target: "/home/ada/.ssh"}},
			Private:    []string{c + "/shell-snapshots"},
		}
		// A grant must not come to lie on top of what is protected.
		grant(in, "rw", c+"/tools")
		// That the project cannot be written does not make this unimportant.
		in.Policy.Files.Project = policy.ProjectRO
	}},
	{"config-elsewhere", func(in *Input) {
		in.Policy.Agent.Config = policy.ConfigShared
		in.Host.ClaudeShared = host.ClaudeFiles{Dir: "/srv/claude"}
	}},
	{"project-ro", func(in *Input) {
		guarded(in)
		in.Policy.Files.Project = policy.ProjectRO
	}},
	{"grants-nested", func(in *Input) {
		grant(in, "ro", "/srv/data", "/home/ada/src/app/vendor", "/srv/data/rw/ro", "/srv/both")
		grant(in, "rw", "/srv/data/rw", "/home/ada/src", "/srv/data-backup", "/srv/both")
		in.Policy.Files.Read = append(in.Policy.Files.Read, "~/.config/gh/hosts.yml", "/srv/data/")
		in.Host.Present["/home/ada/.config/gh/hosts.yml"] = host.Kind{Real: "/home/ada/.config/gh/hosts.yml"}
		in.Policy.Origins["files.read=/srv/data"] = "user"
	}},
	{"guarded", guarded},
	{"guarded-and-granted", func(in *Input) {
		guarded(in)
		// Read-only parts of the project, at and below folders that are pinned.
		const p = "/home/ada/src/app"
		grant(in, "ro", p+"/web", p+"/.git/objects")
		in.Host.Project.Protect = append(in.Host.Project.Protect, host.Path{Path: p + "/web/deep/.envrc", Why: "direnv"})
		in.Host.Project.Pin = append(in.Host.Project.Pin, p+"/web/deep")
	}},
	{"project-layer", func(in *Input) {
		guarded(in)
		const p, state, g = "/home/ada/src/app", "/home/ada/.local/state/jailed-claude/projects/app-0123456789abcdef", "/home/ada/src/main/.git"
		in.Policy.Files.Project = policy.ProjectOverlay
		in.Host.ProjectState, in.Host.Project.Layer, in.Host.Project.Review = state, state+"/layer", "jailed-claude review"
		in.Host.Project.Git = []string{g}
		in.Host.Project.Protect = append(in.Host.Project.Protect, host.Path{Path: g + "/hooks", Dir: true, Why: "git hooks"})
		in.Host.Packs = []string{g + "/objects/pack/pack-1.pack"}
		// What the policy grants is the host's, above the project and in it.
		grant(in, "rw", "/home/ada/src", p+"/data")
		in.Host.Further = []host.Project{
			{Dir: "/home/ada/src", Protect: []host.Path{{Path: p + "/.git/hooks", Dir: true, Why: "git hooks"}, {Path: "/home/ada/src/.envrc", Why: "direnv"}}, Pin: []string{p + "/.git"}},
			{Dir: p + "/data", Protect: []host.Path{{Path: p + "/data/x/.envrc", Why: "direnv"}}, Pin: []string{p + "/data/x"}},
		}
	}},
	{"project-ro-part-rw", func(in *Input) {
		guarded(in)
		in.Policy.Files.Project = policy.ProjectRO
		in.Host.Project.Pin = append(in.Host.Project.Pin, "/home/ada/src/app/web/deep")
		grant(in, "rw", "/home/ada/src/app/web")
	}},
	{"worktree", func(in *Input) {
		const g = "/home/ada/src/main/.git"
		in.Host.Project.Git = []string{g}
		in.Host.Project.Protect = []host.Path{{Path: g + "/hooks", Dir: true, Why: "git hooks"}, {Path: g + "/worktrees/app/config.worktree", Why: "git config"}}
		in.Host.Project.Pin = []string{g + "/worktrees", g + "/worktrees/app"}
	}},
	{"host-toolchain", func(in *Input) {
		in.Closure = closure.Closure{
			Toolchain: closure.Host,
			Agent:     "/home/ada/.local/share/claude/versions/2.1.0",
			Binds:     []string{"/usr", "/home/ada/.local/share/claude", "/etc/alternatives", "/lib64"},
			Links:     map[string]string{"/bin": "usr/bin", "/lib": "usr/lib", "/sbin": "usr/sbin"},
			Bins:      []string{"/home/ada/.local/bin", "/usr/local/bin", "/usr/bin"},
			Shell:     "/usr/bin/sh", Bash: "/usr/bin/bash", Env: "/usr/bin/env",
		}
	}},
	{"store-full", func(in *Input) { in.Policy.Nix.Store = policy.StoreFull }},
	{"nix-daemon", func(in *Input) {
		in.Policy.Nix.Daemon = policy.DaemonAuto
		in.Host.NixDaemon = "/nix/var/nix/daemon-socket/socket"
		in.Host.NixSubstituters = []string{"https://cache.nixos.org", "https://cache.example.org"}
		in.Host.NixKeys = []string{"cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="}
	}},
	{"nix-daemon-trusted", func(in *Input) {
		in.Policy.Nix.Daemon = policy.DaemonAuto
		in.Host.NixDaemon, in.Host.NixTrusted = "/nix/var/nix/daemon-socket/socket", true
	}},
	{"nix-daemon-missing", func(in *Input) { in.Policy.Nix.Daemon = policy.DaemonAuto }},
	{"limits", func(in *Input) {
		in.Policy.Limits = policy.Limits{Memory: 8 << 30, Pids: 4096, CPUs: 1.5}
		in.Host.NoFile = 1024
	}},
	{"limit-pids", func(in *Input) {
		in.Policy.Limits = policy.Limits{Pids: 64}
		in.Host.NoFile = 0
	}},
	{"environment", func(in *Input) {
		in.Policy.Env.Pass = []string{"GOFLAGS", "MISSING"}
		in.Policy.Env.Set = map[string]string{"CI": "1", "EMPTY": "", "LANG": "C.UTF-8", "QUOTED": "a \"b\"\n<c> & ${HOME}"}
		in.Policy.Origins["env.pass=GOFLAGS"], in.Policy.Origins["env.set=CI"] = "project", "user"
	}},
	{"terminal", func(in *Input) { in.Terminal, in.Args = true, []string{"--continue", "--", "-p"} }},
	{"clipboard", func(in *Input) {
		in.Terminal, in.Policy.Terminal.Clipboard = true, policy.ClipboardWrite
		in.Policy.Origins["terminal.clipboard"] = "user"
	}},
	{"bridges-ide", func(in *Input) {
		in.Policy.Bridges.IDE, in.Policy.Origins["bridges.ide"] = network.IDEContext, "user"
	}},
	{"bridges-display", func(in *Input) {
		in.Policy.Bridges.Display, in.Policy.Origins["bridges.display"] = network.DisplayWayland, "user"
		in.Env.Display = "/run/user/1000/wayland-1"
	}},
	{"bridges-x11", func(in *Input) {
		in.Policy.Bridges.Display, in.Policy.Origins["bridges.display"] = network.DisplayX11, "user"
		in.Env.Display = "/tmp/.X11-unix/X7"
	}},
	{"bridges-machine", func(in *Input) {
		in.Policy.Bridges.Open, in.Policy.Network.Ports = network.BridgeAsk, []int64{3000}
		in.Policy.Origins["network.ports=3000"] = policy.MachineName
	}},
	{"bridges", func(in *Input) {
		in.Policy.Bridges = policy.Bridges{Open: network.BridgeAsk, Clipboard: network.BridgeImages, Notify: true}
		in.Policy.Origins["bridges.open"] = "user"
	}},
	{"nesting", func(in *Input) {
		in.Policy.Identity.Nesting = true
		in.Policy.Origins["identity.nesting"] = "user"
	}},
	{"command", func(in *Input) {
		in.Command = []string{"bash", "-c", "id"}
		in.Args = []string{"not used"}
		in.Closure.Agent = ""
	}},
	{"export", func(in *Input) { in.Init = "" }},
	{"export-host-net", func(in *Input) { in.Init, in.Policy.Network.Mode = "", policy.NetHost }},
	{"bare-host", func(in *Input) {
		h := &in.Host
		h.GitName, h.GitEmail, h.CAFile, h.ResolvConf, h.Localtime, h.TimeZone = "", "", "", "", "", ""
		in.Env = Env{}
		in.Closure.Shell, in.Closure.Bash, in.Closure.Env = "", "", ""
	}},
	{"managed", func(in *Input) {
		in.Host.ManagedSettings = "/etc/claude-code"
		in.Host.ManagedFiles = map[string]string{"/etc/claude-code/managed-settings.json": "/etc/claude-code/managed-settings.json"}
		in.Host.ExtraCAFile, in.Host.CAVariables = "/srv/ca.pem", map[string]string{"NODE_EXTRA_CA_CERTS": "/srv/ca.pem"}
	}},
	{"managed-links", func(in *Input) {
		in.Host.ManagedSettings = "/etc/claude-code"
		in.Host.ManagedFiles = map[string]string{
			"/etc/claude-code/managed-settings.json": "/nix/store/8iiiiiiiiiiiiiiiiiiiiiiiiiiiiiii-settings",
			"/etc/claude-code/CLAUDE.md":             "/etc/claude-code/CLAUDE.md",
		}
	}},
}

func TestGolden(t *testing.T) {
	all := append(slices.Clone(goldens), struct {
		name string
		with func(*Input)
	}{"everything", func(in *Input) { *in = everything() }})
	for _, g := range all {
		t.Run(g.name, func(t *testing.T) {
			in := valid()
			g.with(&in)
			j, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			grants, err := Explain(in)
			if err != nil {
				t.Fatal(err)
			}
			if v := contract.Check(j.Spec); len(v) > 0 {
				t.Errorf("violations: %v", v)
			}
			back := clone(t, j.Spec)
			if v := contract.Check(back); len(v) > 0 {
				t.Errorf("violations after a round trip through JSON: %v", v)
			}
			// The profile is golden by itself: it is four fifths of the text and
			// the same everywhere.
			profile := "seccomp-root"
			if j.Spec.Process.Args[1] != "--" {
				profile = "seccomp-keep"
			}
			if in.Policy.Identity.Nesting {
				profile = "seccomp-nesting"
			}
			golden(t, profile+"."+runtime.GOARCH+".json", render(t, back.Linux.Seccomp))
			back.Linux.Seccomp = nil
			golden(t, g.name+".json", render(t, back))
			golden(t, g.name+".rootfs", listing(j.Rootfs, slices.Contains(briefed, g.name)))
			golden(t, g.name+".grants", explained(grants))
		})
	}
}

// golden compares got with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -run Golden -update writes it anew, git diff shows it):\n%s", file, difference(string(want), got))
	}
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines instead of %d", len(g), len(w))
}

// render writes JSON as package bundle does.
func render(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// briefed are the goldens that show what a jail is told about itself. The text
// is as long as all else of a rootfs.
var briefed = []string{"codex", "everything", "guarded", "net-filtered", "net-host", "project-ro"}

func listing(files []contract.File, briefed bool) string {
	var b strings.Builder
	for _, f := range files {
		switch {
		case f.Mode&fs.ModeSymlink != 0:
			fmt.Fprintf(&b, "%v %s -> %s\n", f.Mode, f.Path, f.Target)
		case f.Mode.IsRegular():
			fmt.Fprintf(&b, "%v %s\n", f.Mode, f.Path)
			if f.Path == brief.FactsPath && !briefed || bytes.Contains(f.Content, []byte("# You run in a jail")) && (f.Path != brief.TextPath || !briefed) {
				continue
			}
			for line := range strings.Lines(string(f.Content)) {
				fmt.Fprintf(&b, "\t%s\n", strings.TrimSuffix(line, "\n"))
			}
		default:
			fmt.Fprintf(&b, "%v %s\n", f.Mode, f.Path)
		}
	}
	return b.String()
}

func explained(grants []Grant) string {
	var b strings.Builder
	for _, g := range grants {
		fmt.Fprintf(&b, "%s %s [%s] from %s: %s\n", g.Kind, g.What, g.Mode, g.From, g.Why)
	}
	return b.String()
}

// clone goes through JSON, as a bundle does.
func clone(t testing.TB, s *specs.Spec) *specs.Spec {
	t.Helper()
	c := new(specs.Spec)
	if err := json.Unmarshal([]byte(render(t, s)), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// everything turns on as much as fits into one jail.
func everything() Input {
	in := valid()
	in.Host.GitFront = true
	for _, g := range goldens {
		switch g.name {
		case "grants-nested", "guarded", "limits", "environment", "managed-links", "worktree", "terminal":
			before := in.Host.Project
			g.with(&in)
			if g.name == "worktree" {
				in.Host.Project.Protect = append(before.Protect, in.Host.Project.Protect...)
				in.Host.Project.Pin = append(before.Pin, in.Host.Project.Pin...)
			}
		}
	}
	return in
}

func mustBuild(t testing.TB, in Input) *contract.Jail {
	t.Helper()
	j, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// all is everything that a jail says, as text.
func all(t testing.TB, j *contract.Jail) string { return render(t, j.Spec) + listing(j.Rootfs, true) }

func TestBuildIsPure(t *testing.T) {
	for name, make := range map[string]func() Input{"default": valid, "everything": everything} {
		t.Run(name, func(t *testing.T) {
			in := make()
			want := all(t, mustBuild(t, in))
			if !reflect.DeepEqual(in, make()) {
				t.Error("Build changed its input")
			}
			// Fifty fresh maps: each has an order of its own.
			for range 50 {
				if got := all(t, mustBuild(t, make())); got != want {
					t.Fatal("a second Build differs:\n" + difference(want, got))
				}
			}
		})
	}
}

// TestJailsShareNothing: who changes one jail does not change the next.
func TestJailsShareNothing(t *testing.T) {
	in := everything()
	first := mustBuild(t, in)
	want := all(t, first)
	s := first.Spec
	for i := range s.Linux.MaskedPaths {
		s.Linux.MaskedPaths[i] = "/spoiled"
	}
	for i := range s.Linux.ReadonlyPaths {
		s.Linux.ReadonlyPaths[i] = "/spoiled"
	}
	for i := range s.Linux.Seccomp.Syscalls {
		s.Linux.Seccomp.Syscalls[i].Names[0] = "spoiled"
	}
	for i := range s.Mounts {
		for k := range s.Mounts[i].Options {
			s.Mounts[i].Options[k] = "spoiled"
		}
	}
	*s.Linux.Resources.Memory.Limit = 1
	s.Process.Args[len(s.Process.Args)-1] = "spoiled"
	first.Rootfs[0].Path = "/spoiled"
	if got := all(t, mustBuild(t, in)); got != want {
		t.Error("the second jail has what was done to the first:\n" + difference(want, got))
	}
}

// TestOrderWithoutMeaning: lists that are sets give the same jail in any order.
func TestOrderWithoutMeaning(t *testing.T) {
	make := func() Input {
		in := everything()
		in.Closure.Toolchain = closure.Host
		in.Closure.Binds = []string{"/usr", "/opt/claude", "/etc/alternatives"}
		return in
	}
	want := all(t, mustBuild(t, make()))
	shuffles := map[string]func(*Input){
		"Protect": func(in *Input) { reverse(in.Host.Project.Protect) },
		"Hide":    func(in *Input) { reverse(in.Host.Project.Hide) },
		"Pin":     func(in *Input) { reverse(in.Host.Project.Pin) },
		"Watch":   func(in *Input) { reverse(in.Host.Project.Watch) },
		"Git":     func(in *Input) { reverse(in.Host.Project.Git) },
		"Binds":   func(in *Input) { reverse(in.Closure.Binds) },
		"Read":    func(in *Input) { reverse(in.Policy.Files.Read) },
		"Write":   func(in *Input) { reverse(in.Policy.Files.Write) },
		"Pass":    func(in *Input) { reverse(in.Policy.Env.Pass) },
		"doubles": func(in *Input) {
			in.Host.Project.Pin = append(in.Host.Project.Pin, in.Host.Project.Pin...)
			in.Host.Project.Watch = append(in.Host.Project.Watch, in.Host.Project.Watch...)
			in.Policy.Files.Write = append(in.Policy.Files.Write, in.Policy.Files.Write...)
		},
	}
	for name, shuffle := range shuffles {
		in := make()
		shuffle(&in)
		if got := all(t, mustBuild(t, in)); got != want {
			t.Errorf("%s in another order:\n%s", name, difference(want, got))
		}
	}
}

func reverse[T any](list []T) {
	for i, k := 0, len(list)-1; i < k; i, k = i+1, k-1 {
		list[i], list[k] = list[k], list[i]
	}
}

// TestWithoutAgent: a closure for a shell alone runs no agent.
func TestWithoutAgent(t *testing.T) {
	in := valid()
	in.Closure.Agent = ""
	if _, err := Build(in); err == nil || err.Error() != "program: the closure holds no agent to run" {
		t.Errorf("error %v", err)
	}
	if _, err := Explain(in); err == nil {
		t.Error("Explain explains what Build refuses")
	}
}

func TestManyPaths(t *testing.T) {
	in := valid()
	for i := range 2000 {
		in.Closure.Paths = append(in.Closure.Paths, "/nix/store/7hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-p"+strconv.Itoa(i))
	}
	j := mustBuild(t, in)
	n := 0
	for _, m := range j.Spec.Mounts {
		if paths.Below(m.Destination, closure.StoreDir) {
			n++
		}
	}
	if want := len(in.Closure.Paths) - 1; n != want { // one is a symlink
		t.Errorf("%d mounts for %d store paths", n, want)
	}
}

func BenchmarkBuild(b *testing.B) {
	in := valid()
	for i := range 300 {
		in.Closure.Paths = append(in.Closure.Paths, "/nix/store/7hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-p"+strconv.Itoa(i))
	}
	for b.Loop() {
		mustBuild(b, in)
	}
}
