package portable

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/canon"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func portableClosure() closure.Closure {
	const agent, bash = "/nix/store/00000000000000000000000000000000-claude-1", "/nix/store/11111111111111111111111111111111-bash-5"
	return closure.Closure{
		Toolchain: closure.Nix, Agent: agent + "/bin/claude", Roots: []string{agent}, Paths: []string{agent, bash},
		Bins: []string{agent + "/bin", bash + "/bin"}, Shell: bash + "/bin/sh", Bash: bash + "/bin/bash",
	}
}

// widePolicy uses every part of Build that looks at the host.
func widePolicy() policy.Policy {
	p := policy.Default()
	p.Agent.Config = policy.ConfigShared
	p.Nix.Daemon = policy.DaemonAuto
	p.Files.Read = []string{"~/notes", "/srv/data"}
	p.Files.Write = []string{"~/.cache/go-build"}
	p.Files.Hide = []string{".env"}
	p.Files.Protect = []string{"infra/"}
	p.Env.Pass = []string{"GOFLAGS"}
	p.Env.Set = map[string]string{"CI": "1"}
	p.Limits = policy.Limits{Memory: 8 << 30, Pids: 100, CPUs: 1.5}
	return p
}

func mustPortable(t *testing.T, p policy.Policy, c closure.Closure) []byte {
	t.Helper()
	text, err := Spec(p, c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var placeholder = regexp.MustCompile(`\$\$|\$\{[A-Za-z_:*]+\}|\$`)

func TestPortableHasPlaceholdersOnly(t *testing.T) {
	for name, p := range map[string]policy.Policy{"default": policy.Default(), "wide": widePolicy()} {
		t.Run(name, func(t *testing.T) {
			text := mustPortable(t, p, portableClosure())
			// Nothing of the stand-in for the caller's ids.
			other, err := portable(p, portableClosure(), 54321)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text, other) {
				t.Errorf("the caller's id is in it:\n%s\n%s", text, other)
			}
			if i := bytes.IndexAny(text, markBegin+markEnd+markPathB); i >= 0 {
				t.Errorf("a mark is left: %q", text[i:])
			}
			for _, m := range placeholder.FindAllString(string(text), -1) {
				if m == "$" {
					t.Error("a lone $ is in it")
				}
			}
			again, err := canon.JSON(json.RawMessage(text))
			if err != nil || !bytes.Equal(again, text) {
				t.Errorf("not canonical (%v)", err)
			}
		})
	}
	text := string(mustPortable(t, widePolicy(), portableClosure()))
	for _, want := range []string{
		`"hostID":"${UID}"`, `"hostID":"${GID}"`, `"--uid=${UID}","--gid=${GID}"`, `"cwd":"${PROJECT}"`, `"HOME=${HOME}"`,
		`"XDG_RUNTIME_DIR=/run/user/${UID}"`, `"TERM=${env:TERM}"`, `"LC_*=${env:LC_*}"`, `"GOFLAGS=${env:GOFLAGS}"`, `"CI=1"`,
		`"source":"${HOME}/notes"`, `"source":"/srv/data"`, `"source":"${CERTS}"`,
		`"source":"${LOCALTIME}"`, `"source":"${NIX_DAEMON}"`, `substituters = ${NIX_SUBSTITUTERS}\ntrusted-public-keys = ${NIX_KEYS}\n`, `"source":"${JAILED_CLAUDE}"`,
		`${USER}:x:${UID}:${GID}::${HOME}:/bin/sh\n`, `"content":"${GROUP}:x:${GID}:\n`, `name = \"${GIT_NAME}\"`,
		`"hide":[".env"]`, `"protect":["infra/"]`, `"system":"` + contract.System + `"`,
		`"target":"/nix/store/11111111111111111111111111111111-bash-5/bin/sh"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	host := policy.Default()
	host.Network.Mode = policy.NetHost
	if text := string(mustPortable(t, host, portableClosure())); !strings.Contains(text, `"source":"${RESOLV_CONF}"`) {
		t.Errorf("no name servers in\n%s", text)
	}
	if private := string(mustPortable(t, policy.Default(), portableClosure())); !strings.Contains(private, `"source":"${STATE}/claude"`) {
		t.Errorf("no state folder in\n%s", private)
	}
}

// TestPortableHostile: a policy that spells placeholders is not a policy that
// means them.
func TestPortableHostile(t *testing.T) {
	variants := []struct{ name, path, value string }{
		{"meant", "~/x", "plain"},
		{"spelt", "/${HOME}/x", "${HOME}"},
		{"spelt twice", "/$${HOME}/x", "$${HOME}"},
		{"as escaped", "/$$${HOME}/x", "$$${HOME}"},
		{"spelt env", "/${env:TERM}", "${env:TERM}"},
		{"dollar", "/$/x", "$"},
		{"dollars", "/$$/x", "$$"},
		{"escapes of JSON", `/\u0091HOME\u0092/x`, `\u0091HOME\u0092`},
		{"long", "/" + strings.Repeat("$", 255), strings.Repeat("${", 1000)},
	}
	seen := map[string]string{}
	for _, v := range variants {
		p := policy.Default()
		p.Files.Read = []string{v.path}
		p.Env.Set = map[string]string{"X": v.value}
		text := string(mustPortable(t, p, portableClosure()))
		if other := seen[text]; other != "" {
			t.Errorf("%s and %s have the same bytes", v.name, other)
		}
		seen[text] = v.name
		if v.name == "spelt" && (!strings.Contains(text, `"source":"/$${HOME}/x"`) || !strings.Contains(text, `"X=$${HOME}"`)) {
			t.Errorf("not escaped: %s", text)
		}
	}
	for _, m := range []string{markBegin, markEnd, markPathB} {
		p := policy.Default()
		p.Env.Set = map[string]string{"X": "a" + m}
		if _, err := Spec(p, portableClosure()); err == nil {
			t.Errorf("a policy with %q in it is taken", m)
		}
		c := portableClosure()
		c.Links = map[string]string{c.Paths[1]: m}
		if _, err := Spec(policy.Default(), c); err == nil {
			t.Errorf("a closure with %q in it is taken", m)
		}
	}
}

// TestPortableSees: what changes the jail changes the bytes.
func TestPortableSees(t *testing.T) {
	base := mustPortable(t, policy.Default(), portableClosure())
	for what, change := range map[string]func(*policy.Policy, *closure.Closure){
		"network": func(p *policy.Policy, _ *closure.Closure) { p.Network.Mode = policy.NetNone },
		"hide":    func(p *policy.Policy, _ *closure.Closure) { p.Files.Hide = []string{"*.pem"} },
		"protect": func(p *policy.Policy, _ *closure.Closure) { p.Files.Protect = []string{"*.pem"} },
		"project": func(p *policy.Policy, _ *closure.Closure) { p.Files.Project = policy.ProjectRO },
		"layer":   func(p *policy.Policy, _ *closure.Closure) { p.Files.Project = policy.ProjectOverlay },
		"pass":    func(p *policy.Policy, _ *closure.Closure) { p.Env.Pass = []string{"TOKEN"} },
		"root":    func(p *policy.Policy, _ *closure.Closure) { p.Identity.User = policy.UserRoot },
		"pids":    func(p *policy.Policy, _ *closure.Closure) { p.Limits.Pids = 1 },
		"agent":   func(_ *policy.Policy, c *closure.Closure) { c.Agent = c.Bash },
		"shell":   func(_ *policy.Policy, c *closure.Closure) { c.Shell = c.Agent },
		"path":    func(_ *policy.Policy, c *closure.Closure) { c.Paths = c.Paths[:1] },
		"bins":    func(_ *policy.Policy, c *closure.Closure) { slices.Reverse(c.Bins) },
	} {
		p, c := policy.Default(), portableClosure()
		change(&p, &c)
		if bytes.Equal(mustPortable(t, p, c), base) {
			t.Errorf("%s makes no difference", what)
		}
	}
	// Who said it makes none.
	p := policy.Default()
	p.Origins = map[string]string{"network.mode": "/home/\u0091/config.toml"}
	if !bytes.Equal(mustPortable(t, p, portableClosure()), base) {
		t.Error("the origin of a value is in it")
	}
}

func TestPortableHostToolchain(t *testing.T) {
	if _, err := Spec(policy.Default(), closure.Closure{Toolchain: closure.Host, Agent: "/usr/bin/claude"}); !errors.Is(err, ErrHostToolchain) {
		t.Errorf("got %v", err)
	}
}

// TestPortableWithoutAgent: a closure of tools alone has a jail too.
func TestPortableWithoutAgent(t *testing.T) {
	c := portableClosure()
	c.Agent = ""
	mustPortable(t, policy.Default(), c)
}

// TestPortableEverywhere builds it in processes with other environments, working
// folders and clocks. (Other users: hack/e2e.)
func TestPortableEverywhere(t *testing.T) {
	if os.Getenv("PORTABLE_CHILD") != "" {
		_, _ = os.Stdout.Write(append(mustPortable(t, widePolicy(), portableClosure()), '\n'))
		return
	}
	want := string(mustPortable(t, widePolicy(), portableClosure()))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{
		{"HOME=/", "LANG=C", "TZ=UTC", "USER=root"},
		{"HOME=/tmp/${HOME}", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "TZ=Asia/Kathmandu", "USER=bin", "TERM=dumb", "GOFLAGS=-mod=mod"},
	} {
		dir := filepath.Join(t.TempDir(), "${HOME} \n${PROJECT}")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run=^TestPortableEverywhere$")
		cmd.Dir, cmd.Env = dir, append(env, "PORTABLE_CHILD=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got, _, _ := strings.Cut(string(out), "\n"); got != want {
			t.Errorf("with %q:\n%s\n%s", env, got, want)
		}
	}
}

// TestPortableHasBrokers: what is written down is the same for callers with
// a key and without, and has the policy's own brokers.
func TestPortableHasBrokers(t *testing.T) {
	p := policy.Default()
	if text := string(mustPortable(t, p, portableClosure())); strings.Contains(text, "anthropic.broker") {
		t.Errorf("the caller's key is in\n%s", text)
	}
	p.Brokers = []network.Broker{agent.Claude().Keys[0].For("env:KEY")}
	if text := string(mustPortable(t, p, portableClosure())); !strings.Contains(text, `\"from\":\"env:KEY\"`) {
		t.Errorf("the policy's broker is not in\n%s", text)
	}
}

func BenchmarkPortable(b *testing.B) {
	p, c := widePolicy(), portableClosure()
	for b.Loop() {
		if _, err := Spec(p, c); err != nil {
			b.Fatal(err)
		}
	}
}
