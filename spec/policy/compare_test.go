package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
)

// TestEveryKeyHasARule: a new key has to say which way it widens.
func TestEveryKeyHasARule(t *testing.T) {
	for _, r := range rows() {
		if r.Name == "version" || r.Tables { // brokers are compared as a whole
			continue
		}
		rule := r.change
		if rule.Wider == "" || rule.Narrower == "" && rule.Direction != change.Always {
			t.Errorf("%s does not say what a change means", r.Name)
		}
		for _, v := range r.Values {
			if rule.Direction != change.Always && !slices.Contains(rule.Rank, v) {
				t.Errorf("%s = %q has no rank", r.Name, v)
			}
		}
	}
}

// TestEveryFieldIsCompared changes each field of a Policy, by reflection, so
// that one without a row in the schema is found.
func TestEveryFieldIsCompared(t *testing.T) {
	top := reflect.TypeFor[Policy]()
	for i := range top.NumField() {
		if name := top.Field(i).Name; name == "Origins" || name == "Brokers" {
			continue
		}
		for j := range top.Field(i).Type.NumField() {
			a, b := Default(), Default()
			f := reflect.ValueOf(&b).Elem().Field(i).Field(j)
			switch f.Kind() {
			case reflect.String:
				f.SetString("changed")
			case reflect.Int64:
				f.SetInt(7)
			case reflect.Float64:
				f.SetFloat(7)
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Slice:
				f.Set(reflect.Append(f, reflect.New(f.Type().Elem()).Elem()))
			case reflect.Map:
				f.Set(reflect.ValueOf(map[string]string{"NAME": "value"}))
			default:
				t.Fatalf("%s.%s is a %s", top.Field(i).Name, top.Field(i).Type.Field(j).Name, f.Kind())
			}
			if len(Compare(a, b)) != 1 {
				t.Errorf("%s.%s is not compared", top.Field(i).Name, top.Field(i).Type.Field(j).Name)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	const user = "version = 1\n"
	for _, c := range []struct {
		name, user, project string
		want                []string
	}{
		{"nothing", ``, ``, nil},
		{"the default, spelt out", ``, "[files]\nproject = \"rw\"\n[network]\nmode = \"internet\"", nil},

		{"read", ``, "[files]\nread = [\"/a\"]", []string{"+files.read=/a"}},
		{"read of the user's own", "[files]\nread = [\"/a\"]", "[files]\nread = [\"/a\"]", nil},
		{"write", ``, "[files]\nwrite = [\"/a\", \"/b\"]", []string{"+files.write=/a", "+files.write=/b"}},
		{"pass", ``, "[env]\npass = [\"TOKEN\"]", []string{"+env.pass=TOKEN"}},
		{"set", ``, "[env]\nset = { PATH = \"/x\" }", []string{"+env.set=PATH"}},
		{"set to what the user set", "[env]\nset = { A = \"1\" }", "[env]\nset = { A = \"1\" }", nil},
		{"set to something else", "[env]\nset = { A = \"1\" }", "[env]\nset = { A = \"2\" }", []string{"+env.set=A"}},
		{"set to nothing", ``, "[env]\nset = { A = \"\" }", []string{"+env.set=A"}},
		{"pass what the user set", "[env]\nset = { A = \"1\" }", "[env]\npass = [\"A\"]", []string{"+env.pass=A", "+env.set=A"}},
		{"set what the user passes", "[env]\npass = [\"A\"]", "[env]\nset = { A = \"1\" }", []string{"+env.set=A", "-env.pass=A"}},
		{"package", ``, "[agent]\npackage = \"nixpkgs#x\"", []string{"+agent.package"}},
		{"packages", ``, "[agent]\npackages = [\"nixpkgs#x\"]", []string{"+agent.packages=nixpkgs#x"}},
		{"shared", ``, "[agent]\nconfig = \"shared\"", []string{"+agent.config"}},
		{"private again", "[agent]\nconfig = \"shared\"", "[agent]\nconfig = \"private\"", []string{"-agent.config"}},
		{"no network", ``, "[network]\nmode = \"none\"", []string{"-network.mode"}},
		{"the network that the user took away", "[network]\nmode = \"none\"", "[network]\nmode = \"host\"", []string{"+network.mode"}},
		{"more network", ``, "[network]\nmode = \"host\"", []string{"+network.mode"}},
		{"filtered", ``, "[network]\nmode = \"filtered\"", []string{"-network.mode"}},
		// Wherever the mode stands now, a flag can change it.
		{"allow", ``, "[network]\nmode = \"filtered\"\nallow = [\"a.com\", \"@npm\"]", []string{"+network.allow=a.com", "+network.allow=@npm", "-network.mode"}},
		{"deny", ``, "[network]\ndeny = [\"a.com\"]", []string{"-network.deny=a.com"}},
		{"publish", ``, "[network]\nports = [3000]", []string{"+network.ports=3000"}},
		{"any TLS", ``, "[network]\ntls = \"any\"", []string{"+network.tls"}},
		{"strict TLS", "[network]\ntls = \"any\"", "[network]\ntls = \"strict\"", []string{"-network.tls"}},
		{"proxy", ``, "[network]\nvia = \"proxy\"", []string{"+network.via"}},
		{"no proxy", "[network]\nvia = \"proxy\"", "[network]\nvia = \"redirect\"", []string{"+network.via"}},
		{"worktrees", ``, "[agent]\nseparate-worktrees = true", []string{"-agent.separate-worktrees"}},
		{"ask", ``, "[network]\nask = true", []string{"+network.ask"}},
		{"brief", ``, "[agent]\nno-brief = true", []string{"+agent.no-brief"}},
		{"brief back", "[agent]\nno-brief = true", "[agent]\nno-brief = false", []string{"-agent.no-brief"}},
		{"worktrees back", "[agent]\nseparate-worktrees = true", "[agent]\nseparate-worktrees = false", []string{"+agent.separate-worktrees"}},
		{"no key", ``, "[agent]\nkey = \"none\"", []string{"-agent.key"}},
		{"key", "[agent]\nkey = \"none\"", "[agent]\nkey = \"auto\"", []string{"+agent.key"}},
		{"broker", ``, npmBroker, []string{"+broker=npm"}},
		{"the user's broker", npmBroker, npmBroker, nil},
		{"another upstream", npmBroker, strings.Replace(npmBroker, "registry.npmjs.org", "evil.example", 1), []string{"+broker=npm"}},
		{"another path", npmBroker, npmBroker + "paths = ['/x']\n", []string{"+broker=npm"}},
		{"read-only project", ``, "[files]\nproject = \"ro\"", []string{"-files.project"}},
		{"writable project", "[files]\nproject = \"ro\"", "[files]\nproject = \"rw\"", []string{"+files.project"}},
		{"hide and protect", ``, "[files]\nhide = [\".env\"]\nprotect = [\"infra/\"]", []string{"-files.hide=.env", "-files.protect=infra/"}},
		{"daemon", ``, "[nix]\ndaemon = \"auto\"", []string{"+nix.daemon"}},
		{"no daemon", "[nix]\ndaemon = \"auto\"", "[nix]\ndaemon = \"off\"", []string{"-nix.daemon"}},
		{"store", ``, "[nix]\nstore = \"full\"", []string{"+nix.store"}},
		{"root", ``, "[identity]\nuser = \"root\"", []string{"+identity.user"}},
		{"clipboard", ``, "[terminal]\nclipboard = \"write\"", []string{"+terminal.clipboard"}},
		{"namespaces", ``, "[identity]\nnesting = true", []string{"+identity.nesting"}},
		{"no namespaces", "[identity]\nnesting = true", "[identity]\nnesting = false", []string{"-identity.nesting"}},
		{"no clipboard", "[terminal]\nclipboard = \"write\"", "[terminal]\nclipboard = \"off\"", []string{"-terminal.clipboard"}},
		{"not root", "[identity]\nuser = \"root\"", "[identity]\nuser = \"keep\"", []string{"-identity.user"}},
		{"first limits", ``, "[limits]\nmemory = \"1GiB\"\npids = 10\ncpus = 1.5", []string{"-limits.memory", "-limits.pids", "-limits.cpus"}},
		{
			"lower limits", "[limits]\nmemory = \"2GiB\"\npids = 20\ncpus = 2", "[limits]\nmemory = \"1GiB\"\npids = 10\ncpus = 1.5",
			[]string{"-limits.memory", "-limits.pids", "-limits.cpus"},
		},
		{
			"higher limits", "[limits]\nmemory = \"1GiB\"\npids = 10\ncpus = 1.5", "[limits]\nmemory = \"2GiB\"\npids = 20\ncpus = 2",
			[]string{"+limits.memory", "+limits.pids", "+limits.cpus"},
		},
		// Without one it is DefaultCache.
		{"a smaller cache", ``, "[limits]\ncache = \"1GiB\"", []string{"-limits.cache"}},
		{"a larger cache", ``, "[limits]\ncache = \"11GiB\"", []string{"+limits.cache"}},
		{"no cache", ``, "[files]\ncache = \"off\"", []string{"-files.cache"}},
		{"bring", ``, "[agent]\nbring = [\"skills\"]", []string{"+agent.bring=skills"}},
		{"toolchains", ``, "[files]\ntoolchains = [\"nvm\"]", []string{"+files.toolchains=nvm"}},
		{"host ports", ``, "[network]\nhost-ports = [5432]", []string{"+network.host-ports=5432"}},
		{"no upstream", ``, "[network]\nupstream = \"none\"", []string{"+network.upstream"}},
		{"ssh", ``, "[ssh]\nkeys = [\"~/.ssh/id.pub\"]\nhosts = [\"github.com\"]\nsign = [\"git\"]", []string{"+ssh.keys=~/.ssh/id.pub", "+ssh.hosts=github.com", "+ssh.sign=git"}},
		{"layer", ``, "[files]\nproject = \"overlay\"", []string{"-files.project"}},
		{"no layer", "[files]\nproject = \"overlay\"", "[files]\nproject = \"rw\"", []string{"+files.project"}},
		{
			"what widens comes first", ``, "[files]\nhide = [\"a\"]\nread = [\"/a\"]\n[nix]\nstore = \"full\"\n[network]\nmode = \"none\"",
			[]string{"+files.read=/a", "+nix.store", "-files.hide=a", "-network.mode"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			mine, err := Parse("user", []byte(user+c.user))
			if err != nil {
				t.Fatal(err)
			}
			project, err := Parse("project", []byte(user+c.project))
			if err != nil {
				t.Fatal(err)
			}
			base, err := Merge(mine)
			if err != nil {
				t.Fatal(err)
			}
			with, err := Merge(mine, project)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ch := range Compare(base, with) {
				s := "-" + ch.Key
				if ch.Widens {
					s = "+" + ch.Key
				}
				if ch.Element != "" {
					s += "=" + ch.Element
				}
				if ch.Why == "" {
					t.Errorf("%s does not say why", s)
				}
				if ch.From == nil && ch.To == nil || ch.From != nil && ch.To != nil && *ch.From == *ch.To {
					t.Errorf("%s is no change: %v", s, ch)
				}
				got = append(got, s)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

const npmBroker = "[[broker]]\nname = 'npm'\nupstream = 'https://registry.npmjs.org'\nheader = 'Authorization'\nfrom = 'env:NPM_TOKEN'\n"

// TestCompareAgainst: what merging cannot do, a comparison of two policies can.
func TestCompareAgainst(t *testing.T) {
	full := Policy{
		Agent:   Agent{Package: "p", Packages: []string{"q"}, Config: ConfigShared},
		Files:   Files{Project: ProjectRW, Read: []string{"/r"}, Write: []string{"/w"}, Hide: []string{"h"}, Protect: []string{"p"}},
		Env:     Env{Pass: []string{"P"}, Set: map[string]string{"S": "1"}},
		Network: Network{Mode: NetHost, Allow: []string{"a.com"}, Deny: []string{"b.com"}, Ports: []int64{1}},
		Brokers: []network.Broker{agent.Claude().Keys[0].For("env:X")}, Nix: Nix{Daemon: DaemonAuto, Store: StoreFull},
		Limits: Limits{Memory: 1, Pids: 1, CPUs: 1}, Identity: Identity{User: UserRoot},
	}
	widening := map[string]bool{}
	for _, c := range Compare(full, Default()) {
		widening[c.Key] = c.Widens
	}
	for _, key := range []string{"files.hide", "files.protect", "limits.memory", "limits.pids", "limits.cpus", "agent.package", "env.set", "network.deny"} {
		if w, ok := widening[key]; !ok || !w {
			t.Errorf("taking %s away does not widen (%v, %v)", key, w, ok)
		}
	}
	for _, key := range []string{
		"agent.packages", "agent.config", "files.read", "files.write", "env.pass", "nix.daemon", "nix.store", "identity.user",
		"network.mode", "network.allow", "network.ports", "broker",
	} {
		if w, ok := widening[key]; !ok || w {
			t.Errorf("taking %s away widens (%v, %v)", key, w, ok)
		}
	}
	ab, ba := Default(), Default()
	ab.Agent.Packages, ba.Agent.Packages = []string{"a", "b"}, []string{"b", "a"}
	if !change.Widens(Compare(ab, ba)) {
		t.Error("another order of packages is no change")
	}
	// A value that nobody ranked is the widest.
	odd := Default()
	odd.Network.Mode = "tunnel"
	if !change.Widens(Compare(Default(), odd)) || !change.Widens(Compare(odd, Default())) {
		t.Error("an unknown network mode does not widen")
	}
}
