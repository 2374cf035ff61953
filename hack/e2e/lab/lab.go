package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

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

// deadline is for what must happen by itself, on a machine under load too.
const deadline = 90 * time.Second

// addresses are all other hosts.
var addresses = []string{PublicA, PublicB, PublicC, PublicV6, Metadata, Private, "fd00:ec2::254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1"}

// ports are open on every address of the lab, the host's and its loopback
// included.
var ports = []int{22, 80, 443, 853, 5432, 8080}

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

// Part is the part "lab": the process that makes the lab and serves in it.
func Part(args []string) int {
	s, err := open(args[0])
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o Order
		if err := in.Decode(&o); err == io.EOF {
			return 0
		} else if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "lab:", err)
			return 1
		}
		if err := out.Encode(s.do(o)); err != nil {
			return 1
		}
	}
}

// do carries an order out.
func (s *server) do(o Order) Reply {
	if o.Listen != "" {
		l, err := s.outer.listen("tcp", o.Listen)
		if err != nil {
			return Reply{Err: err.Error()}
		}
		go s.forward(l, o.To)
	}
	if o.Own != "" {
		if err := getAddress(o.Own); err != nil {
			return Reply{Err: err.Error()}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Backend != "" {
		s.backends[o.Name] = o.Backend
	}
	if o.Name != "" {
		s.names[strings.ToLower(o.Name)+"."] = o.Answers
	}
	r := Reply{Hits: s.hits, Queries: s.queries}
	s.hits, s.queries = nil, nil
	return r
}
