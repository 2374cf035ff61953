package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// debian is an installed package.
type debian struct {
	name, version, arch   string
	source, sourceVersion string
	licence               string
	// root is the folder in which its files are.
	root string
}

// database is dpkg's list of what is installed below root; dir is empty for
// the system's own.
type database struct{ dir, root string }

func (d database) query(args ...string) (string, error) {
	if d.dir != "" {
		args = append([]string{"--admindir=" + d.dir}, args...)
	}
	out, err := exec.Command("dpkg-query", args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s", strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

// sources are the source packages that may be in the program, with what is
// said of their libraries in the files "copyright".
var sources = map[string]string{
	"glibc":      "LGPL-2.1-or-later",
	"musl":       "MIT",
	"libseccomp": "LGPL-2.1-only",
	// libgcc and the first and last object of every program.
	"gcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
}

// cross is what Debian adds to the names of source packages for other
// architectures: gcc-12-cross is gcc-12.
var cross = regexp.MustCompile(`(-[0-9]+)?(-cross)?$`)

// owner returns the package that the file is of.
func owner(all []database, file string) (debian, error) {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return debian{}, err
	}
	for _, d := range all {
		rel, err := filepath.Rel(d.root, file)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		out, err := d.query("--search", "/"+rel)
		if err != nil {
			// Merged /usr: packages name their files as they were before.
			if out, err = d.query("--search", "/"+strings.TrimPrefix(rel, "usr/")); err != nil {
				continue
			}
		}
		name, _, _ := strings.Cut(out, ": ")
		out, err = d.query("--show", "--showformat=${binary:Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}", name)
		if err != nil {
			return debian{}, err
		}
		f := strings.Split(out, "\t")
		if len(f) != 5 {
			return debian{}, fmt.Errorf("dpkg-query says %q of %s", out, name)
		}
		bare, _, _ := strings.Cut(f[0], ":")
		return debian{name: bare, version: f[1], arch: f[2], source: f[3], sourceVersion: f[4], root: d.root}, nil
	}
	return debian{}, fmt.Errorf("no package has %s: a release is built with the packages of Debian or Ubuntu", file)
}

var (
	// member is a line of the map's first part: what was taken of an archive.
	member = regexp.MustCompile(`(?m)^(/[^(\n]+\.a)\([^)]+\)`)
	// loaded is an object that was named to the linker.
	loaded = regexp.MustCompile(`(?m)^LOAD (/.+\.o)$`)
	// ours are the objects that Go made, and lib.sh.
	ours = regexp.MustCompile(`/go-(link|build)-?[0-9]+/|/bin/musl/`)
)

// linkedFiles are the objects and archives of the system that the linker took
// something of.
func linkedFiles(linkMap []byte) []string {
	files := map[string]bool{}
	for _, pattern := range []*regexp.Regexp{member, loaded} {
		for _, m := range pattern.FindAllSubmatch(linkMap, -1) {
			if !ours.Match(m[1]) {
				files[filepath.Clean(string(m[1]))] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(files))
}

// linkedPackages are the packages of these files.
func linkedPackages(all []database, linkMap []byte) ([]debian, error) {
	packages := map[string]debian{}
	for _, file := range linkedFiles(linkMap) {
		p, err := owner(all, file)
		if err != nil {
			return nil, err
		}
		if p.licence = sources[cross.ReplaceAllString(p.source, "")]; p.licence == "" {
			return nil, fmt.Errorf("%s is of the source package %s, which hack/release/debian.go does not know", file, p.source)
		}
		packages[p.name] = p
	}
	sorted := make([]debian, 0, len(packages))
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		sorted = append(sorted, packages[name])
	}
	_, glibc := packages["libc6-dev"]
	_, musl := packages["musl-dev"]
	_, seccomp := packages["libseccomp-dev"]
	if glibc == musl || !seccomp {
		return nil, fmt.Errorf("in the linker's map are not one C library and libseccomp: %v", sorted)
	}
	return sorted, nil
}

// buildPackages are those of the programs that built it, Go left out: the C
// compiler, others that took part, and its linker.
func buildPackages(programs []string) (packages []debian, err error) {
	linker, err := exec.Command(programs[0], "-print-prog-name=ld").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", programs[0], err)
	}
	for _, program := range append(programs, strings.TrimSpace(string(linker))) {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, err
		}
		p, err := owner([]database{{root: "/"}}, path)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// common is how copyright files of Debian name whole texts.
var common = regexp.MustCompile(`/usr/share/common-licenses/([A-Za-z]+-[0-9.]*[0-9])`)

// copyLicences copies the copyright file of p, and the texts that it names.
func (p debian) copyLicences(dir string) error {
	text, err := os.ReadFile(filepath.Join(p.root, "usr/share/doc", p.name, "copyright"))
	if errors.Is(err, os.ErrNotExist) {
		// A link to the folder of a package that is not in that root.
		text, err = os.ReadFile(filepath.Join("/usr/share/doc", p.name, "copyright"))
	}
	if err != nil {
		return err
	}
	for _, m := range common.FindAllSubmatch(text, -1) {
		whole, err := os.ReadFile(string(m[0]))
		if err != nil {
			return err
		}
		if err := store(filepath.Join(dir, "common-licenses", string(m[1])), whole); err != nil {
			return err
		}
	}
	return store(filepath.Join(dir, p.name, "copyright"), text)
}
