package spec

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/gitconfig"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// content returns a generated file.
func content(t *testing.T, j *contract.Jail, path string) string {
	t.Helper()
	for _, f := range j.Rootfs {
		if f.Path == path {
			return string(f.Content)
		}
	}
	t.Fatalf("no %s in the rootfs", path)
	return ""
}

// mountsOn are the mounts of one destination.
func mountsOn(j *contract.Jail, destination string) (sources []string) {
	for _, m := range j.Spec.Mounts {
		if m.Destination == destination {
			sources = append(sources, m.Source)
		}
	}
	return sources
}

// TestRefused: what Build must not make a jail of, and what it says.
func TestRefused(t *testing.T) {
	for _, r := range []struct {
		name string
		with func(*Input)
		want string
	}{
		// Traps & Traversal: grants
		{
			"a grant that does not exist", func(in *Input) { in.Policy.Files.Read = []string{"/srv/missing"} },
			`files: files.read "/srv/missing" (built-in): /srv/missing does not exist: make it, or take the grant away`,
		},
		{
			"a grant of home", func(in *Input) { grant(in, "ro", "/home/ada") },
			`files: files.read "/home/ada" (built-in): /home/ada is your home folder or holds it: grant the parts that are needed`,
		},
		{
			"a grant above home", func(in *Input) { grant(in, "rw", "/home") },
			`files: files.write "/home" (built-in): /home is your home folder or holds it: grant the parts that are needed`,
		},
		{
			"a grant of all", func(in *Input) { grant(in, "ro", "/") },
			`files: files.read "/" (built-in): / is your home folder or holds it: grant the parts that are needed`,
		},
		{"home by ~/", func(in *Input) {
			grant(in, "ro", "/home/ada")
			in.Policy.Files.Read = []string{"~/"}
		}, `files: files.read "~/" (built-in): /home/ada is your home folder or holds it: grant the parts that are needed`},
		{"up and out of home", func(in *Input) {
			grant(in, "rw", "/home")
			in.Policy.Files.Write = []string{"~/../../home"}
		}, `files: files.write "~/../../home" (built-in): /home is your home folder or holds it: grant the parts that are needed`},
		{"around to home", func(in *Input) {
			grant(in, "rw", "/home/ada")
			in.Policy.Files.Write = []string{"/srv/../home//ada/."}
		}, `files: files.write "/srv/../home//ada/." (built-in): /home/ada is your home folder or holds it: grant the parts that are needed`},
		{
			"a relative grant", func(in *Input) { in.Policy.Files.Read = []string{"../secrets"} },
			`files: files.read "../secrets" (built-in): ../secrets does not exist: make it, or take the grant away`,
		},
		{
			"somebody's home", func(in *Input) { in.Policy.Files.Read = []string{"~bob/x"} },
			`files: files.read "~bob/x" (built-in): ~bob/x does not exist: make it, or take the grant away`,
		},
		{"a grant through a symlink", func(in *Input) {
			in.Policy.Files.Read = []string{"/srv/link"}
			in.Host.Present = map[string]host.Kind{"/srv/link": {Dir: true, Real: "/home/ada/.ssh"}}
		}, `files: files.read "/srv/link" (built-in): /srv/link leads through a symlink to /home/ada/.ssh: grant that path`},
		{
			"our own state", func(in *Input) { grant(in, "ro", "/home/ada/.local/state/jailed-claude") },
			`files: files.read "/home/ada/.local/state/jailed-claude" (built-in): /home/ada/.local/state/jailed-claude would expose /home/ada/.local/state/jailed-claude, jailed-claude's own policy and state: grant something narrower`,
		},
		{
			"above our own policy", func(in *Input) { grant(in, "rw", "/home/ada/.config") },
			`files: files.write "/home/ada/.config" (built-in): /home/ada/.config would expose /home/ada/.config/jailed-claude, jailed-claude's own policy and state: grant something narrower`,
		},
		{
			"inside our own cache", func(in *Input) { grant(in, "rw", "/home/ada/.cache/jailed-claude/x") },
			`files: files.write "/home/ada/.cache/jailed-claude/x" (built-in): /home/ada/.cache/jailed-claude/x would expose /home/ada/.cache/jailed-claude, jailed-claude's own policy and state: grant something narrower`,
		},
		{
			"writing what the host's claude runs", func(in *Input) { grant(in, "rw", "/home/ada/.claude/hooks") },
			`files: files.write "/home/ada/.claude/hooks" (built-in): /home/ada/.claude/hooks belongs to the host's own Claude, which would run what is written there: write agent.config = "shared"`,
		},
		{
			"writing the host's MCP servers", func(in *Input) { grant(in, "rw", "/home/ada/.claude.json") },
			`files: files.write "/home/ada/.claude.json" (built-in): /home/ada/.claude.json belongs to the host's own Claude, which would run what is written there: write agent.config = "shared"`,
		},
		{
			"two bad grants", func(in *Input) { in.Policy.Files.Read, in.Policy.Files.Write = []string{"/a"}, []string{"/b"} },
			"files: files.read \"/a\" (built-in): /a does not exist: make it, or take the grant away\nfiles.write \"/b\" (built-in): /b does not exist: make it, or take the grant away",
		},
		{
			"writing /usr", func(in *Input) { grant(in, "rw", "/usr") },
			`the configuration breaks the promises of a jail: mounts: "/usr" is writable`,
		},
		{
			"writing /etc", func(in *Input) { grant(in, "rw", "/etc/cron.d") },
			`the configuration breaks the promises of a jail: mounts: "/etc/cron.d" is writable`,
		},
		{
			"reading a process", func(in *Input) { grant(in, "ro", "/proc/1/environ") },
			`the configuration breaks the promises of a jail: mounts: "/proc/1/environ" must never be in a jail; mounts: "/proc/1/environ" would be mounted on "/proc/1/environ"`,
		},
		{
			"reading the Nix database", func(in *Input) { grant(in, "ro", "/nix/var/nix/db") },
			`the configuration breaks the promises of a jail: mounts: "/nix/var/nix/db" must never be in a jail`,
		},
		{
			"a grant with NUL", func(in *Input) { grant(in, "ro", "/srv/a\x00b") },
			`the configuration breaks the promises of a jail: mounts: "/srv/a\x00b" is not valid UTF-8, or holds NUL`,
		},

		// Shared configuration
		{
			"no configuration to share", func(in *Input) { in.Policy.Agent.Config = policy.ConfigShared },
			`home: config = "shared", but the host has no ~/.claude: run claude once, or use "private"`,
		},
		{"CLAUDE_CONFIG_DIR is home", func(in *Input) {
			in.Policy.Agent.Config, in.Host.ClaudeShared.Dir = policy.ConfigShared, "/home/ada"
		}, `home: config = "shared": /home/ada is your home folder or holds it: grant the parts that are needed`},
		{"CLAUDE_CONFIG_DIR is our own", func(in *Input) {
			in.Policy.Agent.Config, in.Host.ClaudeShared.Dir = policy.ConfigShared, "/home/ada/.local/state"
		}, `home: config = "shared": /home/ada/.local/state would expose /home/ada/.local/state/jailed-claude, jailed-claude's own policy and state: grant something narrower`},

		// Namespaces
		{"namespaces and hidden files", func(in *Input) {
			guarded(in)
			in.Policy.Identity.Nesting = true
		}, `identity: identity.nesting (default) and files.hide in a project that can be written: an agent that makes namespaces gets around the mounts that protect and hide what lies in a folder it may write: take one of them away`},
		{"namespaces and hidden files that a grant holds", func(in *Input) {
			guarded(in)
			grant(in, "rw", "/home/ada/src")
			in.Policy.Identity.Nesting, in.Policy.Files.Project = true, policy.ProjectRO
		}, `the configuration breaks the promises of a jail: nesting: "/home/ada/src/app/secrets" is hidden in a folder that can be written: who makes namespaces can move it to where it is seen; nesting: "/home/ada/src/app/web/.env" is hidden in a folder that can be written: who makes namespaces can move it to where it is seen`},
		{"namespaces as root", func(in *Input) {
			in.Policy.Identity.Nesting, in.Policy.Identity.User = true, policy.UserRoot
		}, `identity: identity.nesting (default): the kernel lets uid 0 map no user namespace without CAP_SETFCAP: run as another user, with identity.user = "keep", or take it away`},
		{"namespaces and the host's configuration", func(in *Input) {
			in.Policy.Identity.Nesting, in.Policy.Agent.Config = true, policy.ConfigShared
			in.Host.ClaudeShared.Dir = "/home/ada/.claude"
		}, `identity: identity.nesting (default) and agent.config = "shared": an agent that makes namespaces gets around the mounts that protect and hide what lies in a folder it may write: take one of them away`},

		// Homes
		{"no home", func(in *Input) { in.Host.Home = "" }, `home: the home folder "" cannot be one in a jail: set HOME to a folder of your own`},
		{"home is the root", func(in *Input) { in.Host.Home = "/" }, `home: the home folder "/" cannot be one in a jail: set HOME to a folder of your own`},
		{"a relative home", func(in *Input) { in.Host.Home = "ada" }, `home: the home folder "ada" cannot be one in a jail: set HOME to a folder of your own`},
		{"a home with ..", func(in *Input) { in.Host.Home = "/home/../etc" }, `home: the home folder "/home/../etc" cannot be one in a jail: set HOME to a folder of your own`},
		{"the home of sys", func(in *Input) { in.Host.Home = "/dev" }, `home: the home folder "/dev" cannot be one in a jail: set HOME to a folder of your own`},
		{"the home of daemon", func(in *Input) { in.Host.Home = "/usr/sbin" }, `home: the home folder "/usr/sbin" cannot be one in a jail: set HOME to a folder of your own`},
		{"a home that covers the store", func(in *Input) { in.Host.Home = "/nix" }, `home: the home folder "/nix" cannot be one in a jail: set HOME to a folder of your own`},
		{"a home in /etc", func(in *Input) { in.Host.Home = "/etc/ada" }, `home: the home folder "/etc/ada" cannot be one in a jail: set HOME to a folder of your own`},

		// Projects, in case the host's own checks have a hole
		{
			"the root as project", func(in *Input) { in.Host.Project.Dir = "/" },
			`files: project: / is your home folder or holds it: grant the parts that are needed`,
		},
		{
			"our own policy as project", func(in *Input) { in.Host.Project.Dir = "/home/ada/.config/jailed-claude" },
			`files: project: /home/ada/.config/jailed-claude would expose /home/ada/.config/jailed-claude, jailed-claude's own policy and state: grant something narrower`,
		},
		{
			"a git directory that holds home", func(in *Input) { in.Host.Project.Git = []string{"/home"} },
			`files: project: /home is your home folder or holds it: grant the parts that are needed`,
		},
		{"/etc as project", func(in *Input) { in.Host.Project.Dir = "/etc" }, `the configuration breaks the promises of a jail: mounts: "/etc" is writable`},
		{
			"a project with ..", func(in *Input) { in.Host.Project.Dir = "/srv/../home/ada" },
			`the configuration breaks the promises of a jail: mounts: destination "/srv/../home/ada" is not an absolute, clean path below the root; mounts: source "/srv/../home/ada" is not an absolute, clean path`,
		},
		{
			"a relative project", func(in *Input) { in.Host.Project.Dir = "app" },
			`the configuration breaks the promises of a jail: mounts: destination "app" is not an absolute, clean path below the root; mounts: source "app" is not an absolute, clean path; process: process.cwd "app" is not absolute`,
		},
		{
			"a git directory that is /proc", func(in *Input) { in.Host.Project.Git = []string{"/proc/self/root"} },
			`the configuration breaks the promises of a jail: mounts: "/proc/self/root" must never be in a jail; mounts: "/proc/self/root" would be mounted on "/proc/self/root"`,
		},

		// Environment
		{
			"a folder of PATH with a colon", func(in *Input) { in.Closure.Bins = append(in.Closure.Bins, "/opt/a:b/bin") },
			`environment: "/opt/a:b/bin" cannot be on PATH: a colon ends a folder's name there`,
		},
		{
			"a variable of libcontainer", func(in *Input) { in.Policy.Env.Set = map[string]string{"_LIBCONTAINER_INITPIPE": "3"} },
			`the configuration breaks the promises of a jail: process: the variable "_LIBCONTAINER_INITPIPE" would speak to the runtime`,
		},
		{
			"a variable without a name", func(in *Input) { in.Policy.Env.Set = map[string]string{"": "x"} },
			`the configuration breaks the promises of a jail: process: the variable "" is malformed`,
		},
		{
			"a value that is not UTF-8", func(in *Input) { in.Env.Vars["LC_ALL"] = "\xff" },
			`the configuration breaks the promises of a jail: process: the variable "LC_ALL" is malformed`,
		},

		// Others
		{"an unknown network", func(in *Input) { in.Policy.Network.Mode = "tunnel" }, `network: mode "tunnel" is not known`},
		{
			"an unknown preset", func(in *Input) { in.Policy.Network.Allow = []string{"@x"} },
			`network: network.allow: "@x" is not a preset: there are @amp @claude @cline @codex @continue @copilot @crates @gemini @git-https @go @nix-cache @npm @openai @opencode @pi @pypi @qwen`,
		},
		{"a rule that is none", func(in *Input) { in.Policy.Network.Deny = []string{"com"} }, `network: network.deny: "com" is no full name: write it with its domain`},
		{
			"a key that would be inside", func(in *Input) { filtered(in); in.Policy.Env.Pass = []string{"NPM_TOKEN"} },
			`network: broker "npm" (user) gives NPM_TOKEN a value, and env.pass or env.set does too: take it out of one`,
		},
		{
			"a key that would be inside under its own name", func(in *Input) {
				filtered(in)
				in.Policy.Brokers[0].Env, in.Policy.Brokers[0].From, in.Policy.Env.Pass = "", "env:NPM_TOKEN", []string{"NPM_TOKEN"}
			},
			`network: the key of broker "npm" (user) comes from NPM_TOKEN, which the jail gets too: take it out of env.pass`,
		},
		{
			"a placeholder that is another value", func(in *Input) { filtered(in); in.Policy.Env.Set = map[string]string{"NPM_TOKEN": ""} },
			`network: broker "npm" (user) gives NPM_TOKEN a value, and env.pass or env.set does too: take it out of one`,
		},
		{"two keys in one variable", func(in *Input) {
			filtered(in)
			in.Policy.Brokers = append(in.Policy.Brokers, network.Broker{Name: "b", Upstream: "https://b.example", Header: "X", From: "env:B", Env: "NPM_TOKEN"})
		}, `network: NPM_TOKEN is the variable of broker "npm" and of broker "b": take it out of one`},
		{
			"hooks that the jail could change", func(in *Input) { in.Init, in.Host.Executable = "", "/home/ada/src/app/bin/jailed-claude" },
			`the configuration breaks the promises of a jail: hooks: the jail can change "/home/ada/src/app/bin/jailed-claude" by way of "/home/ada/src/app", and it runs outside: install jailed-claude elsewhere`,
		},
		{"no network mode", func(in *Input) { in.Policy.Network.Mode = "" }, `network: mode "" is not known`},
		{
			"an argument with NUL", func(in *Input) { in.Args = []string{"a\x00b"} },
			"the configuration breaks the promises of a jail: process: an argument is not valid UTF-8, or holds NUL",
		},
	} {
		t.Run(r.name, func(t *testing.T) {
			in := valid()
			r.with(&in)
			if _, err := Build(in); err == nil || err.Error() != r.want {
				t.Errorf("\n got %v\nwant %s", err, r.want)
			}
		})
	}
}

