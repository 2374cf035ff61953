package own

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// Listen opens a port of this host's 127.0.0.1. An error says what to do.
func Listen(ctx context.Context, port uint16) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String())
	if err == nil {
		return l, nil
	}
	err = fmt.Errorf("port %d of this host's 127.0.0.1 cannot be had: %w", port, err)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		err = hint.Add(err, fmt.Sprintf("another program or jail of this host has it: ss -ltnp 'sport = :%d' says which one; have the jail serve at another port", port))
	case errors.Is(err, unix.EACCES):
		err = hint.Add(err, "ports below 1024 are for root, and a jail cannot listen at one either: have it serve at another, such as 8080")
	}
	return nil, err
}
