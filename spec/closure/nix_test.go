package closure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
)

// These tests use a real Nix store, without network and without nixpkgs: tiny
// derivations that /bin/sh builds. Their results stay in the store; they are
// the same each time.

// realNix is a Nix that can build.
type realNix struct {
	t *testing.T
	// dir is for the test's files; Resolve's cache is in it.
	dir string
	// caches names another cache from here on.
	caches string
}

// requireNix skips the test where there is no Nix that can build, and says
// why; with JAIL_TEST_MUST_RUN=1 it fails instead.
func requireNix(t *testing.T) *realNix {
	t.Helper()
	n := &realNix{t: t, dir: t.TempDir()}
	conf := filepath.Join(n.dir, "conf")
	n.write("conf/registry.json", `{"flakes":[],"version":2}`)
	// Without experimental-features: Resolve has to ask for them.
	n.write("conf/nix.conf", "build-users-group =\nsandbox = false\nsubstituters =\nflake-registry = "+conf+"/registry.json\n")
	t.Setenv("NIX_CONF_DIR", conf)
	t.Setenv("XDG_CACHE_HOME", n.dir)
	t.Setenv("HOME", n.dir)
	out, err := n.try(node("probe", "mkdir -p $out"))
	if err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("no Nix that can build: %v\n%s", err, out)
		}
		t.Skipf("no Nix that can build: %v\n%s", err, out)
	}
	return n
}

// node is a Nix expression: a derivation that runs script with the usual
// programs on its PATH and $out set. In script, ${x} stands for others.
func node(name, script string, let ...string) string {
	return "let " + strings.Join(let, " ") + ` in derivation {
		name = "` + name + `"; system = builtins.currentSystem; builder = "/bin/sh";
		args = [ "-euc" ''PATH=/usr/bin:/bin
			program() { mkdir -p "''${1%/*}"; printf '#!%s\n' "''${2:-/bin/sh}" > "$1"; chmod +x "$1"; }
			` + script + `'' ]; }`
}

func (n *realNix) try(expr string) (string, error) {
	cmd := exec.Command("nix-build", "--no-out-link", "-E", expr)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return stderr.String(), err
	}
	return strings.TrimSpace(string(out)), nil
}

func (n *realNix) build(expr string) string {
	n.t.Helper()
	out, err := n.try(expr)
	if err != nil {
		n.t.Fatalf("nix-build: %v\n%s", err, out)
	}
	return out
}

// closure is what Nix itself says.
func (n *realNix) closure(paths ...string) []string {
	n.t.Helper()
	out, err := exec.Command("nix-store", append([]string{"-qR"}, paths...)...).Output()
	if err != nil {
		n.t.Fatal(err)
	}
	l := strings.Fields(string(out))
	slices.Sort(l)
	return slices.Compact(l)
}

func (n *realNix) write(name, content string) string {
	n.t.Helper()
	p := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		n.t.Fatal(err)
	}
	return p
}

func (n *realNix) options() Options {
	return Options{
		Path:     os.Getenv("PATH"),
		Home:     n.dir,
		Dir:      n.dir,
		CacheDir: filepath.Join(n.dir, "cache"+n.caches),
	}
}

