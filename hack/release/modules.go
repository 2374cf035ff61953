package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is a Go module, or Go's own library, that is linked into the program.
type module struct {
	path, version string
	// sum is the hash of go.sum, "h1:" and base64; none for Go's library.
	sum string
	// dir is where its sources are, packages those folders below it that are
	// in the program.
	dir      string
	packages []string
	licence  string
}

// listed is what "go list -deps -json" says of a package.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// std is the name of Go's library in package URLs.
const std = "std"

// linkedModules returns what the program says that it is made of, with the
// sources of it. go list has to agree: licences are those of the sources.
func linkedModules(info *buildinfo.BuildInfo, arch string) ([]module, error) {
	c := exec.Command("go", "list", "-deps", "-tags=seccomp,netgo,osusergo,runc_nocriu", "-json=Dir,Standard,Module", info.Path)
	c.Env = append(os.Environ(), "GOARCH="+arch, "GOOS=linux", "CGO_ENABLED=1")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	return joined(info, out)
}

// joined is linkedModules with the output of go list.
func joined(info *buildinfo.BuildInfo, list []byte) ([]module, error) {
	all := map[string]*module{}
	for d := json.NewDecoder(strings.NewReader(string(list))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		switch {
		case p.Standard || p.Module == nil || p.Module.Main:
			continue
		case all[p.Module.Path] == nil:
			all[p.Module.Path] = &module{path: p.Module.Path, version: p.Module.Version, dir: p.Module.Dir}
		}
		m := all[p.Module.Path]
		m.packages = append(m.packages, p.Dir)
	}
	for _, d := range info.Deps {
		m := all[d.Path]
		switch {
		case d.Replace != nil:
			return nil, fmt.Errorf("%s is replaced: a release is made of what go.mod names", d.Path)
		case m == nil || m.version != d.Version:
			return nil, fmt.Errorf("the program has %s %s, the sources have not", d.Path, d.Version)
		}
		m.sum = d.Sum
	}
	for _, m := range all {
		if m.sum == "" {
			return nil, fmt.Errorf("the sources have %s %s, the program has not", m.path, m.version)
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	modules := []module{{path: std, version: strings.TrimPrefix(info.GoVersion, "go"), dir: strings.TrimSpace(string(root))}}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		modules = append(modules, *all[path])
	}
	return modules, nil
}

// licenceFiles are those of the module's root and of each folder between it
// and a package that is linked: code that was taken over has its own.
func (m module) licenceFiles() ([]string, error) {
	folders := map[string]bool{m.dir: true}
	for _, dir := range m.packages {
		for ; dir != m.dir && len(dir) > len(m.dir); dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	var files []string
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && isLicence(e.Name()) {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
	}
	return files, nil
}
