package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// newAuthority begins to make the jail's authority, beside whatever else
// happens. It is nil where no broker has a service's name.
func (n *jailNet) newAuthority() {
	hosts := n.config.Hosts()
	if len(hosts) == 0 {
		return
	}
	n.made = make(chan struct{})
	go func() {
		defer close(n.made)
		n.authority, n.authorityErr = authority.New(hosts)
	}()
}

// signer waits for the authority; it is nil where there is none.
func (n *jailNet) signer() (*authority.Authority, error) {
	if n.made == nil {
		return nil, nil
	}
	<-n.made
	return n.authority, n.authorityErr
}

// trust adds the authority's certificate to those that the jail gets: config.json
// has the host's file, the same on every start, and what is mounted is a copy
// of it with one certificate more, which no other mount namespace has.
//
// Preconditions: rootfs.WorkDir is covered.
func (n *jailNet) trust(mounts []specs.Mount, s rootfs.Sources) error {
	a, err := n.signer()
	if a == nil || err != nil {
		return err
	}
	i := slices.IndexFunc(mounts, func(m specs.Mount) bool { return m.Destination == contract.CertsPath && m.Type == "bind" })
	if i < 0 {
		return fmt.Errorf("no mount %s, which the certificate of the jail's authority is for", contract.CertsPath)
	}
	place := filepath.Join(rootfs.WorkDir, "certificates")
	f, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444) //nolint:gosec // certificates that every program in the jail reads
	if err != nil {
		return err
	}
	_, err = f.Write(n.roots)
	if err == nil {
		_, err = f.Write(append([]byte("\n"), a.PEM()...))
	}
	if err = errors.Join(err, f.Chmod(0o444), f.Close()); err != nil { // whatever the umask is
		return err
	}
	fd, err := unix.Open(place, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: place, Err: err}
	}
	unix.Close(s[i])
	s[i] = fd
	return nil
}
