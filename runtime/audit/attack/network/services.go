package network

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Services are sockets of programs that act for the caller, by what they are.
// {run} is XDG_RUNTIME_DIR, {home} the home, {uid} the caller's id; a trailing
// part may be a pattern. A variable of the caller's names one more.
var Services = []struct {
	Name, source, Variable string
	Paths                  []string
}{
	{"session-bus", "landrun issue 43; dbus-daemon(1)", "DBUS_SESSION_BUS_ADDRESS", []string{"{run}/bus"}},
	{"system-bus", "dbus-daemon(1)", "DBUS_SYSTEM_BUS_ADDRESS", []string{"/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket"}},
	{"accessibility-bus", "at-spi2", "AT_SPI_BUS_ADDRESS", []string{"{run}/at-spi/bus*"}},
	{"systemd-user", "systemd(1): starts anything as the caller", "", []string{"{run}/systemd/private", "{run}/systemd/notify", "{run}/systemd/io.systemd.*"}},
	{"systemd-system", "systemd(1)", "NOTIFY_SOCKET", []string{"/run/systemd/private", "/run/systemd/notify", "/run/systemd/io.system.*"}},
	{"journal", "systemd-journald(8)", "", []string{"/run/systemd/journal/socket", "/run/systemd/journal/stdout", "/dev/log"}},
	{"user-database", "systemd-userdbd(8)", "", []string{"/run/systemd/userdb/*"}},
	{"resolver", "systemd-resolved(8): names, past every rule", "", []string{"/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/var/run/nscd/socket", "/run/avahi-daemon/socket"}},
	{"docker", "docker(1): root on the host", "DOCKER_HOST", []string{"/var/run/docker.sock", "/run/docker.sock", "{run}/docker.sock", "{home}/.docker/run/docker.sock", "{home}/.docker/desktop/docker.sock"}},
	{"podman", "podman-system-service(1)", "CONTAINER_HOST", []string{"/run/podman/podman.sock", "{run}/podman/podman.sock"}},
	{"containerd", "CVE-2020-15257", "CONTAINERD_ADDRESS", []string{"/run/containerd/containerd.sock", "/run/containerd/s/*", "{run}/containerd/containerd.sock"}},
	{"kubernetes", "CRI, kubelet", "", []string{"/run/crio/crio.sock", "/var/run/crio/crio.sock", "/run/cri-dockerd.sock", "/var/lib/kubelet/*.sock"}},
	{"buildkit", "buildkitd", "BUILDKIT_HOST", []string{"/run/buildkit/buildkitd.sock", "{run}/buildkit/buildkitd.sock"}},
	{"lxd", "CVE-2015-1335's neighbours: root on the host", "LXD_SOCKET", []string{"/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/var/lib/incus/unix.socket"}},
	{"libvirt", "libvirtd(8)", "", []string{"/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock", "{run}/libvirt/*-sock"}},
	{"snapd", "CVE-2019-7304", "", []string{"/run/snapd.socket", "/run/snapd-snap.socket"}},
	{"x11", "X(7): types and reads in every window", "", []string{"/tmp/.X11-unix/X*"}},
	{"wayland", "wayland", "WAYLAND_DISPLAY", []string{"{run}/wayland-[0-9]*"}},
	{"x11-authority", "Xsecurity(7)", "XAUTHORITY", []string{"{home}/.Xauthority", "{run}/gdm/Xauthority", "{run}/.mutter-Xwaylandauth.*", "{run}/xauth_*"}},
	{"ice", "session management", "SESSION_MANAGER", []string{"/tmp/.ICE-unix/*"}},
	{"pulseaudio", "pulseaudio(1): the microphone", "PULSE_SERVER", []string{"{run}/pulse/native"}},
	{"pipewire", "pipewire(1): microphone and screen", "", []string{"{run}/pipewire-[0-9]*"}},
	{"ssh-agent", "docker/sbx-releases issue 121; ssh-agent(1)", "SSH_AUTH_SOCK", []string{"/tmp/ssh-*/agent.*", "{run}/ssh-agent*", "{run}/openssh_agent", "{home}/.ssh/agent/*"}},
	{"gpg-agent", "gpg-agent(1)", "", []string{"{run}/gnupg/S.*", "{home}/.gnupg/S.*"}},
	{"keyring", "gnome-keyring-daemon(1)", "GNOME_KEYRING_CONTROL", []string{"{run}/keyring/*", "{run}/kwallet5.socket"}},
	{"password-managers", "agents of 1Password, Bitwarden, KeePassXC", "", []string{"{home}/.1password/agent.sock", "{home}/.bitwarden-ssh-agent.sock", "{run}/org.keepassxc.KeePassXC.BrowserServer", "{run}/app/org.keepassxc.KeePassXC/*"}},
	{"smart-card", "pcscd(8)", "", []string{"/run/pcscd/pcscd.comm", "/var/run/pcscd/pcscd.comm"}},
	{"vscode", "cplt issue 255: code --remote", "VSCODE_IPC_HOOK_CLI", []string{"{run}/vscode-*.sock", "/tmp/vscode-*.sock", "/tmp/vscode-*/*.sock"}},
	{"jetbrains", "remote control of the editor", "", []string{"{run}/jb.*", "{home}/.cache/JetBrains/*/.port"}},
	{"neovim", "nvim --server", "NVIM", []string{"{run}/nvim.*", "/tmp/nvim.*/*/nvim.*"}},
	{"emacs", "emacsclient(1)", "", []string{"{run}/emacs/server", "/tmp/emacs{uid}/server"}},
	{"tmux", "tmux(1): send-keys", "TMUX", []string{"/tmp/tmux-{uid}/*"}},
	{"screen", "screen(1)", "", []string{"/run/screen/S-*/*", "{home}/.screen/*"}},
	{"terminals", "remote control of kitty, wezterm, Zellij", "KITTY_LISTEN_ON", []string{"/tmp/kitty-*", "{run}/wezterm/*", "/tmp/zellij-{uid}/*/*", "{run}/zellij/*/*"}},
	{"nix-daemon", "agent-sandbox.nix issues 95 and 163: root, where it trusts the caller", "", []string{"/nix/var/nix/daemon-socket/socket"}},
	{"other-agents", "sessions of Claude Code outside", "", []string{"{run}/cc-socks/*", "/tmp/cc-socks/*"}},
	{"mail", "sendmail(8), lpd", "", []string{"/run/cups/cups.sock", "/var/spool/postfix/public/*"}},
	{"databases", "trust by peer credentials", "", []string{"/run/postgresql/.s.PGSQL.*", "/var/run/postgresql/.s.PGSQL.*", "/tmp/.s.PGSQL.*", "/run/mysqld/mysqld.sock", "/run/redis/*.sock"}},
	{"tailscale", "tailscaled", "", []string{"/run/tailscale/tailscaled.sock", "/var/run/tailscale/tailscaled.sock"}},
	{"acpi", "acpid(8)", "", []string{"/run/acpid.socket"}},
}