// TestHostilePaths: odd names are carried through as they are.
func TestHostilePaths(t *testing.T) {
	long := "/srv/" + strings.Repeat("x", 255) + "/" + strings.Repeat("é", 127)
	for _, p := range []string{
		"/srv/with blank", "/srv/ leading", "/srv/trailing ", "/srv/new\nline", "/srv/tab\t", "/srv/\x1b]0;title\a",
		"/srv/${HOME}", "/srv/$(id)", "/srv/`id`", "/srv/~", "/srv/-rf", "/srv/--", "/srv/a:b", "/srv/a,b=c", `/srv/"quoted"`,
		`/srv/back\slash`, "/srv/*", "/srv/...", "/srv/..x", "/srv/&<>", "/srv/\u2028", "/srv/\u202ertl", long,
	} {
		in := valid()
		in.Host.Project.Dir = p
		in.Host.Project.Protect = []host.Path{{Path: p + "/.envrc", Why: "direnv"}}
		in.Host.Project.Hide = []host.Path{{Path: p + "/.env", Why: ".env"}}
		j, err := Build(in)
		if err != nil {
			t.Errorf("%q: %v", p, err)
			continue
		}
		s := clone(t, j.Spec)
		if s.Process.Cwd != p || !slices.Contains(s.Linux.MaskedPaths, p+"/.env") {
			t.Errorf("%q became %q", p, s.Process.Cwd)
		}
		j.Spec = s
		for _, d := range []string{p, p + "/.envrc"} {
			if got := mountsOn(j, d); !slices.Equal(got, []string{d}) {
				t.Errorf("%q is mounted from %q", d, got)
			}
		}
	}
}

