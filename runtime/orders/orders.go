package orders

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Encode writes what PID 1 learns when it already runs, strings with a NUL
// behind each: the working directory; the umask; the places that the agent may write to and
// the arguments, before each of both their number; and the environment.
//
// With debug PID 1 tells on standard error, in plain text, of messages that only C
// sees.
func Encode(s *specs.Spec, debug bool) []byte {
	var b bytes.Buffer
	put := func(all ...string) {
		for _, s := range all {
			b.WriteString(s)
			b.WriteByte(0)
		}
	}
	umask := uint32(0o022)
	if m := s.Process.User.Umask; m != nil {
		umask = *m
	}
	put(s.Process.Cwd, strconv.Itoa(int(umask)))
	args := s.Process.Args
	if debug {
		args = slices.Insert(slices.Clone(args), 1, "--debug-fd=2")
	}
	for _, all := range [][]string{writable(s), args} {
		put(strconv.Itoa(len(all)))
		put(all...)
	}
	put(s.Process.Env...)
	return b.Bytes()
}

// writable are the places of mounts that are not read-only, for the agent's
// Landlock domain. A device can be written to whatever its mount says. Whoever
// may write to a place may write to what is mounted below it, as far as that
// mount lets it.
func writable(s *specs.Spec) []string {
	var places []string
	for _, m := range s.Mounts {
		readOnly := slices.Contains(m.Options, "ro") || slices.Contains(m.Options, "rro")
		if !readOnly || strings.HasPrefix(m.Destination+"/", "/dev/") {
			places = append(places, m.Destination)
		}
	}
	if !s.Root.Readonly {
		places = append(places, "/")
	}
	return places
}

// Limit sets the limits of a configuration for a process.
func Limit(pid int, limits []specs.POSIXRlimit) error {
	for _, r := range limits {
		resource, err := resourceOf(r.Type)
		if err != nil {
			return err
		}
		if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: r.Soft, Max: r.Hard}, nil); err != nil {
			return fmt.Errorf("limit %s: %w", r.Type, os.NewSyscallError("prlimit", err))
		}
	}
	return nil
}

// resourceOf knows the names of setrlimit(2) that a configuration may use.
func resourceOf(name string) (int, error) {
	switch name {
	case "RLIMIT_CORE":
		return unix.RLIMIT_CORE, nil
	case "RLIMIT_NOFILE":
		return unix.RLIMIT_NOFILE, nil
	case "RLIMIT_NPROC":
		return unix.RLIMIT_NPROC, nil
	case "RLIMIT_AS":
		return unix.RLIMIT_AS, nil
	case "RLIMIT_FSIZE":
		return unix.RLIMIT_FSIZE, nil
	}
	return 0, fmt.Errorf("rlimit %q is not known", name)
}
