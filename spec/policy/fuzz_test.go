package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// started is the starter policy for everything, as package starter writes it.
func started(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/starter.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzParse: Parse does not panic, what it accepts Merge accepts too, and no
// grant gets through that must not.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(started(f)))
	files, err := filepath.Glob("testdata/errors/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, list := range []string{`"/srv//"`, `'~/a/./b'`, `"/dev\u002Fx"`, `"""/srv"""`, `"/srv/..\\x"`, "'/srv', '/nix/./store'"} {
		f.Add([]byte("version = 1\nfiles = { read = [" + list + "], write = [" + list + "] }\n"))
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("fuzz.toml", data)
		if err != nil {
			if l != nil {
				t.Error("a layer beside an error")
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "fuzz.toml:") {
					t.Errorf("an error line without the file: %q", line)
				}
			}
			return
		}
		p, err := Merge(l)
		if err != nil {
			t.Fatalf("Parse accepts what Merge refuses: %v", err)
		}
		for _, grant := range slices.Concat(p.Files.Read, p.Files.Write) {
			if why := forbidden(grant); why != "" {
				t.Errorf("grant %q: %s", grant, why)
			}
		}
		for _, pattern := range slices.Concat(p.Files.Hide, p.Files.Protect) {
			if pattern == "" || pattern[0] == '!' || strings.ContainsAny(pattern, "\x00\n") || slices.Contains(strings.Split(pattern, "/"), "..") {
				t.Errorf("pattern %q", pattern)
			}
		}
		for name, value := range p.Env.Set {
			if strings.ContainsAny(name, "=\x00") || name == "" || strings.Contains(value, "\x00") {
				t.Errorf("variable %q", name)
			}
		}
		for _, name := range p.Env.Pass {
			if strings.ContainsAny(name, "=\x00") || strings.HasPrefix(name, "LD_") {
				t.Errorf("passed variable %q", name)
			}
		}
		if p.Limits.Memory < 0 || p.Limits.Pids < 0 || !(p.Limits.CPUs >= 0) {
			t.Errorf("limits %+v", p.Limits)
		}
		c := network.Config{Mode: NetFiltered, Via: p.Network.Via, TLS: p.Network.TLS, Deny: p.Network.Deny, Brokers: p.Brokers}
		if c.Allow, err = preset.Expand(p.Network.Allow); err != nil {
			t.Error(err)
		}
		for _, port := range p.Network.Ports {
			c.Ports = append(c.Ports, uint16(port))
		}
		if _, err := c.Parse(); err != nil && len(c.Brokers) < 200 {
			t.Errorf("what Parse takes is no network: %v", err)
		}
		if !slices.Contains([]string{NetNone, NetFiltered, NetInternet, NetHost}, p.Network.Mode) || !slices.Contains([]string{ProjectRW, ProjectOverlay, ProjectRO}, p.Files.Project) {
			t.Errorf("modes %q %q", p.Network.Mode, p.Files.Project)
		}
	})
}

// forbidden says the rules of grants once more, by walking components, so that
// the fuzzer does not ask scalar.Grant about itself.
func forbidden(grant string) string {
	if !utf8.ValidString(grant) || strings.ContainsAny(grant, "\x00\n\r\x1b") {
		return "hostile bytes"
	}
	parts := strings.Split(grant, "/")
	if len(parts) < 2 || (parts[0] != "" && parts[0] != "~") {
		return "neither absolute nor below the home"
	}
	var rest []string
	for _, part := range parts[1:] {
		switch part {
		case "", ".":
		case "..":
			return "leads upwards"
		default:
			rest = append(rest, part)
		}
	}
	if len(rest) == 0 {
		return "the whole home or host"
	}
	if parts[0] == "" {
		switch {
		case slices.Contains([]string{"proc", "sys", "dev"}, rest[0]):
			return "a kernel file system"
		case rest[0] == "nix" && (len(rest) == 1 || rest[1] == "store"):
			return "the store"
		}
	}
	return ""
}
