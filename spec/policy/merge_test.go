package policy

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func TestDefault(t *testing.T) {
	want := Policy{
		Agent:    Agent{Config: "private", Key: "auto"},
		Files:    Files{Project: "rw", Cache: "private"},
		Network:  Network{Mode: "internet", TLS: "strict", Via: "redirect"},
		Nix:      Nix{Daemon: "off", Store: "closure"},
		Identity: Identity{User: "keep"},
		Terminal: Terminal{Clipboard: "off", Filter: "auto"},
		Origins: map[string]string{
			"agent.config": "default", "files.project": "default", "files.cache": "default", "network.mode": "default",
			"nix.daemon": "default", "nix.store": "default", "identity.user": "default", "identity.nesting": "default",
			"terminal.clipboard": "default", "terminal.filter": "default", "agent.key": "default", "agent.separate-worktrees": "default", "agent.no-brief": "default", "network.ask": "default", "bridges.notify": "default", "network.tls": "default", "network.via": "default",
		},
	}
	if got := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("Default() = %+v, want %+v", got, want)
	}
	merged, err := Merge()
	if err != nil || !reflect.DeepEqual(merged, want) {
		t.Errorf("Merge() = %+v, %v; want the default", merged, err)
	}
	p := Default()
	p.Origins["x"] = "y"
	if _, ok := Default().Origins["x"]; ok {
		t.Error("two defaults share a map")
	}
}

func npm(from string) network.Broker {
	return network.Broker{Name: "npm", Upstream: "https://registry.npmjs.org", Header: "Authorization", From: from, Paths: []string{"/"}}
}