// TestNeighbours: paths are compared by component. What only begins like a
// refused path is granted.
func TestNeighbours(t *testing.T) {
	for _, p := range []string{
		"/home/ada_backup", "/home/adam", "/home/ada/.config/jailed-claude_backup", "/home/ada/.cache/jailed-claude-x/y",
		"/home/ada/.claude-code", "/home/ada/.claude.json.bak", "/home/ada/src/app_backup", "/etcetera", "/nix/store-x", "/proc2", "/devel",
	} {
		in := valid()
		grant(&in, "rw", p)
		if j, err := Build(in); err != nil {
			t.Errorf("%s: %v", p, err)
		} else if got := mountsOn(j, p); !slices.Equal(got, []string{p}) {
			t.Errorf("%s is mounted from %q", p, got)
		}
	}
}

// TestReadOnlyStaysReadOnly: neither a pin nor an order of grants makes a
// part of the project writable that is granted for reading alone, and what is
// protected lies on top of everything.
func TestReadOnlyStaysReadOnly(t *testing.T) {
	const p = "/home/ada/src/app"
	in := valid()
	guarded(&in)
	grant(&in, "ro", p+"/web", p+"/.git/objects")
	grant(&in, "rw", "/home/ada/src")
	in.Host.Project.Pin = append(in.Host.Project.Pin, p+"/web/deep", p+"/web/deep/er")
	// A grant that would have no effect says what would have one.
	for _, mode := range []string{policy.ProjectRW, policy.ProjectOverlay, policy.ProjectRO} {
		for _, dir := range []string{"/.git/hooks", "/infra/modules"} {
			in := in
			in.Policy.Files.Project, in.Policy.Files.Write = mode, nil
			in.Host.Project.Layer = "/home/ada/.local/state/jailed-claude/projects/app/layer"
			grant(&in, "rw", p+dir)
			if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "--unprotect "+p+dir) {
				t.Errorf("%s: a grant of %s: %v", mode, dir, err)
			}
		}
	}
	j := mustBuild(t, in)
	for path, want := range map[string]string{
		"/home/ada/src/other":    "rw",
		p + "/main.go":           "rw",
		p + "/web":               "ro",
		p + "/web/deep/er/x":     "ro",
		p + "/.git/HEAD":         "rw",
		p + "/.git/objects/aa":   "ro",
		p + "/.git/hooks/x":      "ro",
		p + "/infra/modules/x":   "ro",
		p + "/.git/config":       "ro",
		storeBash + "/bin/bash":  "ro",
		"/home/ada/.claude/x":    "rw",
		"/etc/ssl/certs":         "", // of the rootfs
		"/home/ada/src/app_copy": "rw",
	} {
		mode := ""
		for _, m := range j.Spec.Mounts {
			if !paths.Below(path, m.Destination) {
				continue
			}
			mode = "rw"
			if slices.Contains(m.Options, "ro") {
				mode = "ro"
			}
		}
		if mode != want {
			t.Errorf("%s is %q, not %q", path, mode, want)
		}
	}
	// Folders on the way to what is protected are mount points of their own.
	for _, pin := range []string{p + "/.git", p + "/web"} {
		if len(mountsOn(j, pin)) != 1 {
			t.Errorf("%s can be renamed", pin)
		}
	}
}

