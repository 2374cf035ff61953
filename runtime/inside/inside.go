package inside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/runtime/bridge/desk"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/question"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Sockets are those of one jail. The zero value is none.
type Sockets struct {
	// Jail names the jail, for what is said of it.
	Jail   string
	config *network.Network
	at     map[string]net.Listener // by their places in the jail
	desk   *desk.Client
}

// Listen makes the sockets that a configuration has, below a rootfs that only
// this mount namespace has. c is nil where there is nothing to ask for; fd is what
// desk.Start has returned, or 0.
func (s *Sockets) Listen(root string, c *network.Network, fd int) (err error) {
	if c == nil {
		return nil
	}
	s.config, s.at = c, map[string]net.Listener{}
	if s.desk, err = desk.NewClient(fd); err != nil {
		return err
	}
	for place, wanted := range map[string]bool{contract.AgentSocket: c.SSH != nil, contract.BridgeSocket: c.Bridges != nil} {
		if !wanted {
			continue
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(root, place)})
		if err != nil {
			return fmt.Errorf("the jail's %s: %w", place, err)
		}
		// By its end that path is the host's.
		l.SetUnlinkOnClose(false)
		s.at[place] = l
	}
	return s.authority(root)
}

// authority writes what lets clients into the X server, where the jail has one.
func (s *Sockets) authority(root string) error {
	if b := s.config.Bridges; b == nil || b.Display != network.DisplayX11 && b.Display != network.DisplayX11Trusted {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), authorityTime)
	defer cancel()
	a, err := s.desk.Do(ctx, bridge.Request{Bridge: network.BridgeDisplay, Type: s.config.Bridges.Display})
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(root, contract.XAuthority), a.Data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("bridges.display = %q: %w", s.config.Bridges.Display, err)
	}
	return nil
}

// authorityTime is how long the X server may take.
const authorityTime = 10 * time.Second

// Serve begins to serve them. The session of j stands. ask asks the user; it is
// nil where nobody can be asked.
func (s *Sockets) Serve(n *egress.Session, j steer.Jail, ask func(ctx context.Context, text string) (bool, error)) error {
	if l := s.at[contract.AgentSocket]; l != nil {
		n.ServeAgent(l)
	}
	l := s.at[contract.BridgeSocket]
	if l == nil {
		return nil
	}
	files, err := j.Files()
	if err != nil {
		return err
	}
	b := bridge.Options{Config: s.config.Bridges, Host: s.desk.Do, Jail: s.Jail}
	if ask != nil {
		b.Ask = func(ctx context.Context, p bridge.Page) (bool, error) { return ask(ctx, question.Open(p)) }
	}
	n.ServeBridges(l, b, files)
	return nil
}
