// Command lab is a made-up network for tests: a host with a card, and the
// internet, the caller's own network and cloud metadata at the other end of the
// cable, with servers, a name server and a certificate authority.
//
//	lab FOLDER    in network and mount namespaces that are new
//
// It reads orders from its standard input and writes what arrived to its
// output, in JSON (hack/e2e/lab). It is a module of its own, so that what it
// takes to serve ssh is no dependency of jailed-claude.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
)

// deadline is for what must happen by itself, on a machine under load too.
const deadline = 90 * time.Second

// addresses are all other hosts.
var addresses = []string{lab.PublicA, lab.PublicB, lab.PublicC, lab.PublicV6, lab.Metadata, lab.Private, "fd00:ec2::254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1"}

// ports are open on every address of the lab, the host's and its loopback
// included.
var ports = []int{22, 80, 443, 853, 5432, 8080}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) != 1 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: lab FOLDER")
		return 2
	}
	s, err := open(args[0])
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o lab.Order
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
func (s *server) do(o lab.Order) lab.Reply {
	if o.Listen != "" {
		l, err := s.outer.listen("tcp", o.Listen)
		if err != nil {
			return lab.Reply{Err: err.Error()}
		}
		go s.forward(l, o.To)
	}
	if o.Own != "" {
		if err := getAddress(o.Own); err != nil {
			return lab.Reply{Err: err.Error()}
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
	r := lab.Reply{Hits: s.hits, Queries: s.queries}
	s.hits, s.queries = nil, nil
	return r
}
