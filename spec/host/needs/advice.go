package needs

import (
	"context"
	"fmt"
	"strings"
)

// NoRedirection is what to do on a host whose kernel has no nf_tables.
var NoRedirection = []string{
	"without nf_tables, set network.via = \"proxy\" in the policy: programs that use proxy variables work by the rules, and others reach nothing",
	"or give the jail no network: --net none (brokers need network.via = \"proxy\" too)",
	"or give it the host's network, without any rules: --net host",
}

// Advice names the host setting that keeps a jail from starting, with the
// commands that fix it, in order.
func Advice(ctx context.Context) (hints, commands []string) {
	for _, n := range blame(ctx) {
		hints = append(hints, n.Name+": "+n.Detail)
		commands = append(commands, n.Fix...)
	}
	if len(hints) == 0 {
		hints = []string{"to see what this host lacks: jailed-claude doctor"}
	}
	return hints, commands
}

// Text is a need for a terminal: a line, and the commands that fix it, as they
// are pasted: a here-document ends where it is not indented.
func (n Need) Text() string {
	state := "ok"
	switch {
	case !n.OK && n.Required:
		state = "MISSING"
	case !n.OK:
		state = "no"
	}
	lines := []string{fmt.Sprintf("%-8s %s: %s", state, n.Name, n.Detail)}
	if !n.OK {
		lines = append(lines, n.Fix...)
	}
	return strings.Join(lines, "\n") + "\n"
}