// ServiceAttacks connect to what acts for the caller.
func ServiceAttacks() []attack.Attack {
	var all []attack.Attack
	for _, s := range Services {
		all = append(all, attack.Attack{
			Name: "service-" + s.Name, Class: "services", Promise: attack.PromiseServices, Source: s.source, Success: "a socket of the kind takes a connection, or its file is there",
			Run: func(e *attack.Env) attack.Result {
				if s.Name == "nix-daemon" && e.Facts.NixDaemon {
					return attack.Inapplicable("the policy lets the agent use the daemon")
				}
				if len(e.Services[s.Name]) == 0 {
					return attack.Inapplicable("the host has none")
				}
				var rs []attack.Result
				for _, p := range e.Services[s.Name] {
					rs = append(rs, service(e, p))
				}
				return attack.FirstThrough(rs...)
			},
		})
	}
	all = append(all, attack.Attack{Name: "service-bait", Class: "services", Promise: attack.PromiseServices, Source: "unix(7)", Success: "a socket of the caller's answers", Run: func(e *attack.Env) attack.Result {
		return visits(e, "unix", e.Sockets["file"])
	}}, attack.Attack{Name: "service-bait-by-proc-root", Class: "services", Promise: attack.PromiseServices, Source: "unix(7), proc(5)", Success: "a socket of the caller's answers", Run: func(e *attack.Env) attack.Result {
		if e.Sockets["file"] == "" {
			return attack.Inapplicable("%s", attack.NoPlace)
		}
		// The address of a socket has 108 bytes (unix(7)): by a descriptor of the
		// folder it fits.
		dir, err := unix.Open("/proc/self/root"+filepath.Dir(e.Sockets["file"]), unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(dir)
		return visits(e, "unix", "/proc/self/fd/"+strconv.Itoa(dir)+"/"+filepath.Base(e.Sockets["file"]))
	}})
	return all
}

// service: a socket of the host takes a connection, or a file of it is the
// host's.
func service(e *attack.Env, p string) attack.Result {
	c, err := net.DialTimeout("unix", p, time.Second)
	if err == nil {
		_ = c.Close()
		return attack.Through("%s takes connections", p)
	}
	fi, serr := os.Stat(p)
	if serr == nil && fi.Mode().IsRegular() {
		return e.There([]string{p})
	}
	return attack.HeldBy("%s", attack.Plain(err))
}
