package audit

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestAuditExec: a further program of a jail ("exec") gets what the first one gets,
// attack by attack.
func TestAuditExec(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"filtered": {"--net", "filtered"}, "root": {"--net", "none", "--user", "root"}, "runc": {"--net", "none", "--runtime", "runc"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "runc" {
				world.RequireTool(t, name)
			}
			w := audited(t)
			w.Must("true") // makes the folders that both find
			first, r := audit(w, flags...)
			further, rf := audit(w, append(flags, "--exec")...)
			// What gets through in both, TestAudit says.
			if rf.Status != r.Status || len(further) != len(first) {
				t.Errorf("a further program: %d attacks, not %d: %s\nthe first one: %s", len(further), len(first), rf.Err, r)
			}
			for attack, want := range first {
				if got := further[attack]; got.Result != want.Result {
					t.Errorf("%s: %s (%s), and %s (%s) for a further program", attack, want.Result, want.Detail, got.Result, got.Detail)
				}
			}
		})
	}
	// Of another wrapper there is no further program.
	if r := world.New(t).Run("audit", "--exec", "--against", "env"); r.Status != 125 || !strings.Contains(r.Err, "exec") {
		t.Errorf("%s", r)
	}
}
