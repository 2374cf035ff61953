package host

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/spec/host/sshfiles"
)

// ssh reads public keys, of the user and of hosts. Nothing is read that nobody
// asked for.
func (s reader) ssh(f *Facts, o Options) {
	if len(o.SSHKeys)+len(o.SSHHosts) == 0 {
		return
	}
	f.SSH = SSH{Keys: map[string]string{}, Hosts: map[string][]string{}}
	for _, k := range o.SSHKeys {
		if fingerprint, err := sshfiles.Fingerprint(written(k, f)); err == nil {
			f.SSH.Keys[k] = fingerprint
		}
	}
	known := []string{
		filepath.Join(f.Home, ".ssh/known_hosts"), filepath.Join(f.Home, ".ssh/known_hosts2"),
		s.Root + "/etc/ssh/ssh_known_hosts", s.Root + "/etc/ssh/ssh_known_hosts2",
	}
	for _, name := range o.SSHHosts {
		if keys := sshfiles.HostKeys(name, known...); len(keys) > 0 {
			f.SSH.Hosts[name] = keys
		}
	}
	// A symlink is what terminal multiplexers keep up to date; it is resolved
	// once, and no jail changes where it leads.
	if agent := s.Env["SSH_AUTH_SOCK"]; filepath.IsAbs(agent) {
		if real, err := filepath.EvalSymlinks(agent); err == nil {
			if fi, err := os.Stat(real); err == nil && fi.Mode().Type() == fs.ModeSocket {
				f.SSH.Agent = real
			}
		}
	}
}
