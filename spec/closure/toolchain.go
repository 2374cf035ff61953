package closure

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
	"github.com/jailed-claude/jailed-claude/spec/toolchain"
)

// usrDirs are the folders of / that a dynamically linked program may need
// beside /usr. On merged-usr systems they are links into it.
var usrDirs = []string{"/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"}

// etcFiles are what the loader, Debian's alternatives and OpenSSL read. They
// hold no secret and nothing of the user.
var etcFiles = []string{
	"/etc/alternatives",
	"/etc/ld.so.cache",
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/ssl/openssl.cnf",
}

var hostBins = []string{"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/go/bin"}

// aliasDir has the agent's program under the name that it was asked for by, in
// a jail.
const aliasDir = "/opt/agent/bin"

// systemBinds are the parts of the host that are not the agent's. Root is the
// folder that stands for /; the answer's paths are as seen from it.
//
// A symlink among them is recreated if it is one of usrDirs, and otherwise
// left out: what it leads to was not asked for.
func systemBinds(root string) (binds []string, links map[string]string) {
	for _, d := range append([]string{"/usr"}, usrDirs...) {
		fi, err := os.Lstat(root + d)
		switch {
		case err != nil:
		case fi.IsDir():
			binds = append(binds, d)
		case fi.Mode()&fs.ModeSymlink != 0 && d != "/usr":
			if target, err := os.Readlink(root + d); err == nil {
				if links == nil {
					links = map[string]string{}
				}
				links[d] = target
			}
		}
	}
	for _, f := range etcFiles {
		real, err := filepath.EvalSymlinks(root + f)
		if err != nil || real != root+f {
			continue
		}
		if fi, err := os.Lstat(real); err == nil && (fi.IsDir() || fi.Mode().IsRegular()) {
			binds = append(binds, f)
		}
	}
	return binds, links
}

// system are systemBinds of this host, and what they need beside themselves.
func system(cache string) (binds []string, links map[string]string) {
	binds, links = systemBinds("")
	other := toolchain.Find(cache, binds)
	if links == nil {
		links = map[string]string{}
	}
	maps.Copy(links, other.Links)
	return append(binds, other.Binds...), links
}

// host makes the closure when the programs are the host's own. Store paths
// that were asked for, or that the host's programs lead to, are added.
func (r *resolver) host(ctx context.Context, a candidate) (*Closure, error) {
	c := &Closure{Toolchain: Host}
	c.Binds, c.Links = system(r.CacheDir)

	// On NixOS these lead into the store; /bin and /usr hold nothing else.
	for _, f := range []string{"/bin/sh", "/usr/bin/env", "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"} {
		real, _, err := realPath(f)
		if err != nil || !inStore(real) {
			continue
		}
		root, _, err := split(real)
		if err != nil {
			return nil, err
		}
		if err := r.add(ctx, root, true); err != nil {
			return nil, err
		}
	}

	var bins []string
	switch {
	case len(a.roots) > 0:
		c.Agent = a.file
	case a.file != "":
		in := install{resolver: r, system: c.Binds}
		if err := in.program(a.file); err != nil {
			return nil, err
		}
		for _, root := range in.roots {
			if err := r.add(ctx, root, true); err != nil {
				return nil, err
			}
		}
		c.Agent = in.agent
		c.Binds = append(c.Binds, in.binds...)
		bins = in.bins
		if a.name != "" && a.name != filepath.Base(in.agent) {
			// It may be a link, and the agent may call itself by its name.
			bins = append([]string{aliasDir}, bins...)
			c.Links[aliasDir+"/"+a.name] = in.agent
		}
	}
	c.Binds = outermost(c.Binds)
	for _, b := range c.Binds {
		if fi, err := os.Lstat(b); err == nil && !fi.IsDir() {
			c.Files = append(c.Files, b)
		}
	}

	all := inventory.Union(append([]*inventory.Inventory{{}}, r.parts...))
	if c.Agent != "" && inStore(c.Agent) && !all.IsProgram(c.Agent) {
		return nil, r.notProgram(all, c.Agent)
	}
	c.Paths = all.Paths
	links, err := all.Targets()
	if err != nil {
		return nil, err
	}
	maps.Copy(c.Links, links)
	c.Roots = unique(r.roots)
	first, rest := all.BinDirs(c.Roots)
	for _, b := range hostBins {
		if fi, err := os.Stat(b); err == nil && fi.IsDir() {
			bins = append(bins, b)
		}
	}
	c.Bins = unique(slices.Concat(first, bins, rest))
	c.Shell = firstFile("/bin/sh")
	c.Bash = firstFile("/usr/bin/bash", "/bin/bash")
	c.Env = firstFile("/usr/bin/env")
	return c, nil
}

// firstFile is the first of the files that exists and can be executed.
func firstFile(files ...string) string {
	for _, f := range files {
		if executable(f) {
			return f
		}
	}
	return ""
}

// outermost sorts binds and drops those that lie in another.
func outermost(binds []string) []string {
	binds = unique(binds)
	slices.Sort(binds)
	var out []string
	for _, b := range binds {
		if !slices.ContainsFunc(out, func(o string) bool { return paths.Below(b, o) }) {
			out = append(out, b)
		}
	}
	return out
}
