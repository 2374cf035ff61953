package ide

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
	"github.com/jailed-claude/jailed-claude/runtime/bridge"
)

const (
	// maxMessage is the longest, in bytes: a diff holds a file.
	maxMessage = 8 << 20
	// writeTime is how long either side may take to read.
	writeTime = 20 * time.Second
)

// protocol is what both sides call MCP by web socket, and tokenHeader where the
// extension looks for its token.
const (
	protocol    = "mcp"
	tokenHeader = "X-Claude-Code-Ide-Authorization" //nolint:gosec // a header's name
)

// open makes both web sockets.
func (s *session) open(c net.Conn) (w bridge.Window, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, startTime)
	defer cancel()
	_ = c.SetReadDeadline(time.Now().Add(startTime))
	jail, request, err := accepts(c)
	if err != nil {
		return w, err
	}
	if w, err = s.Window(ctx); err != nil {
		return w, err
	}
	out, err := s.Dial(ctx, w.Port)
	if err != nil {
		return w, fmt.Errorf("the editor's port %d: %w", w.Port, err)
	}
	_ = out.SetReadDeadline(time.Now().Add(startTime))
	ide, err := connect(out, w.Port, w.Token)
	if err == nil {
		err = jail.Answer(request, protocol)
	}
	if err != nil {
		_ = out.Close()
		return w, err
	}
	_ = c.SetReadDeadline(time.Time{})
	_ = out.SetReadDeadline(time.Time{})
	jail.WriteTime, ide.WriteTime = writeTime, writeTime
	s.jail, s.ide = jail, ide
	return w, nil
}

// accepts reads the request for a web socket of a program: a page of a browser says
// where it is from.
func accepts(c net.Conn) (*websocket.Socket, *http.Request, error) {
	s, r, err := websocket.Asked(c, maxMessage)
	if err == nil && r.Header.Get("Origin") != "" {
		err = errors.New("no program asks for this web socket: a page does")
	}
	return s, r, err
}

// connect asks for a web socket at the editor's end.
func connect(c net.Conn, port uint16, token string) (*websocket.Socket, error) {
	s, _, err := websocket.Ask(c, maxMessage, "/", protocol, fmt.Sprintf("Host: 127.0.0.1:%d", port), tokenHeader+": "+token) //nolint:bodyclose // the connection is closed
	if err != nil {
		return nil, fmt.Errorf("the editor: %w", err)
	}
	return s, nil
}
