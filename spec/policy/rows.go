package policy

import (
	"slices"
	"strconv"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// rows is the one table of the schema, in the order in which it is documented. It is
// made when it is first asked for, and never changed.
var rows = sync.OnceValue(func() []row {
	version := row{Key: Key{
		Name: "version", Type: key.Integer, Values: []string{strconv.Itoa(Version)},
		Text: "Version of the policy format. Every file must have it.",
	}}
	return slices.Concat([]row{version}, agentRows(), filesRows(), networkRows(), jailRows(), bridgeRows(), reviewRows(), sshRows(), brokerRows())
})
