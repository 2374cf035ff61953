package host

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// nixSocket is where the daemon listens unless told otherwise.
	nixSocket = "/nix/var/nix/daemon-socket/socket"
	// nixConnect and nixAsk bound the questions to the daemon.
	nixConnect = 300 * time.Millisecond
	nixAsk     = 3 * time.Second
)

// nixDaemon fills what f says of the Nix daemon; with settings, also what a jail
// has to know of the host's nix.conf.
func (s *source) nixDaemon(ctx context.Context, f *Facts, settings bool) {
	f.NixDaemon = s.answering(ctx, s.nixSocketPath())
	if f.NixDaemon == "" {
		return
	}
	f.NixVersion, f.NixTrusted = s.nixTrust(ctx, f)
	if f.NixTrusted {
		if door := s.answering(ctx, s.nixDoor()); door != "" {
			if _, trusted, known := s.nixSays(ctx, door); known && !trusted {
				f.NixDaemon, f.NixTrusted = door, false
			}
		}
	}
	if settings {
		s.nixCaches(ctx, f)
	}
}

// nixDoor is where a caller whom the daemon trusts can have a daemon of his own
// that passes on what he asks, and trusts nobody:
// "nix daemon --force-untrusted", since Nix 2.15.
func (s *source) nixDoor() string {
	if dir := s.env["XDG_RUNTIME_DIR"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "nix-untrusted.socket")
	}
	return ""
}

// answering is the real path of a socket that somebody listens on; empty if
// nobody does.
func (s *source) answering(ctx context.Context, socket string) string {
	if socket == "" {
		return ""
	}
	real, err := s.real(socket)
	if err != nil {
		return ""
	}
	d := net.Dialer{Timeout: nixConnect}
	conn, err := d.DialContext(ctx, "unix", s.root+real)
	if err != nil {
		return ""
	}
	conn.Close()
	return real
}

// nixSocketPath is the socket that the caller's nix would use; empty if that
// is told to use another kind of store.
func (s *source) nixSocketPath() string {
	remote := s.env["NIX_REMOTE"]
	if path, ok := strings.CutPrefix(remote, "unix://"); ok {
		path, _, _ = strings.Cut(path, "?")
		if path != "" {
			return absolute(path)
		}
	} else if remote != "" && remote != "daemon" && remote != "auto" && remote != "local" {
		return ""
	}
	if path := s.env["NIX_DAEMON_SOCKET_PATH"]; path != "" {
		return absolute(path)
	}
	return nixSocket
}

func absolute(path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	return filepath.Clean(path)
}

// nixTrust says what the daemon's version is, and whether it trusts the
// caller: as it says itself (Nix 2.15 and later), else as the settings say. In
// doubt the answer is yes, since what hangs on it is a warning.
func (s *source) nixTrust(ctx context.Context, f *Facts) (version string, trusted bool) {
	version, answer, known := s.nixSays(ctx, f.NixDaemon)
	if s.uid == 0 || known {
		return version, s.uid == 0 || answer
	}
	var config map[string]struct {
		Value any `json:"value"`
	}
	if s.nixConfig(ctx, &config) == nil {
		if users, ok := config["trusted-users"].Value.([]any); ok {
			var names []string
			for _, u := range users {
				names = append(names, fmt.Sprint(u))
			}
			return version, s.isOneOf(names, f)
		}
	}
	text, err := readText(s.root + "/etc/nix/nix.conf")
	if err != nil {
		return version, true
	}
	return version, s.isOneOf(nixSetting(text, []string{"root"}, "trusted-users"), f)
}

// nixSays asks a daemon for its version and whether it trusts the caller; known
// tells whether it answered that.
func (s *source) nixSays(ctx context.Context, socket string) (version string, trusted, known bool) {
	var info struct {
		Version string `json:"version"`
		// Trusted is a boolean or a number, by version; null is "unknown".
		Trusted any `json:"trusted"`
	}
	if s.nixJSON(ctx, &info, "store", "ping", "--json", "--store", "unix://"+socket) != nil {
		return "", false, false
	}
	switch answer := info.Trusted.(type) {
	case bool:
		trusted, known = answer, true
	case float64:
		trusted, known = answer != 0, true
	}
	return oneLine(info.Version), trusted, known
}

// nixJSON runs nix, without the caller's own settings, and reads its answer.
func (s *source) nixJSON(ctx context.Context, into any, args ...string) error {
	nix, err := s.look("nix")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, nixAsk)
	defer cancel()
	cmd := exec.CommandContext(ctx, nix, append([]string{"--extra-experimental-features", "nix-command"}, args...)...)
	cmd.Env = append(s.clean("HOME", "PATH", "NIX_CONF_DIR", "NIX_REMOTE", "NIX_DAEMON_SOCKET_PATH"), "NIX_USER_CONF_FILES=/dev/null")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// isOneOf matches the caller against user names, "@group" and "*".
func (s *source) isOneOf(names []string, f *Facts) bool {
	groups := s.groupNames(f.User)
	for _, n := range names {
		group, isGroup := strings.CutPrefix(n, "@")
		if n == "*" || n == f.User || isGroup && slices.Contains(groups, group) {
			return true
		}
	}
	return false
}

// groupNames lists the caller's groups: those of this process and those that
// /etc/group counts the user to, which is what the daemon asks.
func (s *source) groupNames(user string) (names []string) {
	for _, g := range s.accounts("/etc/group") {
		if g.id == s.gid || slices.Contains(s.groups, g.id) || slices.Contains(g.members, user) {
			names = append(names, g.name)
		}
	}
	return names
}
