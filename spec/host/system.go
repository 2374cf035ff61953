package host

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/authorities"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// certificates are the places of a bundle on common systems, NixOS included.
var certificates = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/ssl/certs/ca-bundle.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// system fills what f says of files below /etc.
func (s reader) system(f *Facts) {
	for _, path := range append([]string{s.Env["NIX_SSL_CERT_FILE"], s.Env["SSL_CERT_FILE"]}, certificates...) {
		if f.CAFile = s.given(path); f.CAFile != "" {
			break
		}
	}
	f.ExtraCAFile, f.CAVariables = authorities.Named(f.CAFile, func(name string) string { return s.given(s.Env[name]) })
	f.JavaCAFile = s.given("/etc/ssl/certs/java/cacerts")
	for _, p := range []string{"/usr/etc/npmrc", "/usr/local/etc/npmrc"} {
		if s.RealFile(p) != "" {
			f.NPMConfig = p // the last one: programs of /usr/local come first
		}
	}
	f.ResolvConf = s.RealFile("/etc/resolv.conf")
	if f.Localtime = s.RealFile("/etc/localtime"); f.Localtime != "" {
		f.TimeZone = s.timeZone()
	}

	managed := agent.Default().Managed
	if !source.IsDir(s.Root + managed) {
		return
	}
	f.ManagedSettings = managed
	f.ManagedFiles = map[string]string{}
	s.files(managed, func(path, real string) { f.ManagedFiles[path] = real })
}

// timeZone is the name of the time zone: the link says it, but not the file that
// it leads to, for many zones are links to others.
func (s reader) timeZone() string {
	text, err := os.Readlink(s.Root + "/etc/localtime")
	_, name, ok := strings.Cut(filepath.Clean(text), "/zoneinfo/")
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/_+-", r)
	}
	if err != nil || !ok || strings.ContainsFunc(name, odd) {
		return ""
	}
	return name
}

// given is realFile for a path that a variable holds.
func (s reader) given(path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	return s.RealFile(filepath.Clean(path))
}

// files calls found for each readable file below dir. A symlinked folder is
// looked into, as what reads the files would, to a small depth.
func (s reader) files(dir string, found func(path, real string)) {
	const depth = 4
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		real, err := s.Real(dir)
		if err != nil || depth == 0 {
			return
		}
		entries, err := os.ReadDir(s.Root + real)
		if err != nil {
			return
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if file := s.RealFile(path); file != "" {
				found(path, file)
			} else if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
				walk(path, depth-1)
			}
		}
	}
	walk(dir, depth)
}
