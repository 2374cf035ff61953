package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// FileAttacks look for host files that nobody granted.
func FileAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "files", Promise: attack.PromiseFiles, Source: source, Success: success, Run: run})
	}
	direct := func(p string) string { return p }
	const got = "the secret in the bait is read"
	for _, place := range []struct{ place, name, where string }{
		{"home", "read-home", "the caller's home"},
		{"tmp", "read-tmp", "the host's /tmp"},
		{"vartmp", "read-var-tmp", "the host's /var/tmp"},
		{"run", "read-runtime-dir", "XDG_RUNTIME_DIR"},
		{"beside", "read-other-project", "a folder beside the project"},
		{"config", "read-own-config", "jailed-claude's own configuration"},
	} {
		add(place.name, "a file in "+place.where, got, func(e *attack.Env) attack.Result { return e.Secret(place.place, direct) })
	}
	for _, prefix := range []struct{ name, path string }{
		{"read-by-proc-self-root", "/proc/self/root"},
		{"read-by-proc-1-root", "/proc/1/root"},
		{"read-by-proc-1-cwd", "/proc/1/cwd/../../../../../../../.."},
		{"read-by-thread-self-root", "/proc/thread-self/root/.."},
		{"read-by-cwd", "/proc/self/cwd/../../../../../../../../.."},
	} {
		add(prefix.name, "claude-code issue 86855; proc(5)", got, func(e *attack.Env) attack.Result {
			return e.Secret("beside", func(p string) string { return prefix.path + p })
		})
	}
	add("read-by-dot-dot", "path_resolution(7)", got, func(e *attack.Env) attack.Result {
		return e.Secret("beside", func(p string) string { return e.Facts.Project + strings.Repeat("/..", 20) + p })
	})
	add("read-by-any-proc-root", "claude-code issue 86855; proc(5)", got, readByAnyRoot)
	add("read-by-symlink", "symlink(7)", got, func(e *attack.Env) attack.Result {
		link := e.Scratch("link")
		defer os.Remove(link)
		return e.Secret("beside", func(p string) string {
			_ = os.Symlink(p, link)
			return link
		})
	})
	add("read-by-hard-link", "link(2)", got, readByLink)
	add("read-by-handle", "open_by_handle_at(2), the \"shocker\" exploit of Docker 0.11", got, readByHandle)
	add("read-by-chroot-dot-dot", "chroot(2)", "a chroot with an open folder outside of it leads to the host's root", func(e *attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_CHROOT, attack.CString("/tmp"))))
	})
	add("list-beside-project", "", "the folder beside the project is listed", listBeside)
	add("list-other-homes", "", "a home of somebody else is there", func(e *attack.Env) attack.Result { return seen(e, "homes") })
	add("see-credentials", "docker/sbx-releases issue 121", "~/.ssh, ~/.aws, ~/.netrc or their like are there", func(e *attack.Env) attack.Result { return seen(e, "credentials") })
	add("see-histories", "", "a shell's history or a browser's profile is there", func(e *attack.Env) attack.Result { return seen(e, "histories") })
	add("see-logs", "", "/var/log holds something of the host", func(e *attack.Env) attack.Result { return seen(e, "logs") })
	add("see-host-state", "", "/var/lib, /srv, /opt, /root or /boot hold something of the host", func(e *attack.Env) attack.Result { return seen(e, "state") })
	add("see-host-mail", "", "/var/mail or /var/spool hold something of the host", func(e *attack.Env) attack.Result { return seen(e, "spool") })
	add("read-shadow", "shadow(5)", "/etc/shadow is readable", func(*attack.Env) attack.Result {
		text, err := os.ReadFile("/etc/shadow")
		if err == nil && !strings.Contains(string(text), ":") {
			return attack.HeldBy("it is not the host's")
		}
		return attack.Unless(err, "%d bytes", len(text))
	})
	add("read-accounts", "passwd(5)", "/etc/passwd is the host's, with every account", func(e *attack.Env) attack.Result {
		text, err := os.ReadFile("/etc/passwd")
		if err == nil && (e.Accounts == "" || attack.Digest(text) != e.Accounts) {
			return attack.HeldBy("it is another one")
		}
		return attack.Unless(err, "it is the host's, with %d accounts", strings.Count(string(text), "\n"))
	})
	add("read-kernel-settings", "sysfs(5)", "/sys shows the host's devices", func(*attack.Env) attack.Result {
		entries, err := os.ReadDir("/sys/class")
		if err == nil && len(entries) == 0 {
			return attack.HeldBy("it is empty")
		}
		return attack.Unless(err, "/sys/class has %d entries", len(entries))
	})
	add("mount-table", "proc_pid_mountinfo(5)", "the root of a disk of the host is mounted inside", wholeDisk)
	add("leaked-descriptor", "CVE-2024-21626, CVE-2016-9962", "a descriptor of the caller is open", leakedDescriptors)
	add("leaked-working-folder", "CVE-2024-21626", "the working folder lies outside the root", func(*attack.Env) attack.Result {
		dir, err := unix.Getcwd(make([]byte, unix.PathMax))
		if err != nil {
			return attack.Through("getcwd: %v", err)
		}
		if wd, err := os.Readlink("/proc/self/cwd"); dir == 0 || err != nil || strings.HasPrefix(wd, "(unreachable)") {
			return attack.Through("it is %q", wd)
		}
		return attack.HeldBy("it lies inside")
	})
	add("leaked-environment", "docker/sbx-releases issue 121", "a variable of the caller that nobody passed is set", func(e *attack.Env) attack.Result {
		for _, v := range os.Environ() {
			if e.IsSecret([]byte(v)) {
				name, _, _ := strings.Cut(v, "=")
				return attack.Through("%s crossed", name)
			}
		}
		return attack.HeldBy("it did not cross")
	})
	add("leaked-agent-variables", "", "SSH_AUTH_SOCK, DBUS_SESSION_BUS_ADDRESS or their like are set", func(*attack.Env) attack.Result {
		for _, name := range []string{
			"SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "TMUX", "STY",
			"VSCODE_IPC_HOOK_CLI", "KRB5CCNAME", "DOCKER_HOST", "SUDO_ASKPASS", "LD_PRELOAD", "LISTEN_FDS", "NOTIFY_SOCKET",
		} {
			if os.Getenv(name) != "" {
				return attack.Through("%s is set", name)
			}
		}
		return attack.HeldBy("none is set")
	})
	add("run-host-program", "execve(2)", "a program beside the project is executed", func(e *attack.Env) attack.Result {
		p, ok := e.Secrets["program"]
		if !ok {
			return attack.Inapplicable("%s", attack.NoPlace)
		}
		out, err := output(p)
		if err == nil && !e.IsSecret(out) {
			return attack.HeldBy("another program answered")
		}
		return attack.Unless(err, "it ran")
	})
	add("store-beyond-closure", "guessed names of /nix/store", "a path of the store that the closure has not is there", func(e *attack.Env) attack.Result {
		if len(e.StorePaths) == 0 {
			return attack.Inapplicable("the store is granted, or the host has none")
		}
		return e.There(e.StorePaths)
	})
	add("store-database", "/nix/var/nix", "Nix's database, profiles or roots are there", func(e *attack.Env) attack.Result { return seen(e, "nix") })
	all = append(all, writeAttacks()...)
	return all
}

