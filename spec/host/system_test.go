package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSystemFiles(t *testing.T) {
	f := newFake(t)
	write(t, f.Root, map[string]string{
		"etc/resolv.conf":                       "->../run/systemd/resolve/stub-resolv.conf",
		"run/systemd/resolve/stub-resolv.conf":  "",
		"etc/localtime":                         "->/etc/zoneinfo/Europe/Berlin",
		"etc/zoneinfo":                          "->/nix/store/abc-tzdata/share/zoneinfo",
		"nix/store/abc-tzdata/share/zoneinfo/":  "",
		"etc/ssl/certs/ca-bundle.crt":           "->/etc/static/ca",
		"etc/static/ca":                         "->/nix/store/def-cacert/ca.crt",
		"nix/store/def-cacert/ca.crt":           "",
		"etc/ssl/certs/ca-certificates.crt":     "->/none",
		"etc/claude-code/managed-settings.json": "->/etc/static/managed",
		"etc/claude-code/managed-settings.d":    "->/etc/static/d",
		"etc/claude-code/CLAUDE.md":             "",
		"etc/static/managed":                    "",
		"etc/static/d/a.json":                   "",
		"etc/static/d/loop":                     "->/etc/claude-code",
		"env/ca.pem":                            "",
		"env/link.pem":                          "->ca.pem",
		"env/dir/":                              "",
	})
	write(t, f.Root, map[string]string{"nix/store/abc-tzdata/share/zoneinfo/Europe/Berlin": ""})
	facts := f.mustRead(Options{})
	for _, c := range [][2]string{
		{facts.ResolvConf, "/run/systemd/resolve/stub-resolv.conf"},
		{facts.Localtime, "/nix/store/abc-tzdata/share/zoneinfo/Europe/Berlin"},
		{facts.TimeZone, "Europe/Berlin"},
		{facts.CAFile, "/nix/store/def-cacert/ca.crt"},
		{facts.ExtraCAFile, ""},
		{facts.ManagedSettings, "/etc/claude-code"},
		{facts.ManagedFiles["/etc/claude-code/managed-settings.json"], "/etc/static/managed"},
		{facts.ManagedFiles["/etc/claude-code/managed-settings.d/a.json"], "/etc/static/d/a.json"},
		{facts.ManagedFiles["/etc/claude-code/CLAUDE.md"], "/etc/claude-code/CLAUDE.md"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
	f.Env["SSL_CERT_FILE"], f.Env["NODE_EXTRA_CA_CERTS"] = "/env/link.pem", "/env/ca.pem"
	if facts = f.mustRead(Options{}); facts.CAFile != "/env/ca.pem" || facts.ExtraCAFile != "/env/ca.pem" {
		t.Errorf("%q %q", facts.CAFile, facts.ExtraCAFile)
	}
	// Who trusts it by another variable has it by that one, and the first of two counts.
	delete(f.Env, "NODE_EXTRA_CA_CERTS")
	delete(f.Env, "SSL_CERT_FILE")
	f.Env["REQUESTS_CA_BUNDLE"], f.Env["PIP_CERT"], f.Env["CURL_CA_BUNDLE"] = "/env/ca.pem", "/env/none", "/etc/ssl/certs/ca-bundle.crt"
	if facts = f.mustRead(Options{}); facts.ExtraCAFile != "/env/ca.pem" || len(facts.CAVariables) != 2 || facts.CAVariables["CURL_CA_BUNDLE"] != facts.CAFile || facts.CAVariables["REQUESTS_CA_BUNDLE"] != "/env/ca.pem" {
		t.Errorf("%q %q", facts.ExtraCAFile, facts.CAVariables)
	}
	delete(f.Env, "REQUESTS_CA_BUNDLE")
	delete(f.Env, "PIP_CERT")
	delete(f.Env, "CURL_CA_BUNDLE")
	for _, bad := range []string{"relative.pem", "/env/dir", "/env/none", "\x00"} {
		f.Env["SSL_CERT_FILE"], f.Env["NODE_EXTRA_CA_CERTS"] = bad, bad
		if facts = f.mustRead(Options{}); facts.CAFile != "/nix/store/def-cacert/ca.crt" || facts.ExtraCAFile != "" {
			t.Errorf("%q: %q %q", bad, facts.CAFile, facts.ExtraCAFile)
		}
	}
	empty := newFake(t).mustRead(Options{})
	if empty.ResolvConf+empty.Localtime+empty.CAFile+empty.ManagedSettings != "" {
		t.Errorf("an empty host: %+v", empty)
	}
}

func TestLinksStayInTheRoot(t *testing.T) {
	f := newFake(t)
	write(t, f.Root, map[string]string{"a": "->/../../../etc/b", "etc/b": "->../../../c", "c": "", "loop": "->loop"})
	if real, err := f.Real("/a"); real != "/c" || err != nil {
		t.Errorf("%q, %v", real, err)
	}
	if _, err := f.Real("/loop"); err == nil {
		t.Error("a loop resolves")
	}
}

// TestFactsHoldNoSecrets: what is not asked for is in no fact, for facts are the
// input of what is written down.
func TestFactsHoldNoSecrets(t *testing.T) {
	f := newFake(t)
	f.Env["TOKEN"], f.Env["ANTHROPIC_API_KEY"] = "hunter2", "sk-hunter2"
	if text := fmt.Sprintf("%#v", f.mustRead(Options{Shared: true})); strings.Contains(text, "hunter2") {
		t.Errorf("a secret is in %s", text)
	}
}

func TestReadThisHost(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	facts, err := Read(context.Background(), Options{ProjectDir: dir, Nix: true, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	if facts.UID != os.Getuid() || facts.NoFile == 0 || facts.User == "" || facts.RuntimeDir != fmt.Sprintf("/run/user/%d", os.Getuid()) || !filepath.IsAbs(facts.Executable) {
		t.Errorf("%+v", facts)
	}
}

// nixProgram is a stand-in for nix that answers as given.
func (f *fake) nixProgram(ping, config string) {
	f.T.Helper()
	dir := f.T.TempDir()
	write(f.T, dir, map[string]string{"ping": ping, "config": config, "nix": "#!/bin/sh\ncase \"$*\" in\n" +
		"*store\\ ping*) test -s " + dir + "/ping && cat " + dir + "/ping;;\n" +
		"*show-config*) test -s " + dir + "/config && cat " + dir + "/config;;\nesac\n"})
	path := filepath.Join(dir, "nix")
	if err := os.Chmod(path, 0o755); err != nil {
		f.T.Fatal(err)
	}
	f.Look = func(name string) (string, error) {
		if name == "nix" {
			return path, nil
		}
		return "", os.ErrNotExist
	}
}

func TestNixDaemon(t *testing.T) {
	f := newFake(t)
	f.UID, f.GID, f.Groups = 4242, 4242, []int{4300}
	// A socket's path has at most 107 bytes.
	top, err := os.MkdirTemp("/tmp", "nix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	f.Root = top
	write(t, f.Root, map[string]string{
		"etc/passwd": "ann:x:4242:4242::/:/bin/sh\n", "etc/group": "wheel:x:4300:\nadm:x:4400:ann\nother:x:4500:bob\n",
		"nix/var/nix/daemon-socket/": "",
	})
	socket := filepath.Join(f.Root, "nix/var/nix/daemon-socket/socket")
	if facts := f.mustRead(Options{Nix: true}); facts.NixDaemon != "" {
		t.Errorf("no socket: %q", facts.NixDaemon)
	}
	files(t, f.Root, "nix/var/nix/daemon-socket/socket")
	if facts := f.mustRead(Options{Nix: true}); facts.NixDaemon != "" {
		t.Errorf("a file: %q", facts.NixDaemon)
	}
	os.Remove(socket)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if facts := f.mustRead(Options{}); facts.NixDaemon != "" {
		t.Errorf("not asked for: %q", facts.NixDaemon)
	}
	config := func(users string) string { return `{"trusted-users":{"value":[` + users + `]}}` }
	for _, c := range []struct {
		name, ping, config, conf string
		want                     bool
	}{
		{"daemon says yes", `{"url":"unix://","version":"2.31.1","trusted":true}`, config(`"root"`), "", true},
		{"daemon says no", `{"url":"unix://","version":"2.31.1","trusted":0}`, config(`"*"`), "", false},
		{"daemon says one", `{"url":"daemon","version":"2.18.1","trusted":1}`, config(`"root"`), "", true},
		{"daemon does not know", `{"url":"daemon","version":"2.18.1","trusted":null}`, config(`"*"`), "", true},
		{"daemon says false", `{"version":"2.31.1","trusted":false}`, config(`"*"`), "", false},
		{"settings: default", "", config(`"root"`), "", false},
		{"settings: user", "", config(`"root","ann"`), "", true},
		{"settings: everybody", "", config(`"*"`), "", true},
		{"settings: group of the process", "", config(`"@wheel"`), "", true},
		{"settings: group of the user", "", config(`"@adm"`), "", true},
		{"settings: another group", "", config(`"@other","wheel"`), "", false},
		{"file: default", "", "", "# trusted-users = *\n", false},
		{"file: group", "", "", "trusted-users = root @wheel # us\n", true},
		{"file: extra", "", "", "extra-trusted-users = ann\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.nixProgram(c.ping, c.config)
			write(t, f.Root, map[string]string{"etc/nix/nix.conf": c.conf})
			facts := f.mustRead(Options{Nix: true})
			if facts.NixDaemon != nixSocket || facts.NixTrusted != c.want {
				t.Errorf("%q trusted=%v", facts.NixDaemon, facts.NixTrusted)
			}
		})
	}
	os.Remove(filepath.Join(f.Root, "etc/nix/nix.conf"))
	f.nixProgram("", "")
	if facts := f.mustRead(Options{Nix: true}); !facts.NixTrusted {
		t.Error("in doubt, not trusted")
	}
	for remote, want := range map[string]string{
		"daemon": nixSocket, "unix://" + nixSocket: nixSocket, "unix://": nixSocket, "unix:///none": "", "ssh://x": "", "unix://relative": "",
	} {
		f.Env["NIX_REMOTE"] = remote
		if facts := f.mustRead(Options{Nix: true}); facts.NixDaemon != want {
			t.Errorf("NIX_REMOTE=%q: %q", remote, facts.NixDaemon)
		}
	}
}

func TestClaudeShared(t *testing.T) {
	f := newFake(t)
	if facts := f.mustRead(Options{Shared: true}); facts.ClaudeShared.Dir != "" {
		t.Errorf("none: %+v", facts.ClaudeShared)
	}
	write(t, f.Home, map[string]string{
		".claude.json": "{}", ".claude/settings.json": "->../dotfiles/settings.json", "dotfiles/settings.json": `{"statusLine":{"command":"~/.claude/line.sh"}}`,
		".claude/line.sh": "", ".claude/hooks/x": "", ".claude/CLAUDE.md": "", ".claude/shell-snapshots/x": "", ".claude/projects/x": "",
	})
	dir := filepath.Join(f.Home, ".claude")
	if facts := f.mustRead(Options{}); facts.ClaudeShared.Dir != "" {
		t.Errorf("not asked for: %+v", facts.ClaudeShared)
	}
	facts := f.mustRead(Options{Shared: true})
	c := facts.ClaudeShared
	if c.Dir != dir || c.JSON != dir+".json" {
		t.Errorf("%+v", c)
	}
	equal(t, "executable", names(c.Executable, dir), []string{"CLAUDE.md", "hooks", "line.sh"})
	has(t, "watch", names(c.Watch, dir), "settings.local.json", "plugins")
	hasNot(t, "watch", names(c.Watch, dir), "settings.json")
	equal(t, "private", rels(c.Private, dir), []string{"shell-snapshots"})
	if len(c.Links) != 1 || c.Links[0] != (Link{Path: dir + "/settings.json", Target: f.Home + "/dotfiles/settings.json", Text: "../dotfiles/settings.json"}) {
		t.Errorf("links %v", c.Links)
	}
	warned(t, facts, "only the symlink can be replaced")

	other := filepath.Join(f.Home, "other")
	write(t, other, map[string]string{"settings.json": "{}", ".claude.json": "{}"})
	f.Env["CLAUDE_CONFIG_DIR"] = other
	if c = f.mustRead(Options{Shared: true}).ClaudeShared; c.Dir != other || c.JSON != "" {
		t.Errorf("%+v", c)
	}
}

// TestNPMConfig: the npmrc for everybody is that of /usr/local, where programs are
// found first, and none that is not there.
func TestNPMConfig(t *testing.T) {
	f := newFake(t)
	for _, want := range []string{"", "/usr/etc/npmrc", "/usr/local/etc/npmrc"} {
		if want != "" {
			write(t, f.Root, map[string]string{want[1:]: "registry=https://npm.corp.example/"})
		}
		if got := f.mustRead(Options{}).NPMConfig; got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
