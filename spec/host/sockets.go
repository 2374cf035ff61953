package host

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/survey"
)

// doors are sockets that give more away than themselves, by the name or by the
// end of the path.
var doors = []struct {
	names []string
	what  string
}{
	{
		[]string{"docker.sock", "podman.sock", "containerd.sock", "buildkitd.sock", "crio.sock", "lxd/unix.socket", "incus/unix.socket", "libvirt-sock", "nerdctl.sock"},
		"starts containers or machines with any folder of this host: with it the agent can read and change every file, and the jail holds nothing",
	},
	{
		[]string{"ssh-agent", "ssh-agent.socket", "openssh_agent", "keyring/ssh", "S.gpg-agent", "S.gpg-agent.ssh", "S.gpg-agent.extra", "agent.sock", "1password.sock"},
		"signs with your keys: with it the agent can log in wherever you can, and push in your name",
	},
	{
		[]string{"bus", "system_bus_socket", "systemd/private", "systemd/notify"},
		"starts programs outside of the jail: with it the agent can run anything as you",
	},
	{
		[]string{"wayland-0", "wayland-1", ".X11-unix/X0", ".X11-unix/X1"},
		"shows your screen and types for you: with it the agent can run anything as you",
	},
	{[]string{"nix/daemon-socket/socket"}, "is Nix's daemon: write nix.daemon = \"auto\" in the policy instead, which says what that opens"},
}

// socketGrant is a sentence about a grant of a socket, "" for anything else.
func (s reader) socketGrant(grant string) string {
	fi, err := os.Lstat(grant)
	if err != nil || fi.Mode()&os.ModeSocket == 0 {
		return ""
	}
	what := "is a socket: the agent can ask whatever listens there, with any network mode"
	for _, d := range doors {
		if slices.ContainsFunc(d.names, func(n string) bool { return strings.HasSuffix(grant, "/"+n) }) {
			what = d.what
		}
	}
	dir, name := path.Split(grant)
	if grant == s.Env["SSH_AUTH_SOCK"] || strings.HasPrefix(name, "agent.") && strings.HasPrefix(path.Base(dir), "ssh-") {
		what = doors[1].what
	}
	return fmt.Sprintf("the granted %q %s", grant, what)
}

// sockets finds the sockets and FIFOs in the folders that a jail may only read;
// the survey has those in the others.
func (s reader) sockets(f *Facts, o Options) {
	for _, g := range o.Grants {
		if p := written(g, f); f.Present[p].Dir && f.Present[p].Real == p && !slices.Contains(o.Write, g) {
			f.Sockets = append(f.Sockets, survey.Sockets(p, granted(f))...)
		}
	}
}

// granted are the files that the policy names.
func granted(f *Facts) map[string]bool {
	files := map[string]bool{}
	for p, k := range f.Present {
		if !k.Dir && k.Real == p {
			files[p] = true
		}
	}
	return files
}
