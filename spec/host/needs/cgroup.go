package needs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// wanted are the controllers behind the policy's limits.
var wanted = []string{"memory", "pids", "cpu"}

// cgroups says which limits can hold: those whose controllers are delegated to
// the caller, in a cgroup of version 2.
func (p *probe) cgroups() Need {
	n := Need{Name: "cgroups"}
	const mount = "/sys/fs/cgroup"
	if !source.Exists(p.Root + mount + "/cgroup.controllers") {
		switch {
		case source.Exists(p.Root + mount + "/unified"):
			n.Detail = "hybrid: version 1 holds the controllers, so that memory, pids and cpu limits cannot be set by a user"
		case source.IsDir(p.Root + mount):
			n.Detail = "version 1: memory, pids and cpu limits cannot be set by a user"
		default:
			n.Detail = "not mounted: no memory, pids and cpu limits"
			return n
		}
		n.Fix = p.unify()
		return n
	}
	where, usable := p.delegated(mount)
	var missing []string
	for _, c := range wanted {
		if !slices.Contains(usable, c) {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		n.OK, n.Detail = true, fmt.Sprintf("version 2; memory, pids and cpu can be limited below %q", where)
		return n
	}
	n.Detail = fmt.Sprintf("version 2, but these are not delegated to you: %s; their limits cannot hold", strings.Join(missing, ", "))
	if source.IsDir(p.Root + "/run/systemd/system") {
		n.Fix = []string{
			"sudo mkdir -p /etc/systemd/system/user@.service.d",
			`printf '[Service]\nDelegate=cpu cpuset io memory pids\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf`,
			"sudo systemctl daemon-reload # then log out and in again",
		}
	} else if where == "" {
		n.Detail += "; no cgroup around this process is writable for you, and there is no systemd to ask"
	}
	return n
}

// unify are the commands that start a systemd host with version 2 alone.
func (p *probe) unify() []string {
	const arg = "systemd.unified_cgroup_hierarchy=1"
	if !source.IsDir(p.Root + "/run/systemd/system") {
		return nil
	}
	if _, err := p.Look("grubby"); err == nil {
		return []string{"sudo grubby --update-kernel=ALL --args=" + arg, "sudo reboot"}
	}
	if _, err := p.Look("update-grub"); err == nil || source.Exists(p.Root+"/etc/default/grub") {
		return []string{`sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&` + arg + ` /' /etc/default/grub`, "sudo update-grub", "sudo reboot"}
	}
	return nil
}

// delegated returns the outermost cgroup around this process that the caller
// may divide, or that of the caller's systemd, and its controllers.
func (p *probe) delegated(mount string) (where string, controllers []string) {
	own := "/"
	for line := range strings.Lines(p.proc("/proc/self/cgroup")) {
		if path, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "0::"); ok {
			own = filepath.Clean("/" + path)
		}
	}
	for dir := own; ; dir = filepath.Dir(dir) {
		path := filepath.Join(mount, dir)
		if p.divisible(path) {
			where = path
		} else if where != "" {
			break
		}
		if dir == "/" {
			break
		}
	}
	if where == "" {
		// A login on a console or by ssh is outside of it, but it makes scopes
		// on request.
		if path := filepath.Join(mount, fmt.Sprintf("user.slice/user-%d.slice/user@%d.service", p.UID, p.UID)); p.divisible(path) {
			where = path
		}
	}
	if where == "" {
		return "", nil
	}
	return where, strings.Fields(p.proc(where + "/cgroup.controllers"))
}

// divisible: the caller can make a cgroup there, move processes and enable
// controllers. What is delegated to a user, the user owns.
func (p *probe) divisible(path string) bool {
	fi, err := os.Stat(p.Root + path)
	if err != nil || p.UID != 0 && source.Owner(fi) != p.UID {
		return false
	}
	for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
		if unix.Faccessat(unix.AT_FDCWD, filepath.Join(p.Root, path, file), unix.W_OK, unix.AT_EACCESS) != nil {
			return false
		}
	}
	return true
}
