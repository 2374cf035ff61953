package supervisor

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// encodeOrders writes what PID 1 learns when it already runs, strings with a NUL
// behind each: the working directory; the umask; the places that the agent may write to and
// the arguments, before each of both their number; and the environment.
//
// With debug PID 1 tells on standard error, in plain text, of messages that only C
// sees.
func encodeOrders(s *specs.Spec, debug bool) []byte {
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
