package network

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SSH is what a jail may have signed by the ssh agent of the host.
type SSH struct {
	// Keys are the fingerprints ("SHA256:…") of the only keys that sign.
	Keys []string `json:"keys"`
	// Hosts are the servers that the jail may log in to with them.
	Hosts []SSHHost `json:"hosts,omitempty"`
	// Sign are the namespaces of signatures that are for no server: SignGit.
	Sign []string `json:"sign,omitempty"`
}

// SSHHost is a server, by the keys that prove who it is.
type SSHHost struct {
	// Name is as in known_hosts: "github.com", "[git.example.com]:2222".
	Name string `json:"name"`
	// User is the only one that the jail may log in as; empty for any.
	User string `json:"user,omitempty"`
	// Keys are the host's public keys, "TYPE BASE64".
	Keys []string `json:"keys"`
}

// SignGit in SSH.Sign stands for git's commits and tags.
const SignGit = "git"

// String is the host as a policy names it.
func (h SSHHost) String() string {
	name := h.Name
	if bare, ok := strings.CutPrefix(name, "["); ok {
		name = strings.Replace(bare, "]", "", 1)
	}
	if h.User != "" {
		name = h.User + "@" + name
	}
	return name
}

// Address is where the host is.
func (h SSHHost) Address() (name string, port uint16) {
	bare, ok := strings.CutPrefix(h.Name, "[")
	if !ok {
		return h.Name, sshPort
	}
	name, text, _ := strings.Cut(bare, "]:")
	port, _ = parsePort(text) // it was made of one
	return name, port
}

// ParseSSHHost reads an element of "ssh.hosts": "github.com",
// "git@github.com", "git.example.com:2222". The result has no keys.
func ParseSSHHost(s string) (SSHHost, error) {
	user, rest, with := strings.Cut(s, "@")
	if !with {
		user, rest = "", s
	}
	host, port, hasPort := cutPort(rest)
	name, ok := Normal(host)
	switch {
	case with && (user == "" || strings.ContainsFunc(user, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })):
		return SSHHost{}, ruleError(s, `has no user before the @: write "git@github.com"`)
	case !ok || strings.HasSuffix(host, "."):
		return SSHHost{}, ruleError(s, `is not a host: write "github.com", "git@github.com" or "git.example.com:2222"`)
	}
	if hasPort {
		n, err := parsePort(port)
		if err != nil || n == 0 {
			return SSHHost{}, ruleError(s, "has the port %q: write a number from 1 to 65535", port)
		}
		if n != sshPort {
			name = fmt.Sprintf("[%s]:%d", name, n)
		}
	}
	return SSHHost{Name: name, User: user}, nil
}

// sshPort is the usual one.
const sshPort = 22

// fingerprintLength is that of "SHA256:" and 32 bytes in base64 without padding.
const fingerprintLength = len("SHA256:") + 43

// IsFingerprint reports whether s is one as ssh-keygen -l prints it.
func IsFingerprint(s string) bool {
	rest, ok := strings.CutPrefix(s, "SHA256:")
	return ok && len(s) == fingerprintLength &&
		strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

// check reports what is wrong. Whether keys are keys is for whoever reads them.
func (s *SSH) check() error {
	if s == nil {
		return nil
	}
	if len(s.Keys) == 0 || len(s.Hosts)+len(s.Sign) == 0 {
		return errors.New("ssh: there is no key, or nothing that one would sign for")
	}
	names := map[string]bool{}
	for _, h := range s.Hosts {
		if names[h.String()] || h.Name == "" {
			return fmt.Errorf("ssh: the host %q is there twice, or has no name", h)
		}
		names[h.String()] = true
		if len(h.Keys) == 0 || slices.Contains(h.Keys, "") {
			return fmt.Errorf("ssh: the host %q has no key", h)
		}
	}
	for _, n := range s.Sign {
		if n != SignGit {
			return fmt.Errorf("ssh: sign %q is not known: write %q", n, SignGit)
		}
	}
	return nil
}
