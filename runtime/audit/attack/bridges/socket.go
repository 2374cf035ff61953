package bridges

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
)

// most is more than any message that should pass, in bytes.
const most = 64 << 20

// protocol is what both sides call MCP by web socket.
const protocol = "mcp"

// upgrade asks for a web socket with these lines besides, at the path or address to.
// said is what is answered; empty if nothing is.
func upgrade(c net.Conn, to string, more ...string) (s *websocket.Socket, said string, err error) {
	s, r, err := websocket.Ask(c, most, to, protocol, more...)
	if r == nil {
		return nil, "", err
	}
	defer r.Body.Close() // of a web socket it is empty
	said = fmt.Sprintln(r.Status, r.Header)
	if err != nil {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10))
		return nil, said + string(text), fmt.Errorf("%s: %s", r.Status, strings.TrimSpace(string(text)))
	}
	return s, said, nil
}

// soon is until when a connection is worth waiting for.
func soon() time.Time { return time.Now().Add(patience) }
