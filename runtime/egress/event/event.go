// Package event is a line of the log of a session: what was decided.
//
// What does not belong here: deciding, writing the log (package egress).
package event

import "time"

// Kinds of events.
const (
	KindDNS    = "dns"
	KindTCP    = "tcp"
	KindBroker = "broker"
	KindPort   = "port"
	// KindSSH is what the ssh agent was asked for.
	KindSSH = "ssh"
	// KindBridge is what a program of the host was asked for.
	KindBridge = "bridge"
	// KindRule is a rule that the user added while the jail ran.
	KindRule = "rule"
	// KindLog is about the log itself: what is not in it.
	KindLog = "log"
)

// Verdicts of events.
const (
	Allow = "allow"
	Deny  = "deny"
	// Fail: allowed, and it did not work.
	Fail = "fail"
)

// Event is one decision, a line of the session's log. Nothing in it has
// control characters.
type Event struct {
	// Time of the decision; for a connection, of its beginning.
	Time time.Time `json:"time"`
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
	// Name is the host name that was asked for; a broker's or none, if it was
	// an address.
	Name string `json:"name,omitempty"`
	// Address is what was dialled, or what the program asked for itself.
	Address string `json:"address,omitempty"`
	Port    uint16 `json:"port,omitempty"`
	// Via is the proxy of the host's that a connection went by.
	Via string `json:"via,omitempty"`
	// Verdict is Allow, Deny or Fail; empty for KindLog.
	Verdict string `json:"verdict,omitempty"`
	// Rule is the element of the policy that decided (network.Verdict).
	Rule string `json:"rule,omitempty"`
	// Why says why not.
	Why string `json:"why,omitempty"`
	// Key is the fingerprint of an ssh key.
	Key string `json:"key,omitempty"`
	// Method, Path and Status are of a request to a broker. Method is also what
	// an ssh agent was asked for ("login", "sign"), and which bridge.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Status int    `json:"status,omitempty"`
	// Sent and Received are bytes of payload, as the jail sees it.
	Sent     int64 `json:"sent,omitempty"`
	Received int64 `json:"received,omitempty"`
	// Duration is in milliseconds.
	Duration int64 `json:"durationMs,omitempty"`
	// Count stands for that many more events like this one, within a second.
	Count int `json:"count,omitempty"`

	// AllowLine is what report.Denied.Allow says.
	AllowLine string `json:"-"`
	// Keyless: the broker had no key for the request.
	Keyless bool `json:"-"`
}
