package closure

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// tree makes files in a new folder and returns its real path. A name that
// ends in "/" is a folder, one with " -> " a symlink, one that starts with
// "*" executable.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	plant(t, root, files)
	return root
}

func plant(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		mode := os.FileMode(0o644)
		if rest, ok := strings.CutPrefix(name, "*"); ok {
			name, mode = rest, 0o755
		}
		link, target, isLink := strings.Cut(name, " -> ")
		p := filepath.Join(root, link)
		dir := filepath.Dir(p)
		if strings.HasSuffix(name, "/") && !isLink {
			dir = p
		}
		err := os.MkdirAll(dir, 0o755)
		switch {
		case err != nil || dir == p:
		case isLink:
			err = os.Symlink(strings.ReplaceAll(target, "ROOT", root), p)
		default:
			if err = os.WriteFile(p, []byte(strings.ReplaceAll(content, "ROOT", root)), mode); err == nil {
				err = os.Chmod(p, mode)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSystemBinds(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		binds []string
		links map[string]string
	}{
		"merged usr": {
			files: map[string]string{
				"usr/bin/": "", "bin -> usr/bin": "", "sbin -> usr/sbin": "", "lib -> usr/lib": "", "lib64 -> usr/lib64": "",
				"etc/alternatives/": "", "etc/ld.so.cache": "", "etc/ld.so.conf": "", "etc/ld.so.conf.d/": "", "etc/ssl/openssl.cnf": "",
				"etc/passwd": "", "etc/ssl/private/": "", "home/": "", "opt/": "", "var/": "",
			},
			binds: []string{"/usr", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ssl/openssl.cnf"},
			links: map[string]string{"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64"},
		},
		"split usr": {
			files: map[string]string{"usr/": "", "bin/": "", "sbin/": "", "lib/": "", "lib32/": "", "libx32/": "", "lib64 -> /lib": ""},
			binds: []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/libx32"},
			links: map[string]string{"/lib64": "/lib"},
		},
		"links out are not followed": {
			files: map[string]string{
				"usr/": "", "secret/f": "", "etc/alternatives -> ROOT/secret": "", "etc/ld.so.conf -> ../secret/f": "",
				"etc/ld.so.cache -> nothing": "", "etc/ssl -> ROOT/secret": "", "secret/openssl.cnf": "",
			},
			binds: []string{"/usr"},
		},
		"neither file nor folder": {files: map[string]string{"bin": "", "etc/ld.so.conf/x/": ""}, binds: []string{"/etc/ld.so.conf"}},
		"nothing":                 {},
	} {
		t.Run(name, func(t *testing.T) {
			binds, links := systemBinds(tree(t, tt.files))
			if !slices.Equal(binds, tt.binds) || !reflect.DeepEqual(links, tt.links) {
				t.Errorf("got %q %q\nwant %q %q", binds, links, tt.binds, tt.links)
			}
		})
	}
}

func TestInstall(t *testing.T) {
	cache := t.TempDir()
	if err := os.Chmod(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	const elf = "\x7fELF native"
	const js = "#!/usr/bin/env node\n"
	nvm := map[string]string{
		"*home/.nvm/versions/node/v22/bin/node":                                                        elf,
		"home/.nvm/versions/node/v22/bin/claude -> ../lib/node_modules/@anthropic-ai/claude-code/c.js": "",
		"*home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code/c.js":                 js,
		"home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code/package.json":          `{}`,
		"home/.nvm/versions/node/v22/lib/node_modules/@other/secret/x":                                 "",
	}
	for name, tt := range map[string]struct {
		files map[string]string
		// program is what is found, agent where it really is ("" the same).
		program, agent string
		path           []string
		binds, bins    []string
		err            string
	}{
		"native installer": {
			files: map[string]string{
				"home/.local/bin/claude -> ROOT/home/.local/share/claude/versions/2.1.3": "",
				"*home/.local/share/claude/versions/2.1.3":                               elf,
				"*home/.local/share/claude/versions/2.1.2":                               elf,
			},
			program: "home/.local/bin/claude", agent: "home/.local/share/claude/versions/2.1.3",
			binds: []string{"home/.local/share/claude/versions/2.1.3"},
			bins:  []string{"home/.local/share/claude/versions"},
		},
		"native, in the home folder": {
			files:   map[string]string{"*home/claude": elf, "home/.ssh/id": ""},
			program: "home/claude", binds: []string{"home/claude"}, bins: []string{"home"},
		},
		"script": {
			files:   map[string]string{"*home/bin/claude": "#!/bin/sh\necho hello\n", "home/bin/other": ""},
			program: "home/bin/claude", binds: []string{"home/bin/claude"}, bins: []string{"home/bin"},
		},
		"nvm": {
			files:   nvm,
			program: "home/.nvm/versions/node/v22/bin/claude",
			agent:   "home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code/c.js",
			path:    []string{"home/.nvm/versions/node/v22/bin"},
			binds:   []string{"home/.nvm/versions/node/v22"},
			bins:    []string{"home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code", "home/.nvm/versions/node/v22/bin"},
		},
		"nvm, not on PATH": {
			files:   nvm,
			program: "home/.nvm/versions/node/v22/bin/claude",
			agent:   "home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code/c.js",
			binds:   []string{"home/.nvm/versions/node/v22"},
			bins:    []string{"home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code", "home/.nvm/versions/node/v22/bin"},
		},
		"npm, prefix ~/.local: node alone, not the prefix": {
			files: map[string]string{
				"*home/.local/bin/node":                            elf,
				"home/.local/share/keyrings/x":                     "",
				"*home/.local/lib/node_modules/claude/cli.js":      js,
				"home/.local/lib/node_modules/claude/package.json": `{"dependencies":{"a":"1"}}`,
				"home/.local/lib/node_modules/a/package.json":      `{}`,
				"home/.local/lib/node_modules/b/package.json":      `{}`,
			},
			program: "home/.local/lib/node_modules/claude/cli.js",
			path:    []string{"home/.local/bin"},
			binds:   []string{"home/.local/bin/node", "home/.local/lib/node_modules/a", "home/.local/lib/node_modules/claude"},
			bins:    []string{"home/.local/lib/node_modules/claude", "home/.local/bin"},
		},
		"npm, in a project: hoisted dependencies": {
			files: map[string]string{
				"*opt/node/bin/node": elf,
				"home/p/secret":      "",
				"*home/p/node_modules/@anthropic-ai/claude-code/cli.js":                      js,
				"home/p/node_modules/@anthropic-ai/claude-code/package.json":                 `{"dependencies":{"a":"1","../../../..":"1","in":"1"},"optionalDependencies":{"@anthropic-ai/linux":"1","@x/none":"1"}}`,
				"home/p/node_modules/@anthropic-ai/claude-code/node_modules/in/package.json": `{"dependencies":{"c":"1","a":"1"}}`,
				"home/p/node_modules/@anthropic-ai/linux/package.json":                       `not JSON`,
				"home/p/node_modules/a/package.json":                                         `{"peerDependencies":{"c":"1","linked":"1","@anthropic-ai/claude-code":"1"}}`,
				"home/p/node_modules/c/package.json":                                         `{}`,
				"home/p/node_modules/unused/package.json":                                    `{}`,
				"home/p/node_modules/linked -> ROOT/home/src":                                "",
				"home/src/package.json":                                                      `{}`,
			},
			program: "home/p/node_modules/@anthropic-ai/claude-code/cli.js",
			path:    []string{"opt/node/bin"},
			binds: []string{
				"home/p/node_modules/@anthropic-ai/claude-code", "home/p/node_modules/@anthropic-ai/linux",
				"home/p/node_modules/a", "home/p/node_modules/c", "opt/node",
			},
			bins: []string{"home/p/node_modules/@anthropic-ai/claude-code", "opt/node/bin"},
		},
		"npm, native program in a package": {
			files: map[string]string{
				"*home/x/node_modules/@anthropic-ai/claude-code-linux-x64/claude": elf,
				"home/x/node_modules/y/package.json":                              `{}`,
			},
			program: "home/x/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
			binds:   []string{"home/x/node_modules/@anthropic-ai/claude-code-linux-x64"},
			bins:    []string{"home/x/node_modules/@anthropic-ai/claude-code-linux-x64"},
		},
		"pnpm": {
			files: map[string]string{
				"*opt/node/bin/node": elf,
				"*home/pnpm/claude":  "#!/bin/sh\nbasedir=$(dirname \"$(echo \"$0\" | sed -e 's,\\\\,/,g')\")\n\nif [ -x \"$basedir/node\" ]; then\n  exec \"$basedir/node\"  \"$basedir/global/5/node_modules/cc/cli.js\" \"$@\"\nelse\n  exec node  \"$basedir/global/5/node_modules/cc/cli.js\" \"$@\"\nfi\n",
				"home/pnpm/global/5/node_modules/cc -> .pnpm/cc@1/node_modules/cc":                      "",
				"*home/pnpm/global/5/.pnpm/cc@1/node_modules/cc/cli.js":                                 "",
				"*home/pnpm/global/5/node_modules/.pnpm/cc@1/node_modules/cc/cli.js":                    js,
				"home/pnpm/global/5/node_modules/.pnpm/cc@1/node_modules/cc/package.json":               `{"dependencies":{"d":"1"}}`,
				"home/pnpm/global/5/node_modules/.pnpm/cc@1/node_modules/d -> ../../d@2/node_modules/d": "",
				"home/pnpm/global/5/node_modules/.pnpm/d@2/node_modules/d/package.json":                 `{}`,
				"home/pnpm/global/5/node_modules/.pnpm/e@2/node_modules/e/package.json":                 `{}`,
			},
			program: "home/pnpm/claude", agent: "home/pnpm/global/5/node_modules/.pnpm/cc@1/node_modules/cc/cli.js",
			path: []string{"opt/node/bin"},
			binds: []string{
				"home/pnpm/global/5/node_modules/.pnpm/cc@1/node_modules",
				"home/pnpm/global/5/node_modules/.pnpm/d@2/node_modules",
				"opt/node",
			},
			bins: []string{"home/pnpm/global/5/node_modules/.pnpm/cc@1/node_modules/cc", "opt/node/bin"},
		},
		"launcher of one line": {
			files: map[string]string{
				"*home/.claude/local/claude":                                  "#!/bin/bash\n# comment\nexec \"ROOT/home/.claude/local/node_modules/.bin/claude\" \"$@\"\n",
				"home/.claude/local/node_modules/.bin/claude -> ../cc/claude": "",
				"*home/.claude/local/node_modules/cc/claude":                  elf,
				"home/.claude/.credentials.json":                              "",
			},
			program: "home/.claude/local/claude", agent: "home/.claude/local/node_modules/cc/claude",
			binds: []string{"home/.claude/local/node_modules/cc"},
			bins:  []string{"home/.claude/local/node_modules/cc"},
		},
		"launcher that does more is a script": {
			files: map[string]string{
				"*home/bin/claude": "#!/bin/sh\nexport X=1\nexec ROOT/home/x/claude \"$@\"\n",
				"*home/x/claude":   elf,
			},
			program: "home/bin/claude", binds: []string{"home/bin/claude"}, bins: []string{"home/bin"},
		},
		"launcher of itself": {
			files:   map[string]string{"*home/bin/claude": "#!/bin/sh\nexec ROOT/home/bin/claude \"$@\"\n"},
			program: "home/bin/claude", binds: []string{"home/bin/claude"}, bins: []string{"home/bin"},
		},
		"launchers in a ring": {
			files: map[string]string{
				"*home/bin/claude": "#!/bin/sh\nexec ROOT/home/bin/b \"$@\"\n",
				"*home/bin/b":      "#!/bin/sh\nexec ROOT/home/bin/claude \"$@\"\n",
			},
			program: "home/bin/claude", binds: []string{"home/bin/claude"}, bins: []string{"home/bin"},
		},
		"version manager: past its launchers": {
			files: map[string]string{
				"home/.volta/bin/node -> volta-shim": "", "*home/.volta/bin/volta-shim": elf,
				"*home/.asdf/shims/node":   "#!/bin/bash\n",
				"*opt/node/bin/node":       elf,
				"*home/x/node_modules/c/c": js,
			},
			program: "home/x/node_modules/c/c",
			path:    []string{"home/.volta/bin", "home/.asdf/shims", "opt/node/bin"},
			binds:   []string{"home/x/node_modules/c", "opt/node"},
			bins:    []string{"home/x/node_modules/c", "opt/node/bin"},
		},
		"no node": {
			files: map[string]string{
				"home/.volta/bin/node -> volta-shim": "", "*home/.volta/bin/volta-shim": elf,
				"*home/x/node_modules/c/c": "#!/usr/bin/env -S node --flag\n",
			},
			program: "home/x/node_modules/c/c", path: []string{"home/.volta/bin"},
			err: "needs node",
		},
		"Homebrew": {
			files: map[string]string{
				"*brew/Cellar/node/22/bin/node": elf, "brew/bin/node -> ../Cellar/node/22/bin/node": "",
				"brew/lib/x": "", "brew/opt/x": "", "brew/var/db": "", "*home/x/c": js,
			},
			program: "home/x/c", path: []string{"brew/bin"},
			binds: []string{"brew/Cellar", "brew/lib", "brew/opt", "home/x/c"},
			bins:  []string{"home/x", "brew/Cellar/node/22/bin"},
		},
		"interpreter by its path": {
			files:   map[string]string{"*home/x/c": "#! ROOT/home/py/bin/python3 -I\n", "*home/py/bin/python3": elf, "*home/v/py/bin/python3": elf},
			program: "home/x/c", binds: []string{"home/py/bin/python3", "home/x/c"},
			bins: []string{"home/x", "home/py/bin"},
		},
		"package at the home folder": {
			// The home folder itself looks like a package.
			files:   map[string]string{"*home/claude": elf},
			program: "home/claude", binds: []string{"home/claude"}, bins: []string{"home"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, tt.files)
			abs := func(l []string) []string {
				out := make([]string, len(l))
				for i, p := range l {
					out[i] = root + "/" + p
				}
				return out
			}
			agent := root + "/" + tt.agent
			if tt.agent == "" {
				agent = root + "/" + tt.program
			}
			if tt.err != "" {
				_, err := Resolve(t.Context(), Options{CacheDir: cache, Package: root + "/" + tt.program, Home: root + "/home", Path: strings.Join(abs(tt.path), ":")})
				if !errors.Is(err, ErrNoProgram) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			c, err := Resolve(t.Context(), Options{CacheDir: cache, Package: root + "/" + tt.program, Home: root + "/home", Path: strings.Join(abs(tt.path), ":")})
			if err != nil {
				t.Fatal(err)
			}
			system, links := system(cache)
			if name := filepath.Base(tt.program); name != filepath.Base(agent) {
				links[aliasDir+"/"+name] = agent // or there is no command of that name
			}
			var binds []string
			for _, b := range c.Binds {
				if paths.Below(b, root) {
					binds = append(binds, b)
				} else if !slices.Contains(system, b) {
					t.Errorf("%q is bound", b)
				}
				if paths.Below(root+"/home", b) {
					t.Errorf("the home folder is exposed by %q", b)
				}
			}
			var bins []string
			for _, b := range c.Bins {
				if paths.Below(b, root) {
					bins = append(bins, b)
				}
			}
			if c.Toolchain != Host || c.Agent != agent || !slices.Equal(binds, abs(tt.binds)) || !slices.Equal(bins, abs(tt.bins)) || !reflect.DeepEqual(c.Links, links) {
				t.Errorf("agent %q\nbinds %q\nbins %q; want\n%q\n%q\n%q", c.Agent, binds, bins, agent, abs(tt.binds), abs(tt.bins))
			}
			if len(c.Roots) > 0 || len(c.Paths) > 0 || c.Shell != "/bin/sh" {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestTooMuch(t *testing.T) {
	in := install{resolver: &resolver{Options: Options{Home: "/home/u/"}}}
	for dir, want := range map[string]bool{
		"/": true, "/home": true, "/home/u": true, "/home/u/.local": true, "/home/other": true, "/opt": true, "/srv/x": true,
		"/home/u/.nvm/v22": false, "/opt/node": false, "/srv/x/y": false, "/home/user/x": false,
	} {
		if got := in.tooMuch(dir); got != want {
			t.Errorf("tooMuch(%q) = %v", dir, got)
		}
	}
}

func TestHost(t *testing.T) {
	root := tree(t, map[string]string{
		"first/claude/": "", "second/claude": "not executable", "*third/claude": "\x7fELF", "*fourth/claude": "\x7fELF",
		"no/claude": "", "dangling -> nowhere": "", "result -> x": "",
	})
	path := strings.Join([]string{".", "", "third", root + "/first", root + "/second", root + "/third", root + "/fourth"}, ":")
	t.Chdir(root)
	for _, pkg := range []string{"", "host", root + "/third/claude", "third/claude", "./third/claude", "~/third/claude"} {
		c, err := Resolve(t.Context(), Options{Package: pkg, Path: path, Home: root})
		if err != nil || c.Toolchain != Host || c.Agent != root+"/third/claude" {
			t.Errorf("%q: got %+v, %v", pkg, c, err)
		}
	}
	for pkg, want := range map[string]struct {
		err   error
		words string
	}{
		root + "/none":      {ErrNoProgram, "does not exist"},
		"./none":            {ErrNoProgram, "does not exist"},
		"./dangling":        {ErrNoProgram, "does not exist"},
		"./no/claude":       {os.ErrPermission, "chmod +x"},
		"./first":           {ErrNoProgram, "is a folder"},
		"claude-code":       {errBadPackage, "nixpkgs#claude-code"},
		"--impure":          {errBadPackage, ""},
		"-f#x":              {errBadPackage, ""},
		"nixpkgs#x\nforged": {errBadPackage, `x\nforged`},
		"a b":               {errBadPackage, ""},
	} {
		_, err := Resolve(t.Context(), Options{Package: pkg, Path: path})
		if !errors.Is(err, want.err) || !strings.Contains(err.Error(), want.words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", pkg, err)
		}
		_, err = Resolve(t.Context(), Options{Packages: []string{pkg}, Path: path})
		if err == nil {
			t.Errorf("%q as an extra package", pkg)
		}
	}
	for _, pkg := range []string{"", "host", "/bin/sh"} {
		if _, err := Resolve(t.Context(), Options{Packages: []string{pkg}, Path: path}); !errors.Is(err, errBadPackage) {
			t.Errorf("%q as an extra package: %v", pkg, err)
		}
	}
	for _, pkg := range []string{"", "host"} {
		o := Options{Package: pkg, Path: root + "/none"}
		if _, err := Resolve(t.Context(), o); !errors.Is(err, ErrNoAgent) {
			t.Errorf("%q: %v", pkg, err)
		}
		o.NoAgent = true
		if c, err := Resolve(t.Context(), o); err != nil || c.Toolchain != Host || c.Agent != "" || !slices.Contains(c.Binds, "/usr") {
			t.Errorf("%q: %+v, %v", pkg, c, err)
		}
	}
}

func TestOutermost(t *testing.T) {
	got := outermost([]string{"/usr", "/opt/a/b", "/opt/a-b", "/opt/a", "/usr/local", "/usr", "/usrx"})
	if want := []string{"/opt/a", "/opt/a-b", "/usr", "/usrx"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
