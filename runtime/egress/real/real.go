// Package real is how names have their own addresses in a jail, and how a connection
// to one of these belongs to a name all the same: to one that this jail was told
// for that address.
//
// What does not belong here: resolving, dialling, TLS.
package real

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

const (
	// maxTold addresses are remembered, and maxNames of one: those that share one are
	// behind a service for many.
	maxTold  = 1 << 16
	maxNames = 64
	// toldTime is how long a connection may come after its answer.
	toldTime = time.Hour
)

// Told holds which names were answered with which addresses of the world. It is
// safe for concurrent use.
type Told struct {
	mu    sync.Mutex
	names map[netip.Addr][]telling
}

type telling struct {
	name string
	at   time.Time
}

// Tell returns those of a name's addresses that it is answered with: public ones of
// other hosts (own reports those of this one), as far as there is room.
func (t *Told) Tell(name string, addrs []netip.Addr, own func(netip.Addr, uint16) (bool, error)) (told []netip.Addr) {
	for _, a := range addrs {
		if !a.Is4() || network.Special(a) != "" {
			continue
		}
		if is, err := own(a, network.HTTPSPort); err == nil && !is && t.tell(name, a, time.Now()) {
			told = append(told, a)
		}
	}
	return told
}

func (t *Told) tell(name string, a netip.Addr, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		t.names = map[netip.Addr][]telling{}
	}
	all, known := t.names[a]
	if !known && len(t.names) >= maxTold {
		return false
	}
	all = slices.DeleteFunc(all, func(o telling) bool { return o.name == name })
	if len(all) >= maxNames {
		all = all[1:]
	}
	t.names[a] = append(all, telling{name, now})
	return true
}

// of are the names that were answered with an address, the last one first.
func (t *Told) of(a netip.Addr, now time.Time) (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range slices.Backward(t.names[a]) {
		if now.Sub(o.at) < toldTime {
			names = append(names, o.name)
		}
	}
	return names
}

// Name is whose connection to an address is: of several names that of the last one
// that may be connected to, until a TLS client has named one. It is empty where the
// address was no answer, and where a rule of a mode "filtered" names the address
// and no name may be connected to.
func (t *Told) Name(a netip.Addr, port uint16, filtered bool, rules *network.Rules) string {
	all := t.of(a, time.Now())
	i := slices.IndexFunc(all, func(n string) bool { return rules.Connect(n, port).OK })
	if len(all) == 0 || i < 0 && filtered && rules.Address(a, port, "").OK {
		return ""
	}
	return all[max(i, 0)]
}

// Is reports whether an address was an answer to a name that may be connected to.
func (t *Told) Is(a netip.Addr, name string, port uint16, rules *network.Rules) bool {
	return slices.Contains(t.of(a, time.Now()), name) && rules.Connect(name, port).OK
}