// TestSocketsAreCovered: those of the project, of further folders and of what is
// only read; and it is said where nothing covers one.
func TestSocketsAreCovered(t *testing.T) {
	const p, data = "/home/ada/src/app", "/srv/data"
	for _, mode := range []string{policy.ProjectRW, policy.ProjectOverlay, policy.ProjectRO} {
		in := valid()
		guarded(&in)
		in.Policy.Files.Project, in.Policy.Files.Hide, in.Host.Project.Hide = mode, nil, nil
		in.Host.Project.Layer = "/home/ada/.local/state/jailed-claude/projects/app/layer"
		grant(&in, "rw", data)
		in.Host.Further = []host.Project{{Dir: data, Sockets: []string{data + "/s"}}}
		in.Host.Project.Sockets, in.Host.Sockets = []string{p + "/s"}, []string{"/srv/lib/s"}
		for _, nesting := range []bool{false, true} {
			in.Policy.Identity.Nesting = nesting
			j := mustBuild(t, in)
			for _, s := range []string{p + "/s", data + "/s", "/srv/lib/s"} {
				open := nesting && (s == data+"/s" || s == p+"/s" && mode != policy.ProjectRO)
				if slices.Contains(j.Spec.Linux.MaskedPaths, s) == open || slices.ContainsFunc(grantsOf(t, in), func(g Grant) bool { return g.Kind == "socket" && g.What == s }) != open {
					t.Errorf("%s, namespaces: %t: %s is covered: %t", mode, nesting, s, open)
				}
			}
		}
	}
}

