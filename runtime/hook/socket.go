package hook

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// socketName is that of the socket in the bundle's folder, where a keeper waits
// for the container's namespaces. It is there while the container is being
// created.
func socketName(id string) string { return ".network-" + id }

// atSocket calls do with a path of the socket that fits into a struct
// sockaddr_un, however long the bundle's is.
func atSocket(bundle, id string, do func(path string) error) error {
	if strings.Contains(id, "/") || !filepath.IsAbs(bundle) {
		return fmt.Errorf("the container's ID %q or bundle %q is not one that a runtime gives", id, bundle)
	}
	dir, err := os.OpenFile(bundle, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return do("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + socketName(id))
}

// listen makes the socket.
func listen(s *specs.State) (f *os.File, err error) {
	// What is left of a keeper that was killed.
	if err := removeSocket(s.Bundle, s.ID); err != nil {
		return nil, err
	}
	err = atSocket(s.Bundle, s.ID, func(path string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false) // the keeper has it
		defer l.Close()
		f, err = l.File()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the keeper's socket in the bundle %q: %w", s.Bundle, err)
	}
	return f, nil
}

func removeSocket(bundle, id string) error {
	err := atSocket(bundle, id, os.Remove)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
