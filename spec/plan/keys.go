package plan

import (
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// keyVariable is what Claude asks about before it uses it.
const keyVariable = "ANTHROPIC_API_KEY"

// Brokers are those of a jail.
func Brokers(j *contract.Jail) []network.Broker {
	if j.Network == nil {
		return nil
	}
	return j.Network.Brokers
}

// brokerOf is the broker of a jail whose placeholder is in a variable.
func brokerOf(j *contract.Jail, variable string) *network.Broker {
	brokers := Brokers(j)
	for i, b := range brokers {
		if b.Env == variable {
			return &brokers[i]
		}
	}
	return nil
}

// keptOut: the caller's key stays outside, and there is no broker for it
// although the policy wants one.
func keptOut(in *spec.Input, j *contract.Jail) bool {
	return in.Policy.Agent.Key == policy.KeyAuto && in.Policy.Network.Mode == policy.NetHost && os.Getenv(keyVariable) != "" &&
		!slices.ContainsFunc(j.Spec.Process.Env, func(e string) bool { return strings.HasPrefix(e, keyVariable+"=") })
}

// KeyAdvice is what to do where the key of a broker cannot be read; fix is how
// it could be.
func KeyAdvice(in *spec.Input, broker, fix string) string {
	if in.Policy.Origins["broker="+broker] == "" { // nobody wrote it: it is there for the variable
		return "to start without that key: agent.key = \"none\" in your policy"
	}
	return fix
}
