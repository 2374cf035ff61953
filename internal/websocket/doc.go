// Package websocket has web sockets of texts (RFC 6455) over connections that are
// there already: both halves of the handshake, and messages. It is for what an
// editor speaks with Claude Code: no extensions, no binary messages, and bounds on
// all that comes from the other side, which may be a jail.
//
// golang.org/x/net/websocket says of itself that it lacks features and sends to
// others; those own the HTTP server and client, and a bridge answers the one side
// only when the other has answered.
//
// What does not belong here: what messages say, and who may connect.
package websocket