func output(name string, args ...string) ([]byte, error) {
	c := attack.Command(name, args...)
	c.Stderr = nil
	return c.Output()
}

// seen: one of the private things of a kind is there.
func seen(e *attack.Env, kind string) attack.Result {
	if len(e.Private[kind]) == 0 {
		return attack.Inapplicable("the host has nothing of the kind, or it is granted")
	}
	return e.There(e.Private[kind])
}

// readByAnyRoot goes through every process that it sees.
func readByAnyRoot(e *attack.Env) attack.Result {
	p, ok := e.Secrets["beside"]
	if !ok {
		return attack.Inapplicable("%s", attack.NoPlace)
	}
	for _, pid := range attack.Processes() {
		for _, link := range []string{"root", "cwd/../../../../../../../.."} {
			if r := e.Reads(fmt.Sprintf("/proc/%d/%s%s", pid, link, p)); r.Verdict == attack.GotThrough {
				return r
			}
		}
	}
	return attack.HeldBy("%d processes lead nowhere else", len(attack.Processes()))
}

func readByLink(e *attack.Env) attack.Result {
	p, ok := e.Secrets["beside"]
	if !ok {
		return attack.Inapplicable("%s", attack.NoPlace)
	}
	link := filepath.Join(e.Facts.Project, e.Marked("link"))
	if err := os.Link(p, link); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer os.Remove(link)
	return e.Reads(link)
}

// readByHandle opens a file of the project's file system by number.
func readByHandle(e *attack.Env) attack.Result {
	if len(e.Handle) == 0 {
		return attack.Inapplicable("the file system of the project has no handles, or is another one")
	}
	at, err := unix.Open(e.Facts.Project, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return attack.Failure("%v", err)
	}
	defer unix.Close(at)
	fd, err := unix.OpenByHandleAt(at, unix.NewFileHandle(e.HandleType, e.Handle), unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	f := os.NewFile(uintptr(fd), "handle")
	defer f.Close()
	return e.ReadsFrom(f, "a file handle")
}

func listBeside(e *attack.Env) attack.Result {
	p, ok := e.Secrets["beside"]
	if !ok {
		return attack.Inapplicable("%s", attack.NoPlace)
	}
	entries, err := os.ReadDir(filepath.Dir(filepath.Dir(p)))
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	if slices.ContainsFunc(entries, func(d os.DirEntry) bool { return d.Name() == filepath.Base(filepath.Dir(p)) }) {
		return attack.Through("%d entries, the bait among them", len(entries))
	}
	return attack.HeldBy("%d entries, the bait is not among them", len(entries))
}

// wholeDisk: a mount shows the root of a block device.
func wholeDisk(*attack.Env) attack.Result {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	for l := range strings.Lines(string(text)) {
		f := strings.Fields(l)
		sep := slices.Index(f, "-")
		if sep < 0 || len(f) < sep+3 {
			continue
		}
		if f[3] == "/" && strings.HasPrefix(f[sep+2], "/dev/") {
			return attack.Through("%s shows all of %s", f[4], f[sep+2])
		}
	}
	return attack.HeldBy("no mount shows a whole disk")
}

// leakedDescriptors looks at what the caller left open.
func leakedDescriptors(e *attack.Env) attack.Result {
	for fd := 3; fd < 1024; fd++ {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			continue
		}
		b := make([]byte, 4096)
		if n, err := unix.Pread(fd, b, 0); err == nil && e.IsSecret(b[:n]) {
			return attack.Through("descriptor %d holds the secret", fd)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		if f, err := unix.Openat(fd, "secret", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			n, _ := unix.Read(f, b)
			_ = unix.Close(f)
			if n > 0 && e.IsSecret(b[:n]) {
				return attack.Through("descriptor %d is a folder of the caller's", fd)
			}
		}
	}
	return attack.HeldBy("none crossed")
}