// withoutNix is a PATH whose Nix programs leave a trace and fail.
func (n *realNix) withoutNix() (path string, ran func() bool) {
	n.t.Helper()
	trace := filepath.Join(n.dir, "trace")
	for _, p := range []string{"nix", "nix-store", "nix-build"} {
		f := n.write("fake/"+p, "#!/bin/sh\n: > "+trace+"\nexit 1\n")
		if err := os.Chmod(f, 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	return filepath.Join(n.dir, "fake"), func() bool {
		_, err := os.Lstat(trace)
		return err == nil
	}
}

func (n *realNix) resolve(o Options) *Closure {
	n.t.Helper()
	c, err := Resolve(n.t.Context(), o)
	if err != nil {
		n.t.Fatalf("Resolve: %v", err)
	}
	return c
}

// A small world: claude needs tools (sh, bash, env) and data (no bin).
var world = []string{
	"tools = " + node("zz-tools-1", `program $out/bin/bash; program $out/bin/env; ln -s bash $out/bin/sh`) + ";",
	"more = " + node("mm-more-1", `program $out/bin/sh; program $out/bin/more`) + ";",
	"data = " + node("data-1", `mkdir -p $out/share; echo ${more} > $out/share/x`, `more = `+node("aa-deep-1", `program $out/bin/deep`)+";") + ";",
	"claude = " + node("claude-code-1", `program $out/bin/claude ${tools}/bin/bash; echo ${data} > $out/x`,
		"tools = "+node("zz-tools-1", `program $out/bin/bash; program $out/bin/env; ln -s bash $out/bin/sh`)+";",
		"data = "+node("data-1", `mkdir -p $out/share; echo ${more} > $out/share/x`, `more = `+node("aa-deep-1", `program $out/bin/deep`)+";")+";") + ";",
}

func (n *realNix) world(attr string) string {
	n.t.Helper()
	return n.build("let " + strings.Join(world, " ") + " in " + attr)
}

func TestStorePath(t *testing.T) {
	n := requireNix(t)
	claude, tools, more := n.world("claude"), n.world("tools"), n.world("more")
	deep := n.build(node("aa-deep-1", `program $out/bin/deep`))
	want := &Closure{
		Toolchain: Nix,
		Agent:     claude + "/bin/claude",
		Roots:     []string{claude},
		Paths:     n.closure(claude),
		Bins:      []string{claude + "/bin", deep + "/bin", tools + "/bin"},
		Shell:     tools + "/bin/sh",
		Bash:      tools + "/bin/bash",
		Env:       tools + "/bin/env",
	}
	if len(want.Paths) != 4 {
		t.Fatalf("the closure has %q", want.Paths)
	}
	check := func(t *testing.T, o Options) {
		t.Helper()
		if got := n.resolve(o); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	o := n.options()
	fake, ran := n.withoutNix()
	result := filepath.Join(n.dir, "result")
	if err := os.Symlink(claude, result); err != nil {
		t.Fatal(err)
	}

	t.Run("cold", func(t *testing.T) { o.Package = claude; check(t, o) })
	o.Path = fake
	t.Run("warm", func(t *testing.T) { check(t, o) })
	t.Run("slash", func(t *testing.T) { o.Package = claude + "/"; check(t, o) })
	t.Run("program", func(t *testing.T) { o.Package = claude + "/bin/claude"; check(t, o) })
	t.Run("result link", func(t *testing.T) { o.Package = "./result"; check(t, o) })
	t.Run("result link, program", func(t *testing.T) { o.Package = result + "/bin/claude"; check(t, o) })
	t.Run("home", func(t *testing.T) { o.Package = "~/result/bin/claude"; check(t, o) })
	t.Run("PATH", func(t *testing.T) {
		o.Package = ""
		o.Path = fake + ":" + result + "/bin"
		check(t, o)
	})
	t.Run("PATH, past itself", func(t *testing.T) {
		self := n.write("self/claude", "#!/bin/sh\n")
		if err := os.Chmod(self, 0o755); err != nil {
			t.Fatal(err)
		}
		o.Package, o.Self = "", self
		o.Path = filepath.Dir(self) + ":" + result + "/bin"
		check(t, o)
	})
	if ran() {
		t.Error("a warm start ran Nix")
	}
	t.Run("host, from the store", func(t *testing.T) {
		o.Package = "host"
		got := n.resolve(o)
		if got.Toolchain != Host || got.Agent != want.Agent || !slices.Equal(got.Paths, want.Paths) ||
			got.Bins[0] != claude+"/bin" || !slices.Contains(got.Bins, "/usr/bin") || got.Shell != "/bin/sh" {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("extra packages", func(t *testing.T) {
		o := n.options()
		o.Package, o.Packages = claude, []string{more, tools, claude}
		got := n.resolve(o)
		w := *want
		w.Roots = []string{claude, more, tools}
		w.Paths = n.closure(claude, more)
		w.Bins = []string{claude + "/bin", more + "/bin", tools + "/bin", deep + "/bin"}
		w.Shell = more + "/bin/sh"
		if !reflect.DeepEqual(got, &w) {
			t.Errorf("got  %+v\nwant %+v", got, &w)
		}
		o.Packages = []string{tools, more}
		got = n.resolve(o)
		w.Roots = []string{claude, tools, more}
		w.Bins = []string{claude + "/bin", tools + "/bin", more + "/bin", deep + "/bin"}
		w.Shell = tools + "/bin/sh"
		if !reflect.DeepEqual(got, &w) {
			t.Errorf("the other order: got  %+v\nwant %+v", got, &w)
		}
	})
	t.Run("only extra packages", func(t *testing.T) {
		o := n.options()
		o.Path = strings.Join([]string{n.dir, o.Path}, ":")
		o.Program, o.NoAgent = "no-such-agent", true
		o.Packages = []string{more}
		got := n.resolve(o)
		if got.Toolchain != Nix || got.Agent != "" || !slices.Equal(got.Paths, []string{more}) || got.Shell != more+"/bin/sh" || len(got.Binds) > 0 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("host and an extra package", func(t *testing.T) {
		o := n.options()
		o.Package, o.NoAgent, o.Program, o.Packages = "host", true, "no-such-agent", []string{more}
		got := n.resolve(o)
		if got.Toolchain != Host || !slices.Equal(got.Roots, []string{more}) || !slices.Equal(got.Paths, []string{more}) ||
			got.Bins[0] != more+"/bin" || !slices.Contains(got.Binds, "/usr") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("without a cache", func(t *testing.T) {
		o := n.options()
		o.Package, o.CacheDir = claude, ""
		check(t, o)
	})
	t.Run("a cache that cannot be written", func(t *testing.T) {
		o := n.options()
		o.Package, o.CacheDir = claude, "/proc/self"
		check(t, o)
	})
	t.Run("without nix-store", func(t *testing.T) {
		nix, err := exec.LookPath("nix")
		if err != nil {
			t.Skip("no nix beside nix-build")
		}
		bin := filepath.Join(t.TempDir(), "bin")
		if err := os.Mkdir(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(nix, bin+"/nix"); err != nil {
			t.Fatal(err)
		}
		o := n.options()
		o.Package, o.CacheDir, o.Path = claude, "", bin
		check(t, o)
	})
}

func TestClosureFile(t *testing.T) {
	n := requireNix(t)
	claude, more := n.world("claude"), n.world("more")
	paths := n.closure(claude, more)
	list := n.write("list", string(registration.RenderList(paths)))
	dump, err := exec.Command("nix-store", append([]string{"--dump-db"}, paths...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	n.write("info/registration", string(dump))
	fake, ran := n.withoutNix()
	o := n.options()
	o.Path = fake

	for name, tt := range map[string]struct {
		file, pkg string
		packages  []string
		roots     []string
	}{
		"list":             {file: list, roots: []string{claude}},
		"relative":         {file: "list", roots: []string{claude}},
		"registration":     {file: "info/registration", roots: []string{claude}},
		"closureInfo":      {file: "info", roots: []string{claude}},
		"package":          {file: list, pkg: claude, roots: []string{claude}},
		"program":          {file: list, pkg: claude + "/bin/claude", roots: []string{claude}},
		"extra package":    {file: list, packages: []string{more}, roots: []string{claude, more}},
		"all, in a folder": {file: "info", pkg: claude, packages: []string{more}, roots: []string{claude, more}},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.ClosureFile, o.Package, o.Packages = tt.file, tt.pkg, tt.packages
			got := n.resolve(o)
			if got.Toolchain != Nix || got.Agent != claude+"/bin/claude" || !slices.Equal(got.Paths, paths) ||
				!slices.Equal(got.Roots, tt.roots) || got.Bins[0] != claude+"/bin" || len(got.Bins) != 4 || got.Bash == "" {
				t.Errorf("got %+v", got)
			}
			o.Ahead = ReadAhead(o)
			if ahead := n.resolve(o); !reflect.DeepEqual(got, ahead) {
				t.Errorf("read ahead it is %+v", ahead)
			}
		})
	}

	only := n.write("only", string(registration.RenderList([]string{more})))
	gone := StoreDir + "/" + hash + "-gone"
	for name, tt := range map[string]struct {
		file, pkg string
		packages  []string
		want      error
	}{
		"package not in it":       {only, claude, nil, errNotInClosure},
		"extra package not in it": {list, claude, []string{gone}, errNotInClosure},
		"installable":             {list, "nixpkgs#x", nil, errNotInClosure},
		"extra installable":       {list, "", []string{"nixpkgs#x"}, errNotInClosure},
		"program of the host":     {list, "/bin/sh", nil, errNotInClosure},
		"host":                    {list, "host", nil, errBadPackage},
		"no agent in it":          {only, "", nil, ErrNoAgent},
		"not a program":           {list, claude + "/x", nil, ErrNoProgram},
		"no such file":            {"no-such-file", "", nil, os.ErrNotExist},
		"path is gone":            {n.write("gone", more+"\n"+gone+"\n"), "", nil, errMissing},
		"hostile":                 {n.write("hostile", more+"\n/nix/store/../etc\n"), "", nil, errBadPath},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.ClosureFile, o.Package, o.Packages = tt.file, tt.pkg, tt.packages
			c, err := Resolve(t.Context(), o)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %+v, %v; want %v", c, err, tt.want)
			}
			o.Ahead = ReadAhead(o)
			if _, ahead := Resolve(t.Context(), o); err != nil && (ahead == nil || ahead.Error() != err.Error()) {
				t.Errorf("read ahead: %v; want %v", ahead, err)
			}
		})
	}
	t.Run("read ahead, but another file", func(t *testing.T) {
		o := o
		o.ClosureFile = only
		o.Ahead = ReadAhead(o)
		o.ClosureFile = list
		if got := n.resolve(o); !slices.Equal(got.Paths, paths) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("no agent, and none needed", func(t *testing.T) {
		o := o
		o.ClosureFile, o.NoAgent = only, true
		if got := n.resolve(o); got.Agent != "" || got.Shell != more+"/bin/sh" {
			t.Errorf("got %+v", got)
		}
	})
	if ran() {
		t.Error("Nix was run in spite of a closure file")
	}
	t.Run("baked, and an extra package", func(t *testing.T) {
		o := n.options()
		o.ClosureFile, o.Baked, o.Packages = n.write("baked", string(registration.RenderList(n.closure(claude)))), true, []string{more}
		got := n.resolve(o)
		if !slices.Equal(got.Roots, []string{claude, more}) || !slices.Equal(got.Paths, paths) {
			t.Errorf("got %+v", got)
		}
	})
}

// Which program a package's is, and what counts as one.
func TestProgram(t *testing.T) {
	n := requireNix(t)
	resolve := func(t *testing.T, path string, edit func(*Options)) (*Closure, error) {
		o := n.options()
		o.Package = path
		if edit != nil {
			edit(&o)
		}
		return Resolve(t.Context(), o)
	}
	good := func(name, script, agent string, edit func(*Options)) {
		t.Run(name, func(t *testing.T) {
			p := n.build(node("program", script))
			c, err := resolve(t, p, edit)
			if err != nil || c.Agent != p+agent {
				t.Errorf("got %+v, %v; want %s", c, err, p+agent)
			}
		})
	}
	bad := func(name, script string, want error, words string, edit func(*Options)) {
		t.Run(name, func(t *testing.T) {
			p := n.build(node("program", script))
			c, err := resolve(t, p, edit)
			if !errors.Is(err, want) || !strings.Contains(err.Error(), words) {
				t.Errorf("got %+v, %v; want %v and %q", c, err, want, words)
			}
		})
	}
	other := func(o *Options) { o.Program = "other" }
	good("claude among others", "program $out/bin/a; program $out/bin/claude", "/bin/claude", nil)
	good("another, asked for", "program $out/bin/other; program $out/bin/claude", "/bin/other", other)
	good("the only one", "program $out/bin/my-agent", "/bin/my-agent", nil)
	good("the only one, wrapped", "program $out/bin/my-agent; program $out/bin/.my-agent-wrapped; echo > $out/bin/data", "/bin/my-agent", nil)
	good("links inside", "program $out/lib/x/y; ln -s lib/x $out/d; mkdir $out/bin; ln -s ../d/../x/y $out/bin/claude", "/bin/claude", nil)
	good("bin is a link", "program $out/libexec/claude; ln -s libexec $out/bin", "/bin/claude", nil)
	good("the path is a program", "program $out", "", nil)
	bad("several", "program $out/bin/b; program $out/bin/a", ErrNoAgent, "it has: a b; name the program in it", nil)
	bad("many", "for i in 1 2 3 4 5; do for j in 1 2 3 4 5; do program $out/bin/$i$j; done; done", ErrNoAgent, "(25 in all)", nil)
	bad("none", "mkdir -p $out/bin; echo > $out/bin/claude", ErrNoAgent, "no bin/claude and no other program", nil)
	bad("asked for another", "program $out/bin/claude", ErrNoAgent, "no bin/other", other)
	bad("a folder", "mkdir -p $out/bin/claude", ErrNoAgent, "", nil)
	bad("out of the closure", "mkdir -p $out/bin; ln -s /bin/sh $out/bin/claude", ErrNoAgent, "", nil)
	bad("out, relative", "mkdir -p $out/bin; ln -s ../../../../bin/sh $out/bin/claude", ErrNoAgent, "", nil)
	bad("out, to the store", "mkdir -p $out/bin; ln -s /nix/store $out/bin/claude", ErrNoAgent, "", nil)
	bad("loop", "mkdir -p $out/bin; ln -s claude $out/bin/claude", ErrNoAgent, "", nil)
	bad("through a file", "program $out/bin/x; program $out/bin/y; ln -s x/../y $out/bin/claude", ErrNoAgent, "it has: x y", nil)
	bad("given, missing", "mkdir $out", ErrNoProgram, "does not exist", func(o *Options) { o.Package += "/bin/claude" })
	bad("given, out", "mkdir $out; ln -s /bin/sh $out/x", ErrNoProgram, "leads out", func(o *Options) { o.Package += "/x" })
	bad("given, no program", "mkdir $out; echo > $out/x", ErrNoProgram, "not an executable file", func(o *Options) { o.Package += "/x" })
	bad("given, traversal", "mkdir $out", errBadPath, "", func(o *Options) { o.Package += "/../x" })

	t.Run("no agent needed", func(t *testing.T) {
		p := n.build(node("program", "program $out/bin/sh; program $out/bin/ls"))
		c, err := resolve(t, p, func(o *Options) { o.NoAgent = true })
		if err != nil || c.Agent != "" || c.Shell != p+"/bin/sh" {
			t.Errorf("got %+v, %v", c, err)
		}
	})
	// A store path may be a link, and its bin may be another's.
	t.Run("links between paths", func(t *testing.T) {
		dep := "dep = " + node("dep", "program $out/bin/claude; program $out/bin/bash") + ";"
		for _, script := range []string{"ln -s ${dep} $out", "mkdir $out; ln -s ${dep}/bin $out/bin"} {
			p := n.build(node("link", script, dep))
			c, err := resolve(t, p, nil)
			if err != nil || c.Agent != p+"/bin/claude" || len(c.Bins) != 2 || c.Bash != p+"/bin/bash" || len(c.Paths) != 2 {
				t.Errorf("got %+v, %v", c, err)
			}
		}
	})
	t.Run("shell out of the closure", func(t *testing.T) {
		p := n.build(node("program", "program $out/bin/claude; ln -s /bin/sh $out/bin/sh; ln -s /bin/bash $out/bin/bash; ln -s nothing $out/bin/env"))
		c, err := resolve(t, p, nil)
		if err != nil || c.Shell+c.Bash+c.Env != "" {
			t.Errorf("got %+v, %v", c, err)
		}
	})
	t.Run("bin out of the closure", func(t *testing.T) {
		p := n.build(node("program", "mkdir $out; ln -s /usr/bin $out/bin"))
		c, err := resolve(t, p, func(o *Options) { o.NoAgent = true })
		if err != nil || c.Agent != "" || len(c.Bins) != 0 {
			t.Errorf("got %+v, %v", c, err)
		}
	})
}

func TestInstallable(t *testing.T) {
	n := requireNix(t)
	claude, more := n.world("claude"), n.world("more")
	n.write("flake/flake.nix", `{ outputs = { self }: let
		system = "x86_64-linux"; `+strings.ReplaceAll(strings.Join(world, "\n"), "builtins.currentSystem", `"x86_64-linux"`)+`
		in { packages.x86_64-linux = rec {
			default = claude; inherit claude more;
			out2 = derivation { name = "two"; inherit system; builder = "/bin/sh"; outputs = [ "out" "bin" ];
				args = [ "-euc" "PATH=/bin:/usr/bin; mkdir -p $out $bin/bin; printf '#!/bin/sh' > $bin/bin/claude; chmod +x $bin/bin/claude" ]; } // { meta.outputsToInstall = [ "bin" "out" ]; };
			broken = derivation { name = "broken"; inherit system; builder = "/bin/sh"; args = [ "-c" "echo the reason >&2; exit 1" ]; };
			slow = derivation { name = "slow-${toString builtins.currentTime or "x"}"; inherit system; builder = "/bin/sh"; args = [ "-c" "/bin/sleep 300" ]; };
			ca = derivation { name = "ca"; inherit system; builder = "/bin/sh"; __contentAddressed = true; args = [ "-c" "echo > $out" ]; };
		}; }; }`)
	if out, err := exec.Command("nix", "--extra-experimental-features", "nix-command flakes", "eval", "--raw", "path:"+n.dir+"/flake#claude.name").CombinedOutput(); err != nil {
		t.Skipf("this Nix cannot evaluate flakes: %v\n%s", err, out)
	}
	flake := "path:" + n.dir + "/flake"
	o := n.options()
	for _, pkg := range []string{flake + "#claude", flake, "path:./flake#claude", "./flake", n.dir + "/flake"} {
		t.Run(strings.ReplaceAll(pkg, n.dir, "DIR"), func(t *testing.T) {
			o := o
			o.Package = pkg
			o.Packages = []string{flake + "#more"}
			c := n.resolve(o)
			if c.Agent != claude+"/bin/claude" || !slices.Equal(c.Roots, []string{claude, more}) || !slices.Equal(c.Paths, n.closure(claude, more)) {
				t.Errorf("got %+v", c)
			}
		})
	}
	t.Run("the flake of the current folder", func(t *testing.T) {
		o := o
		o.Dir, o.Package = n.dir+"/flake", "."
		if c := n.resolve(o); c.Agent != claude+"/bin/claude" {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("several outputs", func(t *testing.T) {
		o := o
		o.Package = flake + "#out2"
		c, err := Resolve(t.Context(), o)
		if errors.Is(err, ErrNoAgent) {
			// Nix 2.8 builds the first output, whatever the package says.
			o.Package += ".bin"
			c, err = Resolve(t.Context(), o)
		}
		if err != nil || !strings.HasSuffix(c.Agent, "-two-bin/bin/claude") || !strings.HasPrefix(c.Agent, c.Roots[0]) {
			t.Errorf("got %+v, %v", c, err)
		}
	})

	t.Run("no such attribute", func(t *testing.T) {
		o := o
		o.Package = flake + "#nothing"
		_, err := Resolve(t.Context(), o)
		var ce *commandError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), "does not provide attribute") || !strings.Contains(err.Error(), "nix ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a build that fails", func(t *testing.T) {
		o := o
		var progress bytes.Buffer
		o.Package, o.Progress = flake+"#broken", &progress
		_, err := Resolve(t.Context(), o)
		var ce *commandError
		if !errors.As(err, &ce) || !strings.Contains(ce.Stderr, "the reason") {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(progress.String(), "broken.drv") {
			t.Errorf("progress: %q", progress.String())
		}
	})
	t.Run("an experimental feature", func(t *testing.T) {
		o := o
		o.Package = flake + "#ca"
		if _, err := Resolve(t.Context(), o); !errors.Is(err, errFeature) || !strings.Contains(err.Error(), "ca-derivations") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		o := o
		o.Package = flake + "#slow"
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := Resolve(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("it took %v to stop", d)
		}
	})
}

func TestStoreErrors(t *testing.T) {
	n := requireNix(t)
	claude := n.world("claude")
	gone := StoreDir + "/" + hash + "-gone"
	fails := func(t *testing.T, o Options, want error, words ...string) {
		t.Helper()
		c, err := Resolve(t.Context(), o)
		if !errors.Is(err, want) {
			t.Fatalf("got %+v, %v; want %v", c, err, want)
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
		var e *Error
		if !errors.As(err, &e) || e.Fix == "" {
			t.Errorf("%q says not what to do", err)
		}
	}
	t.Run("no such path", func(t *testing.T) {
		o := n.options()
		o.Package = gone
		fails(t, o, errMissing, gone, "nix-store --realise "+gone)
	})
	t.Run("not a store path", func(t *testing.T) {
		o := n.options()
		o.Package = "/nix/store/../etc"
		fails(t, o, errBadPath)
		o.Package, o.Packages = claude, []string{"/nix/store/claude"}
		fails(t, o, errBadPath)
	})
	t.Run("half deleted", func(t *testing.T) {
		o := n.options()
		o.Package = claude
		n.resolve(o)
		// What a deletion leaves: an entry, and paths of it that are gone.
		c := inventory.Cache{Dir: o.CacheDir}
		v := *c.Load(claude)
		v.Paths = append([]string{gone}, v.Paths...)
		slices.Sort(v.Paths)
		if err := c.Store(claude, &v); err != nil {
			t.Fatal(err)
		}
		fails(t, o, errMissing, gone, claude, "nix-store --realise")
	})
	n.caches = "-empty"
	t.Run("not registered", func(t *testing.T) {
		p := fmt.Sprintf("%s/%s-closure-test-%d", StoreDir, hash, os.Getpid())
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Skipf("only who can write the store can make such a path: %v", err)
		}
		defer os.Remove(p)
		o := n.options()
		o.Package = p
		fails(t, o, errNotValid, p, "nix-store --realise")
		if _, err := os.Lstat(o.CacheDir); err == nil {
			t.Error("the failure was cached")
		}
	})
	t.Run("no Nix", func(t *testing.T) {
		o := n.options()
		o.Package, o.Path = claude, n.dir
		fails(t, o, errNoNix, "--closure", "--package host")
		o.Package = "nixpkgs#claude-code"
		fails(t, o, errNoNix, "nixpkgs#claude-code")
	})
	t.Run("no daemon", func(t *testing.T) {
		t.Setenv("NIX_REMOTE", "daemon")
		t.Setenv("NIX_DAEMON_SOCKET_PATH", n.dir+"/no-such-socket")
		o := n.options()
		o.Package = claude
		fails(t, o, errNoDaemon, "nix-daemon")
	})
	t.Run("no daemon, and no socket", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root needs no daemon")
		}
		t.Setenv("NIX_REMOTE", "local")
		o := n.options()
		o.Package = claude
		fails(t, o, errNoDaemon, "nix-daemon")
	})
	t.Run("no values of the environment", func(t *testing.T) {
		t.Setenv("JAIL_TEST_SECRET", "hunter2")
		o := n.options()
		o.Path = n.dir + "/hunter2"
		_, err := Resolve(t.Context(), o)
		if !errors.Is(err, ErrNoAgent) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	})
}

// A Nix that answers nonsense cannot be had, so this one is a script.
func TestNixNonsense(t *testing.T) {
	if _, err := os.Stat(StoreDir); err != nil {
		t.Skip("no store")
	}
	entries, err := os.ReadDir(StoreDir)
	if err != nil {
		t.Skip(err)
	}
	var root string
	for _, e := range entries {
		if p := StoreDir + "/" + e.Name(); checkPath(p) == nil {
			root = p
			break
		}
	}
	if root == "" {
		t.Skip("an empty store")
	}
	for name, script := range map[string]string{
		"nothing":       "exit 0",
		"another":       "echo " + pathA,
		"not a path":    "echo " + root + "; echo /etc",
		"fails, silent": "exit 3",
		"fails, loud":   `i=0; while [ $i -lt 5000 ]; do echo "line $i" >&2; i=$((i+1)); done; printf '\033[31;1merror:\033[0m the\007 end\r\n' >&2; exit 1`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/nix-store", []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := Resolve(t.Context(), Options{Package: root, Path: dir, CacheDir: dir})
			if err == nil {
				t.Fatal("it was believed")
			}
			if name == "fails, loud" {
				if s := err.Error(); !strings.HasSuffix(s, "line 4999\nerror: the end") || strings.Count(s, "\n") > 13 {
					t.Errorf("got %q", s)
				}
			}
			if l, _ := filepath.Glob(dir + "/closure/*"); len(l) > 0 {
				t.Errorf("it was cached: %q", l)
			}
		})
	}
}

// The formats of nix build --json; the Nix at hand speaks only one.
func TestBuiltPaths(t *testing.T) {
	for in, want := range map[string][]string{
		`[{"drvPath":"x","outputs":{"out":"` + pathA + `"}}]`:                                             {pathA},
		`[{"outputs":{"man":"` + pathA + `","bin":"` + pathB + `"}}]`:                                     {pathB, pathA},
		`[{"outputs":{"out":"` + filepath.Base(pathA) + `"},"startTime":1}]`:                              {pathA},
		`[{"outputs":{"out":"` + pathA + `"}},{"outputs":{"dev":"` + pathB + `","out":"` + pathA + `"}}]`: {pathA, pathB},
		`[{"outputs":{"out":null}}]`:                                                                      nil,
		`[{"outputs":{"out":"/etc"}}]`:                                                                    nil,
		`[{"outputs":{"out":"../etc"}}]`:                                                                  nil,
		`[]`:                                                                                              nil,
		``:                                                                                                nil,
	} {
		got, err := builtPaths([]byte(in))
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
}
