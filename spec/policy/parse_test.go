package policy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// full uses every key that this release has.
const full = `version = 1

[agent]
package  = "nixpkgs#claude-code"
packages = ["nixpkgs#nodejs", "nixpkgs#jq"]
config   = "shared"
key      = "none"

[files]
project = "ro"
read    = ["~/.config/gh/hosts.yml"]
write   = ["~/.cache/go-build", "/srv/cache/"]
hide    = [".env", ".env.*", "/secrets/"]
protect = ["infra/"]

[network]
mode  = "filtered"
allow = ["@claude", "*.github.com", "host:5432"]
deny  = ["gist.github.com"]
ports = [3000]
tls   = "any"
via   = "proxy"

[env]
pass = ["GOFLAGS"]
set  = { CI = "1" }

[nix]
daemon = "auto"
store  = "full"

[limits]
memory = "8GiB"
pids   = 4096
cpus   = 1.5

[identity]
user = "root"

[[broker]]
name     = "npm"
upstream = "https://registry.npmjs.org"
header   = "Authorization"
from     = "file:~/.npm-token"
env      = "NPM_TOKEN"
url-env  = "npm_config_registry"
paths    = ["/"]

[[broker]]
name     = "github"
upstream = "https://api.github.com"
header   = "Authorization"
from     = "command:gh auth token"
`

func fullLayer(name string) *Layer {
	return &Layer{
		Name: name,
		Agent: AgentLayer{
			Package:  new("nixpkgs#claude-code"),
			Packages: []string{"nixpkgs#nodejs", "nixpkgs#jq"},
			Config:   new(ConfigShared),
			Key:      new(KeyNone),
		},
		Files: FilesLayer{
			Project: new(ProjectRO),
			Read:    []string{"~/.config/gh/hosts.yml"},
			Write:   []string{"~/.cache/go-build", "/srv/cache/"},
			Hide:    []string{".env", ".env.*", "/secrets/"},
			Protect: []string{"infra/"},
		},
		Network: NetworkLayer{
			Mode:  new(NetFiltered),
			Allow: []string{"@claude", "*.github.com", "host:5432"},
			Deny:  []string{"gist.github.com"},
			Ports: []int64{3000},
			TLS:   new(network.TLSAny),
			Via:   new(network.ViaProxy),
		},
		Env:      EnvLayer{Pass: []string{"GOFLAGS"}, Set: map[string]string{"CI": "1"}},
		Nix:      NixLayer{Daemon: new(DaemonAuto), Store: new(StoreFull)},
		Limits:   LimitsLayer{Memory: new(int64(8 << 30)), Pids: new(int64(4096)), CPUs: new(1.5)},
		Identity: IdentityLayer{User: new(UserRoot)},
		Brokers: []network.Broker{
			{
				Name: "npm", Upstream: "https://registry.npmjs.org", Header: "Authorization", From: "file:~/.npm-token",
				Env: "NPM_TOKEN", URLEnv: "npm_config_registry", Paths: []string{"/"},
			},
			{Name: "github", Upstream: "https://api.github.com", Header: "Authorization", From: "command:gh auth token"},
		},
	}
}

