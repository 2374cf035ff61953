package names

import (
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// maxHosts is how much of a hosts file is read: lists that block names are long.
const maxHosts = 8 << 20

// OnLoopback reports whether a hosts file (hosts(5)) says that a normal name is
// 127.0.0.1 or ::1. It is read each time: the user may have edited it.
func OnLoopback(file, name string) bool {
	st, err := os.Stat(file)
	if err != nil || st.Size() > maxHosts {
		return false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil || a != netip.AddrFrom4([4]byte{127, 0, 0, 1}) && a != netip.IPv6Loopback() {
			continue
		}
		if slices.ContainsFunc(f[1:], func(n string) bool { n, ok := network.Normal(n); return ok && n == name }) {
			return true
		}
	}
	return false
}
