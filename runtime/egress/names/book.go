package names

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Book holds which name has which address. It is safe for concurrent use. It
// grows with the names that are looked up, to some 45 MiB when all addresses
// are given away.
type Book struct {
	mu    sync.Mutex
	names []string // by the distance of the address from network.FirstName
	addrs map[string]netip.Addr
}

// NewBook is an empty book.
func NewBook() *Book { return &Book{addrs: map[string]netip.Addr{}} }

// Addr is the address of a normal name (network.Normal): always the same one,
// and never another name's. It is false when all 130,816 are given away.
func (b *Book) Addr(name string) (netip.Addr, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a, ok := b.addrs[name]; ok {
		return a, true
	}
	a := nth(len(b.names))
	if !network.Fake.Contains(a) {
		return netip.Addr{}, false
	}
	b.names = append(b.names, name)
	b.addrs[name] = a
	return a, true
}

// Name is the name that was given this address; false if none was.
func (b *Book) Name(a netip.Addr) (string, bool) {
	a = a.Unmap()
	if !a.Is4() {
		return "", false
	}
	i := number(a) - number(network.FirstName) // far too much if a is below
	b.mu.Lock()
	defer b.mu.Unlock()
	if uint64(i) >= uint64(len(b.names)) {
		return "", false
	}
	return b.names[i], true
}

// nth is the address of the nth name, counted from 0.
func nth(n int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], number(network.FirstName)+uint32(n))
	return netip.AddrFrom4(a)
}

func number(a netip.Addr) uint32 {
	four := a.As4()
	return binary.BigEndian.Uint32(four[:])
}
