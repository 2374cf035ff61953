package closure

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

type kind int

const (
	kindBad kind = iota
	kindNone
	kindHost
	// kindStore is a path in the store; its form is not yet checked.
	kindStore
	kindInstallable
	// kindPath is an absolute path outside the store.
	kindPath
)

var (
	// scheme starts a flake reference: path: git+ssh: github: flake: ….
	scheme = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`) })
	// attr is what someone types who forgot "nixpkgs#".
	attr = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.+-]*$`) })
	// output ends a derivation when one of its outputs is meant: ^out, and
	// !out before Nix 2.11.
	output = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^/]*\.drv[!^][a-z0-9A-Z_*,-]+$`) })
)

// kind tells which form of package p is, and returns p in the form that is
// needed next: absolute for paths.
func (r *resolver) kind(p string) (kind, string) {
	if rest, ok := strings.CutPrefix(p, "~/"); ok && r.Home != "" {
		p = r.Home + "/" + rest
	}
	switch {
	case p == "":
		return kindNone, p
	case p == Host:
		return kindHost, p
	case strings.HasPrefix(p, "-") || strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c == 0x7f }):
		// Nix would take it for an option; control characters have no
		// business in a name and could forge a line of our output.
		return kindBad, p
	case inStore(p):
		if output().MatchString(strings.TrimPrefix(p, StoreDir+"/")) {
			return kindInstallable, p
		}
		return kindStore, p
	case strings.Contains(p, "#"):
		if abs := r.abs(p); strings.Contains(p, "/") && executable(abs) {
			return kindPath, abs
		}
		return kindInstallable, p
	case scheme().MatchString(p):
		return kindInstallable, p
	case strings.Contains(p, "/") || p == "." || p == "..":
		abs := r.abs(p)
		// A folder with a flake is its default package, as for Nix.
		if _, err := os.Stat(abs + "/flake.nix"); err == nil {
			return kindInstallable, p
		}
		return kindPath, abs
	case attr().MatchString(p):
		if file := r.named(p); file != "" {
			return kindPath, file
		}
	}
	return kindBad, p
}

// named is the first program of that name on PATH, but this one; empty if there
// is none.
func (r *resolver) named(name string) string {
	for _, file := range lookAll(r.Path, name) {
		if real, _, err := realPath(file); err == nil && real != r.Self {
			return file
		}
	}
	return ""
}

// abs makes p absolute without following links.
func (r *resolver) abs(p string) string {
	if !filepath.IsAbs(p) {
		p = filepath.Join(r.Dir, p)
	}
	if a, err := filepath.Abs(p); err == nil {
		return a
	}
	return p
}

// realPath follows every symlink on the host.
func realPath(p string) (string, fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(p)
	if err != nil {
		return "", nil, err
	}
	fi, err := os.Lstat(real)
	return real, fi, err
}

// executable tells whether this user can execute the file p.
func executable(p string) bool {
	const (
		atEAccess = 0x200
		xOK       = 1
	)
	fi, err := os.Stat(p)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 &&
		syscall.Faccessat(-100 /* AT_FDCWD */, p, xOK, atEAccess) == nil
}

// lookAll are the executables of that name on PATH, in its order. Relative
// folders are passed over: the current folder is the agent's to write.
func lookAll(path, name string) []string {
	var found []string
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if p := filepath.Join(dir, name); executable(p) {
			found = append(found, p)
		}
	}
	return found
}
