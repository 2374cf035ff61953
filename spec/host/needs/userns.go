package needs

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// namespaces are what a jail makes in its user namespace.
var namespaces = []struct {
	name string
	flag uintptr
}{
	{"mount", unix.CLONE_NEWNS},
	{"pid", unix.CLONE_NEWPID},
	{"network", unix.CLONE_NEWNET},
	{"ipc", unix.CLONE_NEWIPC},
	{"uts", unix.CLONE_NEWUTS},
	{"cgroup", unix.CLONE_NEWCGROUP},
}

// userNamespaces tries them, and only where that fails looks for the setting
// to blame.
func (p *probe) userNamespaces() Need {
	n := Need{Name: "user-namespaces", Required: true}
	var all uintptr
	for _, ns := range namespaces {
		all |= ns.flag
	}
	err := p.try(all)
	if err == nil {
		n.OK, n.Detail = true, "can be made, and mount, pid, network, ipc, uts and cgroup namespaces in them"
		return n
	}
	n.Detail, n.Fix = p.blame(err)
	return n
}

func sysctl(name, value string) []string {
	return []string{
		fmt.Sprintf("echo '%s = %s' | sudo tee /etc/sysctl.d/99-jailed-claude.conf", name, value),
		"sudo sysctl --system",
	}
}

const inJail = "this is inside a jail of jailed-claude already, in which no other one starts: run the program itself"

// InJail says what is wrong where a jail is started in another one, for the system
// calls that a jail lacks; empty for other errors.
func InJail(err error) string {
	if errors.Is(err, unix.ENOSYS) && source.Exists(contract.InitPath) {
		return inJail
	}
	return ""
}

// blame finds what keeps the caller from user namespaces.
func (p *probe) blame(err error) (detail string, fix []string) {
	switch {
	case source.Exists(p.Root + contract.InitPath):
		return inJail, nil
	case !source.Exists(p.Root + "/proc/self/ns/user"):
		return "the kernel has no user namespaces (CONFIG_USER_NS), or /proc is not mounted", nil
	case p.proc("/proc/sys/user/max_user_namespaces") == "0":
		return "switched off: user.max_user_namespaces is 0", sysctl("user.max_user_namespaces", "15000")
	case p.UID != 0 && p.proc("/proc/sys/kernel/unprivileged_userns_clone") == "0":
		return "switched off for users: kernel.unprivileged_userns_clone is 0", sysctl("kernel.unprivileged_userns_clone", "1")
	case p.UID != 0 && p.proc("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "restricted by AppArmor (kernel.apparmor_restrict_unprivileged_userns is 1): this program needs a profile that allows them",
			appArmor(p.executable)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Sprintf("the limit of nested or simultaneous namespaces is reached (%v); see /proc/sys/user/max_*_namespaces", err), nil
	case p.contained() != "":
		return fmt.Sprintf("refused (%v) by the container or sandbox around this process (%s): it has to allow user namespaces, as %s does",
			err, p.contained(), "--security-opt seccomp=unconfined --security-opt systempaths=unconfined of docker and podman"), nil
	}
	// Which one it is, is all that can be said.
	for _, ns := range namespaces {
		if one := p.try(ns.flag); one != nil {
			return fmt.Sprintf("a %s namespace in a user namespace of one's own: %v", ns.name, one), nil
		}
	}
	return fmt.Sprintf("refused: %v", err), nil
}

// contained says by what sign this process is in a container; empty if none.
func (p *probe) contained() string {
	for _, file := range []string{"/.dockerenv", "/run/.containerenv"} {
		if source.Exists(p.Root + file) {
			return file
		}
	}
	if mode, _ := p.status("Seccomp"); mode == "2" {
		return "a seccomp filter is in force"
	}
	return ""
}

// appArmor prints the profile in the form that Ubuntu's own ones have.
func appArmor(executable string) []string {
	attach := attachment(executable)
	if attach == "" {
		return nil
	}
	return []string{
		"sudo tee /etc/apparmor.d/jailed-claude >/dev/null <<'EOF'\n" +
			"abi <abi/4.0>,\n" +
			"include <tunables/global>\n\n" +
			"profile jailed-claude " + attach + " flags=(unconfined) {\n" +
			"  userns,\n\n" +
			"  include if exists <local/jailed-claude>\n" +
			"}\nEOF",
		"sudo apparmor_parser -r /etc/apparmor.d/jailed-claude",
	}
}

// attachment writes a path for apparmor.d(5). In a Nix store it leaves the hash
// and the version open, so that the profile outlives an update.
func attachment(file string) string {
	if file == "" || strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	const store = "/nix/store/"
	prefix := ""
	if rest, ok := strings.CutPrefix(file, store); ok {
		if pkg, inner, ok := strings.Cut(rest, "/"); ok {
			prefix, file = store+"*-"+packageName(pkg)+"*/", inner
		}
	}
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`, "^", `\^`, "@", `\@`).Replace(file)
	return `"` + prefix + path.Clean(escaped) + `"`
}

// packageName takes "hash-name-1.2" apart: what is before the first part that
// begins with a digit.
func packageName(storeName string) string {
	_, name, _ := strings.Cut(storeName, "-")
	for i := 0; i+1 < len(name); i++ {
		if name[i] == '-' && name[i+1] >= '0' && name[i+1] <= '9' {
			return name[:i]
		}
	}
	return name
}
