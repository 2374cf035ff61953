package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/spec"
)

// watch knows what did not exist at the start and would matter if the agent
// made it, by path, and why. Nothing is mounted there: a mount point would be a
// stub on the host.
type watch map[string]string

func newWatch(s *specs.Spec) watch {
	text, ok := s.Annotations[spec.WatchAnnotation]
	if !ok {
		return nil
	}
	var w watch
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		logrus.WithError(err).Warn("annotation is no object of paths: nothing is watched")
	}
	return w
}

// report names what has appeared, before the user runs anything.
func (w watch) report(out io.Writer) {
	said := false
	for _, p := range slices.Sorted(maps.Keys(w)) {
		if _, err := os.Lstat(p); err != nil {
			continue
		}
		if !said {
			fmt.Fprintln(out, "jailed-claude: the agent made files that programs outside of the jail would execute or trust:")
			said = true
		}
		fmt.Fprintf(out, "  %q: %s\n", p, w[p])
	}
	if said {
		fmt.Fprintln(out, "jailed-claude: look at them before you run anything else in this folder")
	}
}
