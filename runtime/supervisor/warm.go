package supervisor

import (
	"encoding/json"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// enoughFiles is more than this half has open while it waits.
const enoughFiles = 64

// idle says whether this half may do something while it waits: the Go runtime
// crashes where it cannot open what it waits with. The other half says what is
// wrong then.
func idle() bool {
	var files unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil && files.Cur >= enoughFiles
}

// warm makes, beside the thread that makes a container, what package json makes
// of a type when it first meets it: of all that libcontainer writes.
func warm() { _, _ = json.Marshal(new(libcontainer.State)) }
