package lab

import "path/filepath"

// Other hosts of the lab. Nothing of it exists beyond the lab's own network
// namespaces.
const (
	PublicA  = "93.184.216.34"
	PublicB  = "93.184.216.35"
	PublicC  = "93.184.216.36"
	PublicV6 = "2606:2800:220::34"
	Metadata = "169.254.169.254"
	Private  = "10.9.9.9"
)

// Addresses of the lab's host itself: of its card, and of its loopback device.
const (
	Own4       = "93.184.220.29"
	Own6       = "2606:2800:221::29"
	OwnLo      = "93.184.221.30"
	OwnPrivate = "192.168.77.2"
)

// Order is what a test asks of the lab's process, and hit what came there.
type Order struct {
	// Name gets Answers: the n-th question is answered with the n-th, the last
	// one stays. No answers: the name does not exist. "=NAME" is an alias.
	Name    string
	Answers [][]string
	// Listen forwards an address of another host to a port of this one's
	// loopback.
	Listen, To string
	// Own is an address that the host has from now on.
	Own string
	// Backend, "127.0.0.1:PORT", answers what is asked of Name by HTTP, with
	// TLS or without.
	Backend string
}

// Reply is what came to the lab since the last order.
type Reply struct {
	// Hits are connections and packets, as "tcp 93.184.216.34:443"; Queries
	// the questions that the name server got, as "a.example A".
	Hits, Queries []string
	Err           string
}

// Abstract is the abstract socket of the lab's host (CVE-2020-15257).
func Abstract(dir string) string { return "@lab-" + filepath.Base(dir) }
