// Package hostagent leads to the ssh agent of the host, which the start of a jail
// may cover with something else.
//
// What does not belong here: what is asked for there (runtime/egress/sshagent).
package hostagent

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Agent is where the host's ssh agent is. The zero value is none.
type Agent struct {
	place string
	// file is its socket, 0 where it could not be opened.
	file int
}

// Open keeps the socket at a place, whatever gets mounted over it. open opens
// paths of the host; after an error the place itself is what there is.
func (a *Agent) Open(place string, open func(place string) (fd int, err error)) (err error) {
	a.place = place
	a.file, err = open(place)
	if err != nil {
		a.file = 0
	}
	return err
}

// Dial connects to it.
func (a *Agent) Dial(ctx context.Context) (net.Conn, error) {
	if a.place == "" {
		return nil, errors.New("there was none when the jail started: SSH_AUTH_SOCK did not name its socket")
	}
	var d net.Dialer
	if a.file > 0 {
		if c, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d", a.file)); err == nil {
			return c, nil
		}
	}
	// Another agent may have taken its place.
	return d.DialContext(ctx, "unix", a.place)
}
