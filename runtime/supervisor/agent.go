package supervisor

import (
	"fmt"
	"os"

	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
)

// inspect refuses to go on unless all that the configuration promises holds,
// and what the caller requires besides.
func (j *jail) inspect(pid int, landlocked bool, mounts <-chan inspect.Mounts) error {
	summary, err := inspect.Agent{
		PID: pid, Landlocked: landlocked, Mounts: mounts, Require: j.plan.Options.Require,
		Network: j.network.String(), HoldsNetwork: j.network.holds, Limits: j.cgroup.Hold,
	}.Inspect()
	if by := j.plan.Options.Runtime; by != "" && by != foreign.Auto {
		summary += fmt.Sprintf(" runtime=%q", by)
	}
	if err == nil && j.plan.Options.Summary {
		fmt.Fprintf(os.Stderr, "jailed-claude: jail: %s\n", summary)
	}
	return err
}