func TestMerge(t *testing.T) {
	user := &Layer{
		Name:    "user",
		Agent:   AgentLayer{Packages: []string{"nixpkgs#jq"}, Config: new(ConfigShared)},
		Files:   FilesLayer{Read: []string{"~/a", "~/b", "~/a"}, Hide: []string{".env"}},
		Network: NetworkLayer{Mode: new(NetNone), Allow: []string{"a.com", "@npm"}, Deny: []string{"x.com"}, Ports: []int64{3000}, TLS: new("any")},
		Brokers: []network.Broker{npm("env:ONE"), {Name: "git", Upstream: "https://github.com", Header: "Authorization", From: "file:/t"}},
		Env:     EnvLayer{Pass: []string{"GOFLAGS", "PASSED"}, Set: map[string]string{"CI": "1", "SAME": "x", "FIXED": "user"}},
		Limits:  LimitsLayer{Memory: new(int64(1 << 30)), Pids: new(int64(10))},
	}
	project := &Layer{
		Name:    "project",
		Agent:   AgentLayer{Packages: []string{"nixpkgs#nodejs", "nixpkgs#jq"}},
		Files:   FilesLayer{Read: []string{"~/c", "~/b"}, Write: []string{"~/w"}, Hide: []string{}},
		Env:     EnvLayer{Pass: []string{"FIXED"}, Set: map[string]string{"CI": "2", "SAME": "x", "PASSED": "project"}},
		Limits:  LimitsLayer{Pids: new(int64(20)), CPUs: new(0.5)},
		Network: NetworkLayer{Allow: []string{"b.com", "a.com"}, Ports: []int64{80, 3000}},
		Brokers: []network.Broker{npm("env:TWO")},
	}
	flags := &Layer{
		Name:    "command line",
		Network: NetworkLayer{Mode: new(NetHost)},
		Env:     EnvLayer{Pass: []string{"PASSED"}},
	}

	got, err := Merge(user, nil, project, flags)
	if err != nil {
		t.Fatal(err)
	}
	want := Policy{
		Agent: Agent{Packages: []string{"nixpkgs#jq", "nixpkgs#nodejs"}, Config: "shared", Key: "auto"},
		Files: Files{Project: "rw", Read: []string{"~/a", "~/b", "~/c"}, Write: []string{"~/w"}, Hide: []string{".env"}, Cache: "private"},
		Network: Network{
			Mode: "host", Allow: []string{"a.com", "@npm", "b.com"}, Deny: []string{"x.com"}, Ports: []int64{3000, 80},
			TLS: "any", Via: "redirect",
		},
		Brokers:  []network.Broker{npm("env:TWO"), {Name: "git", Upstream: "https://github.com", Header: "Authorization", From: "file:/t"}},
		Env:      Env{Pass: []string{"GOFLAGS", "FIXED", "PASSED"}, Set: map[string]string{"CI": "2", "SAME": "x"}},
		Nix:      Nix{Daemon: "off", Store: "closure"},
		Limits:   Limits{Memory: 1 << 30, Pids: 20, CPUs: 0.5},
		Identity: Identity{User: "keep"},
		Terminal: Terminal{Clipboard: "off", Filter: "auto"},
		Origins: map[string]string{
			"agent.packages=nixpkgs#jq":     "user",
			"agent.packages=nixpkgs#nodejs": "project",
			"agent.config":                  "user",
			"files.project":                 "default",
			"files.cache":                   "default",
			"files.read=~/a":                "user",
			"files.read=~/b":                "user",
			"files.read=~/c":                "project",
			"files.write=~/w":               "project",
			"files.hide=.env":               "user",
			"network.mode":                  "command line",
			"network.allow=a.com":           "user",
			"network.allow=@npm":            "user",
			"network.allow=b.com":           "project",
			"network.deny=x.com":            "user",
			"network.ports=3000":            "user",
			"network.ports=80":              "project",
			"network.tls":                   "user",
			"network.via":                   "default",
			"agent.key":                     "default",
			"agent.separate-worktrees":      "default",
			"agent.no-brief":                "default",
			"network.ask":                   "default",
			"bridges.notify":                "default",
			"broker=npm":                    "project",
			"broker=git":                    "user",
			"env.pass=GOFLAGS":              "user",
			"env.pass=FIXED":                "project",
			"env.pass=PASSED":               "command line",
			"env.set=CI":                    "project",
			"env.set=SAME":                  "user",
			"nix.daemon":                    "default",
			"nix.store":                     "default",
			"limits.memory":                 "user",
			"limits.pids":                   "project",
			"limits.cpus":                   "project",
			"identity.user":                 "default",
			"identity.nesting":              "default",
			"terminal.clipboard":            "default",
			"terminal.filter":               "default",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Merge:\n got %+v\nwant %+v", got, want)
	}
}

// TestMergeShares: a policy that is changed later must not change the layers
// it was made from.
func TestMergeShares(t *testing.T) {
	l := fullLayer("l")
	p, err := Merge(l)
	if err != nil {
		t.Fatal(err)
	}
	p.Files.Read[0] = "/x"
	p.Files.Write = append(p.Files.Write[:1], "/x")
	p.Env.Set["CI"] = "x"
	p.Brokers[0].Paths[0] = "/x"
	if want := fullLayer("l"); !reflect.DeepEqual(l, want) {
		t.Errorf("the layer became %+v", l)
	}
}

func TestMergeRefuses(t *testing.T) {
	// One valid layer, and one thing broken in it.
	for name, c := range map[string]struct {
		breakIt func(*Layer)
		want    string
	}{
		"read":        {func(l *Layer) { l.Files.Read = []string{"/srv", "data"} }, `command line: files.read: "data" is relative`},
		"write":       {func(l *Layer) { l.Files.Write = []string{"/proc"} }, `command line: files.write: "/proc"`},
		"hide":        {func(l *Layer) { l.Files.Hide = []string{"!x"} }, `command line: files.hide: "!x"`},
		"protect":     {func(l *Layer) { l.Files.Protect = []string{"\xff"} }, `command line: files.protect: "\xff" is not UTF-8`},
		"package":     {func(l *Layer) { l.Agent.Package = new("") }, `command line: agent.package: an empty string`},
		"packages":    {func(l *Layer) { l.Agent.Packages = []string{"a\nb"} }, `command line: agent.packages: "a\nb"`},
		"config":      {func(l *Layer) { l.Agent.Config = new("x") }, `command line: agent.config: "x" is not known`},
		"key":         {func(l *Layer) { l.Agent.Key = new("x") }, `command line: agent.key: "x" is not known`},
		"mode":        {func(l *Layer) { l.Network.Mode = new("off") }, `command line: network.mode: "off" is not known: write "none", "filtered", "internet" or "host"`},
		"allow":       {func(l *Layer) { l.Network.Allow = []string{"a.com", "com"} }, `command line: network.allow: "com" is no full name`},
		"preset":      {func(l *Layer) { l.Network.Allow = []string{"@claud"} }, `command line: network.allow: "@claud" is not a preset: perhaps @claude; there are @amp @claude`},
		"deny":        {func(l *Layer) { l.Network.Deny = []string{"https://a.com"} }, `command line: network.deny: "https://a.com" is a URL`},
		"deny preset": {func(l *Layer) { l.Network.Deny = []string{"@npm"} }, `command line: network.deny: "@npm": presets are for network.allow`},
		"port 0":      {func(l *Layer) { l.Network.Ports = []int64{0} }, `command line: network.ports: 0 is no port`},
		"ports":       {func(l *Layer) { l.Network.Ports = []int64{65536} }, `command line: network.ports: 65536 is no port`},
		"tls":         {func(l *Layer) { l.Network.TLS = new("none") }, `command line: network.tls: "none" is not known`},
		"via":         {func(l *Layer) { l.Network.Via = new("tun") }, `command line: network.via: "tun" is not known`},
		"broker":      {func(l *Layer) { l.Brokers = []network.Broker{npm("NPM")} }, `command line: broker: "npm": from "NPM"`},
		"two brokers": {func(l *Layer) { l.Brokers = []network.Broker{npm("env:A"), npm("env:B")} }, `command line: broker: "npm": there are two`},
		"broker env":  {func(l *Layer) { l.Brokers = []network.Broker{npm("env:A")}; l.Brokers[0].Env = "HOME" }, `command line: broker.env: HOME is made by the jail`},
		"broker from": {func(l *Layer) { l.Brokers = []network.Broker{npm("env:A\x1b[1m")} }, `command line: broker.from: "env:A\x1b[1m" has a line end or control`},
		"broker path": {func(l *Layer) { l.Brokers = []network.Broker{npm("env:A")}; l.Brokers[0].Paths = []string{"/a\x1b"} }, `command line: broker.paths: "/a\x1b" has a line end or control`},
		"pass":        {func(l *Layer) { l.Env.Pass = []string{"LD_PRELOAD"} }, `command line: env.pass: LD_PRELOAD`},
		"set":         {func(l *Layer) { l.Env.Set = map[string]string{"_JAIL": ""} }, `command line: env.set: _JAIL`},
		"set NUL":     {func(l *Layer) { l.Env.Set = map[string]string{"A": "\x00"} }, `command line: env.set.A: the value has a NUL`},
		"memory":      {func(l *Layer) { l.Limits.Memory = new(int64(-1)) }, `command line: limits.memory: -1`},
		"no memory":   {func(l *Layer) { l.Limits.Memory = new(int64(0)) }, `command line: limits.memory: 0`},
		"pids":        {func(l *Layer) { l.Limits.Pids = new(int64(-1)) }, `command line: limits.pids: -1`},
		"many pids":   {func(l *Layer) { l.Limits.Pids = new(int64(1 << 40)) }, `command line: limits.pids: 1099511627776`},
		"cpus":        {func(l *Layer) { l.Limits.CPUs = new(-0.5) }, `command line: limits.cpus: -0.5`},
		"tiny cpus":   {func(l *Layer) { l.Limits.CPUs = new(math.SmallestNonzeroFloat64) }, `command line: limits.cpus: `},
		"all cpus":    {func(l *Layer) { l.Limits.CPUs = new(math.Inf(1)) }, `command line: limits.cpus: +Inf`},
		"no number":   {func(l *Layer) { l.Limits.CPUs = new(math.NaN()) }, `command line: limits.cpus: NaN`},
		"unnamed":     {func(l *Layer) { l.Name = "" }, `layer 2: has no name`},
		"set, passed": {func(l *Layer) { l.Env.Pass = []string{"CI"} }, `command line: env.set.CI: is in env.pass too`},
	} {
		t.Run(name, func(t *testing.T) {
			l := fullLayer("command line")
			c.breakIt(l)
			p, err := Merge(fullLayer("user"), l)
			if err == nil {
				t.Fatal("Merge accepts it")
			}
			if !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line that begins with %q", err, c.want)
			}
			if !reflect.DeepEqual(p, Policy{}) {
				t.Errorf("there is a policy beside the error: %+v", p)
			}
		})
	}
}