func grantsOf(t *testing.T, in Input) []Grant {
	t.Helper()
	grants, err := Explain(in)
	if err != nil {
		t.Fatal(err)
	}
	return grants
}

// TestUnprotectInALayer: nothing is lifted where nothing is protected, and nothing
// says that the host would execute it.
func TestUnprotectInALayer(t *testing.T) {
	const envrc = "/home/ada/src/app/.envrc"
	for _, mode := range []string{policy.ProjectRW, policy.ProjectOverlay, policy.ProjectRO} {
		in := valid()
		in.Policy.Files.Project, in.Policy.Files.Unprotect = mode, []string{envrc}
		in.Host.Project.Layer = "/home/ada/.local/state/jailed-claude/projects/app/layer"
		in.Host.Project.Unprotected = []host.Path{{Path: envrc, Why: "direnv"}}
		said := slices.ContainsFunc(grantsOf(t, in), func(g Grant) bool { return g.Kind == "unprotected" })
		if said != (mode == policy.ProjectRW) {
			t.Errorf("%s: said: %t", mode, said)
		}
	}
}

// TestPasswd: no name makes a second line or field.
func TestPasswd(t *testing.T) {
	for _, r := range []struct{ user, group, home, passwd, groups string }{
		{"ada", "users", "/home/ada", "ada:x:1000:100::/home/ada:/bin/sh", "users:x:100:"},
		{"ada:x:0:0", "g:x:0:ada", "/home/ada", "ada_x_0_0:x:1000:100::/home/ada:/bin/sh", "g_x_0_ada:x:100:"},
		{"ada\nroot::0:0::/:/bin/sh", "g\r\nh", "/home/ada", "ada_root__0_0__/_/bin/sh:x:1000:100::/home/ada:/bin/sh", "g__h:x:100:"},
		{"a\x00b\tc\x7f", "\x1b", "/home/new\nline:x", "a_b_c\x7f:x:1000:100::/home/new_line_x:/bin/sh", "_:x:100:"},
		{"ada é", "grüße", "/home/é", "ada é:x:1000:100::/home/é:/bin/sh", "grüße:x:100:"},
	} {
		in := valid()
		in.Host.User, in.Host.Group, in.Host.Home = r.user, r.group, r.home
		in.Env = Env{}
		// The environment cannot hold NUL; the file is what this test is about.
		b := &builder{Input: in, env: map[string]string{}, spec: mustBuild(t, valid()).Spec}
		if err := b.etc(); err != nil {
			t.Fatal(err)
		}
		j := &contract.Jail{Rootfs: b.rootfs}
		if want := r.passwd + "\nroot:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"; content(t, j, "/etc/passwd") != want {
			t.Errorf("%q: passwd is %q", r.user, content(t, j, "/etc/passwd"))
		}
		if want := r.groups + "\nroot:x:0:\nnogroup:x:65534:\n"; content(t, j, "/etc/group") != want {
			t.Errorf("%q: group is %q", r.group, content(t, j, "/etc/group"))
		}
	}
}

