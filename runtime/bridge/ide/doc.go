// Package ide leads Claude Code in a jail to one window of the user's editor.
//
// The editor's extension serves MCP by a web socket on the loopback, and its token
// opens every window and every tool. Neither gets into the jail: a program of the
// jail connects to a port of its own loopback, and what it says is taken apart,
// judged and written anew for the editor, as is what the editor says. Tools that
// are not in the table of this package do not exist; the editor says nothing of
// files that the jail does not have.
//
// What does not belong here: finding the window (runtime/bridge/desk), what the
// jail has of the host's files, and which connections there may be.
package ide
