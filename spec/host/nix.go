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

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

const (
	// nixSocket is where the daemon listens unless told otherwise.
	nixSocket = "/nix/var/nix/daemon-socket/socket"
	// nixConnect and nixAsk bound the questions to the daemon.
	nixConnect = 300 * time.Millisecond
	nixAsk     = 3 * time.Second
)

// NixDaemon says what there is of a daemon, without what a jail has to know of
// the host's nix.conf.
func NixDaemon(ctx context.Context, src *source.Source) *Facts {
	s := reader{src}
	f := &Facts{User: s.userName(s.accounts("/etc/passwd"))}
	s.nixDaemon(ctx, f, false)
	return f
}

// nixDaemon fills what f says of the Nix daemon; with settings, also what a jail
// has to know of the host's nix.conf.
func (s reader) nixDaemon(ctx context.Context, f *Facts, settings bool) {
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
func (s reader) nixDoor() string {
	if dir := s.Env["XDG_RUNTIME_DIR"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "nix-untrusted.socket")
	}
	return ""
}

// answering is the real path of a socket that somebody listens on; empty if
// nobody does.
func (s reader) answering(ctx context.Context, socket string) string {
	if socket == "" {
		return ""
	}
	real, err := s.Real(socket)
	if err != nil {
		return ""
	}
	d := net.Dialer{Timeout: nixConnect}
	conn, err := d.DialContext(ctx, "unix", s.Root+real)
	if err != nil {
		return ""
	}
	conn.Close()
	return real
}

// nixSocketPath is the socket that the caller's nix would use; empty if that
// is told to use another kind of store.
func (s reader) nixSocketPath() string {
	remote := s.Env["NIX_REMOTE"]
	if path, ok := strings.CutPrefix(remote, "unix://"); ok {
		path, _, _ = strings.Cut(path, "?")
		if path != "" {
			return absolute(path)
		}
	} else if remote != "" && remote != "daemon" && remote != "auto" && remote != "local" {
		return ""
	}
	if path := s.Env["NIX_DAEMON_SOCKET_PATH"]; path != "" {
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
func (s reader) nixTrust(ctx context.Context, f *Facts) (version string, trusted bool) {
	version, answer, known := s.nixSays(ctx, f.NixDaemon)
	if s.UID == 0 || known {
		return version, s.UID == 0 || answer
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
	text, err := source.ReadText(s.Root + "/etc/nix/nix.conf")
	if err != nil {
		return version, true
	}
	return version, s.isOneOf(nixSetting(text, []string{"root"}, "trusted-users"), f)
}

// nixSays asks a daemon for its version and whether it trusts the caller; known
// tells whether it answered that.
func (s reader) nixSays(ctx context.Context, socket string) (version string, trusted, known bool) {
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
	return source.OneLine(info.Version), trusted, known
}

// nixJSON runs nix, without the caller's own settings, and reads its answer.
func (s reader) nixJSON(ctx context.Context, into any, args ...string) error {
	nix, err := s.Look("nix")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, nixAsk)
	defer cancel()
	cmd := exec.CommandContext(ctx, nix, append([]string{"--extra-experimental-features", "nix-command"}, args...)...)
	cmd.Env = append(s.Clean("HOME", "PATH", "NIX_CONF_DIR", "NIX_REMOTE", "NIX_DAEMON_SOCKET_PATH"), "NIX_USER_CONF_FILES=/dev/null")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// isOneOf matches the caller against user names, "@group" and "*".
func (s reader) isOneOf(names []string, f *Facts) bool {
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
func (s reader) groupNames(user string) (names []string) {
	for _, g := range s.accounts("/etc/group") {
		if g.id == s.GID || slices.Contains(s.Groups, g.id) || slices.Contains(g.members, user) {
			names = append(names, g.name)
		}
	}
	return names
}
