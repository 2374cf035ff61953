package steer

import (
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// What a supervisor answers.
const (
	askAllow = "allow"
	askDeny  = "deny"
	askPorts = "ports"
	askWhy   = "why"
)

// rules are the arguments of allow and deny, as network.allow and network.deny
// have them, without presets.
type rules struct {
	Rules []string `json:"rules"`
}

// Now is what the user has changed, and is asked about.
type Now struct {
	Allowed []string `json:"allowed"`
	Denied  []string `json:"denied"`
	// Waiting destinations are those of connections that wait for a yes.
	Waiting []string `json:"waiting"`
	// Refused are rules that would allow what was refused so far.
	Refused []string `json:"refused,omitempty"`
	// Barred is what was refused and cannot be allowed, each with the reason.
	Barred []string `json:"barred,omitempty"`
}

// Allow adds rules to a jail; none only asks.
func Allow(j launch.Running, allow []string) (now Now, err error) {
	return now, call(j, askAllow, rules{allow}, &now)
}

// Deny adds rules of "deny" to a jail, and resets connections that they are of.
func Deny(j launch.Running, deny []string) (now Now, err error) {
	return now, call(j, askDeny, rules{deny}, &now)
}

// ports are the arguments of ports.
type ports struct {
	Publish []uint16 `json:"publish"`
	Close   []uint16 `json:"close"`
}

// Ports publishes ports of a jail and takes others back. It returns those that
// are published then.
func Ports(j launch.Running, publish, take []uint16) (now []uint16, err error) {
	return now, call(j, askPorts, ports{publish, take}, &now)
}

// question is one about a path of the host, or a host.
type question struct {
	Path string `json:"path,omitempty"`
	Host string `json:"host,omitempty"`
	Port uint16 `json:"port,omitempty"`
}

// WhyPath asks about a clean, absolute path without symlinks.
func WhyPath(j launch.Running, path string) (a brief.Answer, err error) {
	return a, call(j, askWhy, question{Path: path}, &a)
}

// WhyHost asks about a connection.
func WhyHost(j launch.Running, host string, port uint16) (a brief.Answer, err error) {
	return a, call(j, askWhy, question{Host: host, Port: port}, &a)
}

func call(j launch.Running, do string, args, answer any) error {
	c, err := control.Dial(j.PID)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Call(do, args, answer)
	return err
}
