package keys

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestSoakLogins: jails and the host's own claude work side by side with a login
// whose tokens hold a second, so that nearly every request meets one that has run
// out. Refresh tokens rotate, and one that comes twice ends the login: nobody may
// be logged out, and the host's file holds the last one.
func TestSoakLogins(t *testing.T) {
	t.Parallel()
	jails, turns, least := 3, 3, 4
	soak := world.Soak()
	if soak {
		jails, turns, least = 10, 12, 50
	}
	w, l, _, log := world.Brokered(t, []map[string]any{{"text": "hello"}})
	delete(w.Env, "ANTHROPIC_API_KEY")
	secret, refreshes := hostLoginFor(t, w, l, "1")
	var running sync.WaitGroup
	for range jails {
		running.Go(func() {
			r := world.Finish(t, w.Command("shell", "--package", "host", "--net", "none", "--", "bash", "-c", fmt.Sprintf(
				`for i in $(seq %d); do curl -sSf -o /dev/null -H "Authorization: Bearer $(sed 's/.*"accessToken":"\([^"]*\)".*/\1/' ~/.claude/.credentials.json)" https://api.anthropic.com/v1/models || exit; sleep 1.1; done`, turns)))
			if r.Status != 0 {
				t.Error(r)
			}
		})
	}
	hosts := 0
	if soak {
		hosts = 4
	}
	running.Go(func() {
		for range hosts {
			c := exec.Command(filepath.Join(world.RequireVariable(t, "CLAUDE"), "bin/claude"), "-p", "hello")
			c.Dir, c.Env = w.Project, append(w.Environ(), "NODE_EXTRA_CA_CERTS="+l.CA, "DISABLE_TELEMETRY=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")
			l.Enter(c)
			if r := world.Finish(t, c); r.Status != 0 || !strings.Contains(r.Out, "hello") {
				t.Errorf("the host's: %s", r)
			}
		}
	})
	running.Wait()
	n, err := strconv.Atoi(refreshes())
	if err != nil || n < least {
		t.Errorf("refreshes: %s, not %d at least", refreshes(), least)
	}
	tokens := make([]string, 0, n)
	for i := range n {
		tokens = append(tokens, fmt.Sprintf("%s-a%d", secret, i+1))
	}
	answered := carried(t, w.APIRequests(log), tokens...)
	if answered < jails*turns {
		t.Errorf("%d requests had a token, of %d", answered, jails*turns)
	}
	if file := w.Read(w.Home + "/.claude/.credentials.json"); !strings.Contains(file, fmt.Sprintf(`"%s-r%d"`, secret, n)) {
		t.Errorf("after %d refreshes the host's file has another refresh token", n)
	}
	world.Counted(t, "%d jails and %d turns of the host's own program, %d expiries, nobody logged out", jails, hosts, n)
}
