package hook

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/certificates"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// SetHome sets HOME to the caller's own, unless it is a folder of the caller's
// already. Runtimes start hooks with an empty environment, or with that of
// whoever started them: a daemon of root's that has changed its user.
func SetHome() error {
	var st unix.Stat_t
	if err := unix.Stat(os.Getenv("HOME"), &st); err == nil && int(st.Uid) == os.Getuid() {
		return nil
	}
	u, err := user.Current()
	if err != nil {
		return fmt.Errorf("HOME is not set to a folder of yours: %w", err)
	}
	return os.Setenv("HOME", u.HomeDir)
}

// FromHost are the options of a hook of this host: keys come from where the
// policy says, certificates are those of the bundle, logs go to a store.
func FromHost(logs sessionlog.Store) Options {
	return Options{Keys: keysOf, Roots: rootsOf, Certificates: certificatesOf, Log: func(s *specs.State) (*os.File, error) { return logOf(logs, s) }}
}

// keysOf reads keys. Variables of the caller's do not reach a hook, so an error
// says what does.
func keysOf(brokers []network.Broker, s *specs.State) (map[string]string, error) {
	c, err := bundleOf(s)
	if err != nil {
		return nil, err
	}
	caller := key.Caller{Env: map[string]string{}, Home: os.Getenv("HOME"), Project: c.Process.Cwd, Stderr: os.Stderr}
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(e, "="); ok {
			caller.Env[name] = value
		}
	}
	for _, b := range brokers {
		if b.Signs() {
			return nil, fmt.Errorf("broker %q: requests to AWS are signed by jailed-claude's own runtime alone", b.Name)
		}
		if b.TTL != "" {
			return nil, fmt.Errorf("broker %q: its command is asked again (ttl) by jailed-claude's own runtime alone: take the ttl out of the policy that the bundle is made of, for a key that holds as long as the container runs", b.Name)
		}
		if strings.HasPrefix(b.From, network.FromLogin) {
			return nil, fmt.Errorf("broker %q: a login is used by jailed-claude's own runtime alone", b.Name)
		}
	}
	keys, err := key.All(context.Background(), brokers, caller)
	if err != nil {
		return nil, hint.Add(err, `a runtime starts hooks with an environment of its own: give the broker its key from "file:PATH" or "command:PROGRAM", in the policy that the bundle is made of`)
	}
	return keys, nil
}

// rootsOf reads the certificates that the jail has: the host's, wherever they
// were when the bundle was made. A hook does not know SSL_CERT_FILE.
func rootsOf(s *specs.State) (roots []byte, err error) {
	for _, place := range []string{contract.CertsPath, contract.ExtraCertsPath} {
		pem, err := mountedAt(s, place)
		if err != nil {
			return nil, err
		}
		if pem != nil {
			roots = append(append(roots, pem...), '\n')
		}
	}
	return roots, nil
}

// certificatesOf reads what the jail has at certificates.Places.
func certificatesOf(s *specs.State) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, place := range certificates.Places {
		content, err := mountedAt(s, place)
		if err != nil {
			return nil, err
		}
		if content != nil {
			all[place] = content
		}
	}
	return all, nil
}

// mountedAt reads the file of the host that the container gets at a place; nil
// where it gets none.
func mountedAt(s *specs.State, place string) ([]byte, error) {
	c, err := bundleOf(s)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Mounts {
		if m.Destination == place {
			return os.ReadFile(m.Source)
		}
	}
	return nil, nil
}

// bundleOf is the configuration of a container's bundle. Its program's working
// directory is the project.
func bundleOf(s *specs.State) (*specs.Spec, error) {
	f, err := os.Open(filepath.Join(s.Bundle, bundle.ConfigName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := bundle.Unmarshal(f)
	if err != nil {
		return nil, err
	}
	if c.Process == nil || !filepath.IsAbs(c.Process.Cwd) {
		return nil, fmt.Errorf("bundle %q: there is no process.cwd", s.Bundle)
	}
	return c, nil
}

// logOf begins the session's log of a container. Its ID can come again, so the
// log's is longer.
func logOf(logs sessionlog.Store, s *specs.State) (*os.File, error) {
	more := make([]byte, 4)
	if _, err := rand.Read(more); err != nil {
		return nil, fmt.Errorf("make an ID: %w", err)
	}
	c, err := bundleOf(s)
	if err != nil {
		return nil, err
	}
	fd, err := logs.Create(s.ID+"-"+hex.EncodeToString(more), c.Process.Cwd)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "session log"), nil
}