func TestParseFull(t *testing.T) {
	got, err := Parse("p.toml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	got.pos = nil
	got.allow, got.deny = nil, nil
	if want := fullLayer("p.toml"); !reflect.DeepEqual(got, want) {
		t.Errorf("Parse:\n got %+v\nwant %+v", got, want)
	}
}

// TestParseProject: a project's file does not make the host do anything.
func TestParseProject(t *testing.T) {
	const env = "version = 1\n[[broker]]\nname = 'a'\nupstream = 'https://a.com'\nheader = 'X'\nfrom = 'env:A'\n"
	if _, err := ParseProject("p.toml", []byte(env)); err != nil {
		t.Error(err)
	}
	for from, says := range map[string]string{
		"command:id":  `p.toml:6:8: broker.from: "command:id" runs a program of this host, which the policy of a project cannot make it do: write this broker in your own policy`,
		"file:~/.key": `p.toml:6:8: broker.from: "file:~/.key" reads a file of this host`,
		"command:":    `says nothing`,
		"Command:id":  `is not "env:NAME"`,
		" command:id": `is not "env:NAME"`,
	} {
		text := strings.Replace(env, "env:A", from, 1)
		if _, err := ParseProject("p.toml", []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", from, err)
		}
		if _, err := Parse("p.toml", []byte(text)); (err == nil) != strings.Contains(says, "this host") {
			t.Errorf("%s of the user: %v", from, err)
		}
	}
	// Merge checks again.
	l, err := Parse("p.toml", []byte(strings.Replace(env, "env:A", "command:id", 1)))
	if err != nil {
		t.Fatal(err)
	}
	l.project = true
	if _, err := Merge(l); err == nil {
		t.Error("Merge takes it")
	}
}

func TestParseForms(t *testing.T) {
	none := &Layer{Name: "p.toml", Network: NetworkLayer{Mode: new(NetNone)}}
	for name, c := range map[string]struct {
		text string
		want *Layer
	}{
		"only the version": {"version = 1", &Layer{Name: "p.toml"}},
		"empty sections":   {"version = 1\n[files]\n[env]\n", &Layer{Name: "p.toml"}},
		"dotted key":       {"version = 1\nnetwork.mode = 'none'", none},
		"inline table":     {"version = 1\nnetwork = { mode = \"none\" }", none},
		"quoted key":       {"\"version\" = 1\n[\"network\"]\n'mode' = \"none\"", none},
		"windows lines":    {"version = 1\r\n[network]\r\nmode = \"none\"\r\n", none},
		"table of variables": {
			"version = 1\n[env.set]\nA = \"\"\nB = \"\"\"\nx\"\"\"",
			&Layer{Name: "p.toml", Env: EnvLayer{Set: map[string]string{"A": "", "B": "x"}}},
		},
		"whole processors": {
			"version = 1\nlimits.cpus = 2",
			&Layer{Name: "p.toml", Limits: LimitsLayer{CPUs: new(2.0)}},
		},
		"an empty list is something said": {
			"version = 1\nfiles.read = []",
			&Layer{Name: "p.toml", Files: FilesLayer{Read: []string{}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("p.toml", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			got.pos = nil
			got.allow, got.deny = nil, nil
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestParseErrors compares all the faults of each testdata/errors/NAME.toml
// with NAME.txt beside it.
func TestParseErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			layer, err := Parse(filepath.Base(file), data)
			if err == nil || layer != nil {
				t.Fatalf("Parse accepts it: %+v", layer)
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".toml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("errors of %s\n--- got\n%s--- want\n%s", file, got, want)
			}
		})
	}
}

func TestParseErrorIsTyped(t *testing.T) {
	_, err := Parse("p.toml", []byte("version = 1\n[network]\n  mode = \"x\"\n"))
	var one *Error
	if !errors.As(err, &one) {
		t.Fatalf("%T is no *Error", err)
	}
	if one.Layer != "p.toml" || one.Line != 3 || one.Column != 10 || one.Key != "network.mode" {
		t.Errorf("got %+v", one)
	}
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 {
		t.Errorf("%T is no Errors of one", err)
	}
}

// TestParseKeepsSecrets: whatever is wrong with them, variables stay out of
// errors, and so do values of a wrong type, which may have been meant for one.
func TestParseKeepsSecrets(t *testing.T) {
	const secret = "s3cret"
	for name, text := range map[string]string{
		"assignment in pass":        `env.pass = ["TOKEN=s3cret"]`,
		"secret in pass":            `env.pass = ["s3cret-s3cret"]`,
		"value with NUL":            `env.set = { TOKEN = "s3cret\u0000" }`,
		"set and passed":            "env.pass = [\"TOKEN\"]\nenv.set = { TOKEN = \"s3cret\" }",
		"reserved name":             `env.set = { _JAIL_X = "s3cret" }`,
		"secret as name":            `env.set = { "s3cret-x" = "s3cret" }`,
		"table for a string":        `env.set = { TOKEN = { x = "s3cret" } }`,
		"unknown key":               `env.token = "s3cret"`,
		"unknown top key":           `token = "s3cret"`,
		"string for a section":      `env = "s3cret"`,
		"string for a list":         `env.pass = "s3cret"`,
		"element of a wrong type":   `env.pass = [["s3cret"]]`,
		"string without end":        `env.set = { TOKEN = "s3cret }`,
		"string without quotes":     `env.set = { TOKEN = s3cret }`,
		"two values":                `env.set.TOKEN = "s3cret" "s3cret"`,
		"defined twice":             "env.set.TOKEN = \"s3cret\"\nenv.set.TOKEN = \"s3cret\"",
		"bad escape after a secret": `env.set.TOKEN = "s3cret\q"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("p.toml", []byte("version = 1\n"+text))
			if err == nil {
				t.Fatal("Parse accepts it")
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
}

// TestParseNoEscapeSequences: a project's policy comes from a stranger, and
// its errors go to a terminal.
func TestParseNoEscapeSequences(t *testing.T) {
	for name, text := range map[string]string{
		"top key":       "\"\\u001b]0;x\" = 1",
		"section":       "[\"\\u001b]0;x\"]",
		"key":           "[files]\n\"\\u001b]0;x\" = 1",
		"defined twice": "\"\\u001b]0;x\" = 1\n\"\\u001b]0;x\" = 1",
		"path":          "[files]\nread = [\"/\\u001b]0;x\"]",
		"pattern":       "[files]\nhide = [\"\\u009b2J\"]",
		"mode":          "[network]\nmode = \"\\u001b]0;x\"",
		"memory":        "[limits]\nmemory = \"\\u001b]0;x\"",
		"package":       "[agent]\npackage = \"\\u001b]0;x\"",
		"variable":      "[env]\npass = [\"\\u001b]0;x\"]",
		"set variable":  "[env.set]\n\"\\u001b]0;x\" = \"\"",
		"nested table":  "[env.set.\"\\u001b]0;x\"]",
		"raw bytes":     "\x1b]0;x = 1",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("p.toml", []byte("version = 1\n"+text))
			if err == nil {
				t.Fatal("Parse accepts it")
			}
			if strings.ContainsAny(err.Error(), "\x1b\u009b") {
				t.Errorf("an escape sequence is in the error: %q", err)
			}
		})
	}
}

func TestParseSize(t *testing.T) {
	text := "version = 1\n" + strings.Repeat("#", maxSize)
	if _, err := Parse("p.toml", []byte(text)); err == nil {
		t.Error("a file beyond the limit is read")
	}
}