func TestMergeReportsAllLayers(t *testing.T) {
	a := &Layer{Name: "a", Files: FilesLayer{Read: []string{"x"}}}
	b := &Layer{Name: "b", Files: FilesLayer{Write: []string{"y"}}}
	_, err := Merge(a, b)
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "b: files.write") {
		t.Errorf("got %v", err)
	}
}

// TestMergeChecksWhatWasAdded: that Parse found a file sound says nothing of
// what is added to its layer later.
func TestMergeChecksWhatWasAdded(t *testing.T) {
	for name, change := range map[string]func(n *NetworkLayer){
		"allow":                 func(n *NetworkLayer) { n.Allow = append(n.Allow, "no name") },
		"deny":                  func(n *NetworkLayer) { n.Deny = append(n.Deny, "no name") },
		"allowed, not deniable": func(n *NetworkLayer) { n.Deny = append(n.Deny, "host:5432") },
		"in place":              func(n *NetworkLayer) { n.Allow[0] = "no name" },
	} {
		l, err := Parse("x", []byte("version = 1\n[network]\nallow = [\"example.com\", \"host:5432\"]\ndeny = [\"example.org\"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Merge(l); err != nil {
			t.Fatal(err)
		}
		change(&l.Network)
		if _, err := Merge(l); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
