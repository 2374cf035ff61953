package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const cacheKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// TestNixCaches: what a jail learns of the host's nix.conf, and what not.
func TestNixCaches(t *testing.T) {
	const secret = "PLANTED-SECRET"
	for _, c := range []struct {
		name, config, conf string
		substituters, keys []string
		warning            string
	}{
		{name: "nothing is known"},
		{
			name: "effective settings", config: `{"substituters":{"value":["https://cache.nixos.org/","https://c.example.org?priority=30"]},"trusted-public-keys":{"value":["` + cacheKey + `"]},
			"access-tokens":{"value":{"github.com":"` + secret + `"}},"netrc-file":{"value":"/` + secret + `"}}`,
			substituters: []string{"https://cache.nixos.org/", "https://c.example.org?priority=30"}, keys: []string{cacheKey},
		},
		{
			name: "file", conf: "substituters = https://a.example.org https://b.example.org # ours\naccess-tokens = github.com=" + secret + "\nnetrc-file = /" + secret +
				"\n!include /" + secret + "\ninclude " + secret + "\nextra-substituters = https://c.example.org\ntrusted-public-keys = " + cacheKey + "\n",
			substituters: []string{"https://a.example.org", "https://b.example.org", "https://c.example.org"}, keys: []string{cacheKey},
		},
		{
			name: "file, older names", conf: "binary-caches = https://a.example.org\nbinary-cache-public-keys = " + cacheKey + "\n",
			substituters: []string{"https://a.example.org"}, keys: []string{cacheKey},
		},
		{
			name: "a password in a URL", conf: "substituters = https://ann:" + secret + "@a.example.org https://b.example.org\n",
			substituters: []string{"https://b.example.org"}, warning: "https://a.example.org has a user name or password",
		},
		{name: "a token in a URL", conf: "substituters = https://a.example.org?token=" + secret + "\n", warning: `the parameter "token"`},
		{name: "another setting by a URL", config: `{"substituters":{"value":["https://a\naccess-tokens = x","https://a b/","https://a.example.org/x y","https://a.example.org/#x"]}}`, warning: "not a URL"},
		{name: "another setting by a key", config: `{"trusted-public-keys":{"value":["k:x\nsandbox = false","k:short=","` + cacheKey + `"]}}`, keys: []string{cacheKey}},
		{name: "not lists", config: `{"substituters":{"value":"https://a.example.org"},"trusted-public-keys":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.nixProgram("", c.config)
			if c.conf != "" {
				write(t, f.Root, map[string]string{"etc/nix/nix.conf": c.conf})
			}
			var facts Facts
			(reader{f.Source}).nixCaches(context.Background(), &facts)
			if !slices.Equal(facts.NixSubstituters, c.substituters) || !slices.Equal(facts.NixKeys, c.keys) {
				t.Errorf("substituters %q, keys %q", facts.NixSubstituters, facts.NixKeys)
			}
			if text := strings.Join(facts.Warnings, "\n"); !strings.Contains(text, c.warning) || (c.warning == "") != (text == "") {
				t.Errorf("warnings %q", text)
			}
			if strings.Contains(fmt.Sprint(facts), secret) {
				t.Errorf("a secret is in the facts: %+v", facts)
			}
		})
	}
}

// TestNixDoor: a caller whom the daemon trusts goes through the door that
// trusts nobody, if there is one and it says so.
func TestNixDoor(t *testing.T) {
	for _, c := range []struct {
		name         string
		uid          int
		daemon, door string
		listens      bool
		through      bool
	}{
		{"trusted", 4242, "true", "0", true, true},
		{"root", 0, "1", "false", true, true},
		{"not trusted", 4242, "false", "0", true, false},
		{"the door trusts too", 4242, "true", "true", true, false},
		{"the door does not know", 4242, "true", "null", true, false},
		{"nobody at the door", 4242, "true", "0", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.UID = c.uid
			// A socket's path has at most 107 bytes.
			top, err := os.MkdirTemp("/tmp", "nix")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(top) })
			f.Root, f.Env["XDG_RUNTIME_DIR"] = top, "/run/me"
			sockets := []string{nixSocket}
			door := "/run/me/nix-untrusted.socket"
			if c.listens {
				sockets = append(sockets, door)
			}
			for _, s := range sockets {
				if err := os.MkdirAll(filepath.Dir(top+s), 0o755); err != nil {
					t.Fatal(err)
				}
				l, err := net.Listen("unix", top+s)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			}
			program := filepath.Join(top, "bin/nix")
			write(t, top, map[string]string{"bin/nix": "#!/bin/sh\ncase \"$*\" in\n*store\\ ping*nix-untrusted*) echo '{\"trusted\":" + c.door +
				"}';;\n*store\\ ping*) echo '{\"trusted\":" + c.daemon + "}';;\n*) exit 1;;\nesac\n"})
			if err := os.Chmod(program, 0o755); err != nil {
				t.Fatal(err)
			}
			f.Look = func(string) (string, error) { return program, nil }
			var facts Facts
			(reader{f.Source}).nixDaemon(context.Background(), &facts, false)
			want, trusted := nixSocket, c.daemon != "false"
			if c.through {
				want, trusted = door, false
			}
			if facts.NixDaemon != want || facts.NixTrusted != trusted {
				t.Errorf("%q, trusted %v; want %q, %v", facts.NixDaemon, facts.NixTrusted, want, trusted)
			}
		})
	}
}
