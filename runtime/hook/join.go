package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// answer is what the keeper says when the network stands, or cannot.
type answer struct {
	Error string
	// Trusted are files by which programs in the container are to know the
	// keeper's authority, by their paths; nil for those that they have.
	Trusted map[string][]byte
	// NoNFTables: the error is wall.ErrNoNFTables.
	NoNFTables bool
}

// NetworkJoin hands the namespaces that it is in to the keeper of the container
// whose state is on stdin, and returns when the network stands there.
func NetworkJoin(stdin io.Reader) error {
	s, err := readState(stdin)
	if err != nil {
		return err
	}
	var conn *net.UnixConn
	err = atSocket(s.Bundle, s.ID, func(path string) error {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if errors.Is(err, unix.ECONNREFUSED) {
		// Its keeper was killed, and not every runtime calls network-stop now.
		err = errors.Join(err, removeSocket(s.Bundle, s.ID))
	}
	if err != nil {
		return fmt.Errorf("container %q: nothing keeps its network (did its createRuntime hook run?): %w", s.ID, err)
	}
	defer conn.Close()
	if err := fault.At(fault.HookJoins); err != nil {
		return err
	}
	var fds []int
	for _, kind := range []string{"user", "net"} {
		f, err := os.Open("/proc/self/ns/" + kind)
		if err != nil {
			return err
		}
		defer f.Close()
		fds = append(fds, int(f.Fd()))
	}
	message.Namespaces.Log()
	// A keeper that refuses has answered before it read them.
	_, _, sent := conn.WriteMsgUnix(message.Namespaces.Bytes(), unix.UnixRights(fds...), nil)
	var a answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return fmt.Errorf("the keeper of the network ended: %w", errors.Join(sent, err))
	}
	switch {
	case a.NoNFTables:
		return &keeperError{a.Error, wall.ErrNoNFTables}
	case a.Error != "":
		return &keeperError{text: a.Error}
	}
	if len(a.Trusted) > 0 {
		if err := trust(s, a.Trusted); err != nil {
			return fmt.Errorf("container %q: the certificate of its authority: %w", s.ID, err)
		}
	}
	return fault.At(fault.HookJoined)
}

// keeperError is an error of the keeper, with what is left of its type.
type keeperError struct {
	text string
	is   error
}

func (e *keeperError) Error() string { return e.text }
func (e *keeperError) Unwrap() error { return e.is }
