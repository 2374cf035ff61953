package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Brokers are those that could not do what they are for, by name: connections came
// to no request, or there was no key for requests.
type Brokers map[string]failing

type failing struct {
	idle, keyless int
	// ahead: of the idle ones none was refused; they may have been opened ahead.
	ahead bool
	// whyIdle and whyKeyless are the last reasons.
	whyIdle, whyKeyless string
}

// Add counts one, and why. There are as many as brokers.
func (b Brokers) Add(name, why string, keyless bool) {
	f, known := b[name]
	if !known {
		f.ahead = true
	}
	if keyless {
		f.keyless++
		f.whyKeyless = why
	} else {
		f.idle++
		if why != broker.Silent || f.ahead {
			f.whyIdle = why
		}
		f.ahead = f.ahead && why == broker.Silent
	}
	b[name] = f
}

// report names them. Connections that nothing was asked on say so only where
// nothing was asked at all.
func (b Brokers) report(out io.Writer, reached []Reached) {
	for _, name := range slices.Sorted(maps.Keys(b)) {
		f := b[name]
		if f.keyless > 0 {
			fmt.Fprintf(out, "jailed-claude: network: broker %q: its key could not be had (%s); the last: %s\n", name, times(f.keyless), Plain(f.whyKeyless))
		}
		asked := f.keyless > 0 || slices.ContainsFunc(reached, func(r Reached) bool { return r.Host == name })
		if f.idle == 0 || f.ahead && asked {
			continue
		}
		connections := "1 connection"
		if f.idle > 1 {
			connections = fmt.Sprintf("%d connections", f.idle)
		}
		fmt.Fprintf(out, "jailed-claude: network: broker %q: %s came to no request; the last: %s (a program that pins certificates, or has authorities of its own: have it use those of $SSL_CERT_FILE, or %s)\n",
			name, connections, Plain(f.whyIdle), (&network.Broker{Name: name}).URL())
	}
}