var gitNames = []string{
	"Ada Lovelace", `Ada "Countess" Lovelace`, `back\slash`, `trailing\`, "semi;colon # no comment", "  blanks  ", "tab\there",
	"two\nlines", "[core]\n\thooksPath = /tmp", "\"\n[core]\n\thooksPath = /tmp\n#", "carriage\rreturn", "crlf\r\n", "\b\x01\x1b[31m\x7f", "é ü 名",
	"\\n is not a line", `\"`, "$(id) `id` ${HOME}", "%s%n", "=", "!cmd", "\u2028",
}

// TestGitConfig: git reads back the very name, and nothing else.
func TestGitConfig(t *testing.T) {
	git := requireGit(t)
	file := filepath.Join(t.TempDir(), "gitconfig")
	for _, name := range gitNames {
		in := valid()
		in.Host.GitName, in.Host.GitEmail = name, "<"+name+">"
		if err := os.WriteFile(file, []byte(content(t, mustBuild(t, in), "/etc/gitconfig")), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := git("config", "-f", file, "-z", "--list"); got != "user.name\n"+name+"\x00user.email\n<"+name+">\x00" {
			t.Errorf("%q: git reads %q", name, got)
		}
	}
}

// TestGitConfigNUL: git cannot hold it; what comes behind must not be lost or
// become another line.
func TestGitConfigNUL(t *testing.T) {
	run := requireGit(t)
	file := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(file, []byte(gitconfig.Text([]git.Setting{{Key: "user.name", Value: "a\x00b"}, {Key: "user.email", Value: "c\x00\n[core]"}})), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run("config", "-f", file, "-z", "--list"); got != "user.name\nab\x00user.email\nc\n[core]\x00" {
		t.Errorf("git reads %q", got)
	}
}

func TestGitConfigParts(t *testing.T) {
	for _, r := range []struct{ name, email, want string }{
		{"Ada", "", "[user]\n\tname = \"Ada\"\n"},
		{"", "a@b", "[user]\n\temail = \"a@b\"\n"},
	} {
		in := valid()
		in.Host.GitName, in.Host.GitEmail = r.name, r.email
		if got := content(t, mustBuild(t, in), "/etc/gitconfig"); got != r.want {
			t.Errorf("got %q, want %q", got, r.want)
		}
	}
}

// TestGitSettings: git reads what the user's git was set to, whatever is in it.
func TestGitSettings(t *testing.T) {
	run := requireGit(t)
	file := filepath.Join(t.TempDir(), "gitconfig")
	in := valid()
	in.Host.GitName, in.Host.GitEmail = "Ada", ""
	want := "user.name\nAda\x00"
	for _, value := range append([]string{"true", "log --graph --pretty='%h \\n %s'", "\b\t x # ; \"", "é"}, gitNames...) {
		for _, key := range []string{"pull.rebase", "alias.l", "color.diff.meta", `color.a "\].b`} {
			in.Host.GitSettings = append(in.Host.GitSettings, git.Setting{Key: key, Value: value})
			want += key + "\n" + value + "\x00"
		}
	}
	in.Host.GitSafe = []string{"/home/ada/src/x y"}
	in.Host.GitIgnore, in.Host.GitAttributes = "*.swp\n", "*.png binary\n"
	want += "safe.directory\n/home/ada/src/x y\x00core.excludesfile\n/etc/gitignore\x00core.attributesfile\n/etc/gitattributes\x00"
	j := mustBuild(t, in)
	if err := os.WriteFile(file, []byte(content(t, j, "/etc/gitconfig")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run("config", "-f", file, "-z", "--list"); got != want {
		t.Errorf("git reads %q, not %q", got, want)
	}
	if content(t, j, "/etc/gitignore") != "*.swp\n" || content(t, j, "/etc/gitattributes") != "*.png binary\n" {
		t.Error("the files that git reads are others")
	}
}

// TestUnsigned: what the user's git signs is made unsigned in a jail, and not
// refused, whatever the repository says.
func TestUnsigned(t *testing.T) {
	in := valid()
	if slices.ContainsFunc(mustBuild(t, in).Spec.Process.Env, func(e string) bool { return strings.HasPrefix(e, "GIT_CONFIG_") }) {
		t.Error("git is overruled without need")
	}
	in.Host.GitSigns, in.Host.GitSignsTags = true, true
	env := mustBuild(t, in).Spec.Process.Env
	for _, want := range []string{
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=commit.gpgsign", "GIT_CONFIG_VALUE_0=false", "GIT_CONFIG_KEY_1=tag.gpgsign", "GIT_CONFIG_VALUE_1=false",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %q", want, env)
		}
	}
}

// requireGit returns a function that runs git and gives its output.
func requireGit(t *testing.T) func(args ...string) string {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") != "" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
	return func(args ...string) string {
		t.Helper()
		c := exec.Command(path, args...)
		c.Env = []string{"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("git %q: %v: %s", args, err, out)
		}
		return string(out)
	}
}

// TestEnvironment: what crosses is on the list, and nothing can take the place
// of what the jail makes itself.
func TestEnvironment(t *testing.T) {
	in := valid()
	crosses := []string{"TERM", "LANG", "LC_ALL", "LC_", "TZ", "NO_COLOR", "EDITOR", "COLORTERM"}
	stays := []string{
		"LC", "LCX", "term", "TERMINFO", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS",
		"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "TMUX", "AWS_SECRET_ACCESS_KEY", "ANTHROPIC_API_KEY", "NODE_OPTIONS", "GIT_DIR", "NIX_PATH",
		"_LIBCONTAINER_INITPIPE", "NOTIFY_SOCKET", "LISTEN_FDS", "http_proxy", "CLAUDE_CODE_OAUTH_TOKEN", "HISTFILE",
	}
	in.Env.Vars = map[string]string{}
	in.Policy.Agent.Key = policy.KeyNone
	for _, n := range slices.Concat(crosses, stays) {
		in.Env.Vars[n] = "of the host"
	}
	made := map[string]string{
		"HOME": "/home/ada", "USER": "ada", "LOGNAME": "ada", "TMPDIR": "/tmp", "XDG_RUNTIME_DIR": "/run/user/1000",
		"SHELL": storeBash + "/bin/bash", "PATH": storeClaude + "/bin:" + storeBash + "/bin:" + storeUtils + "/bin:/etc/jailed-claude/bin:/home/ada/.local/bin:/home/ada/.cache/npm-global/bin:/home/ada/.cargo/bin:/home/ada/go/bin", "CLAUDE_CONFIG_DIR": "/home/ada/.claude",
		"SSL_CERT_FILE": contract.CertsPath, "NIX_SSL_CERT_FILE": contract.CertsPath,
	}
	for n := range made {
		in.Env.Vars[n] = "of the host"
		in.Policy.Env.Pass = append(in.Policy.Env.Pass, n)
	}
	have := map[string]string{}
	for _, e := range mustBuild(t, in).Spec.Process.Env {
		name, value, _ := strings.Cut(e, "=")
		if _, twice := have[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		have[name] = value
	}
	for _, n := range crosses {
		if have[n] != "of the host" {
			t.Errorf("%s does not cross", n)
		}
	}
	for _, n := range stays {
		if _, ok := have[n]; ok {
			t.Errorf("%s crosses", n)
		}
	}
	for n, want := range made {
		if have[n] != want {
			t.Errorf("%s is %q, not %q", n, have[n], want)
		}
	}
}

// TestLinksAreNotMounted: a link of the closure is made, not followed.
func TestLinksAreNotMounted(t *testing.T) {
	in := valid()
	in.Closure.Toolchain = closure.Host
	in.Closure.Links["/bin"] = "/usr/bin"
	j := mustBuild(t, in)
	for _, f := range j.Rootfs {
		if _, ok := in.Closure.Links[f.Path]; ok && len(mountsOn(j, f.Path)) > 0 {
			t.Errorf("%s is a symlink and a mount", f.Path)
		}
	}
	for l := range in.Closure.Links {
		if !slices.ContainsFunc(j.Rootfs, func(f contract.File) bool {
			return f.Path == l && f.Mode == linkMode && f.Target == in.Closure.Links[l]
		}) {
			t.Errorf("%s is missing", l)
		}
	}
}
