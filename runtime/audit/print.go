package audit

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Print shows findings as a table and a line that counts them. all shows what
// was stopped as well.
func Print(w io.Writer, findings []Finding, all bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	class := ""
	for _, r := range findings {
		if !all && (r.Verdict == attack.Held || r.Verdict == attack.NotApplicable) {
			continue
		}
		if r.Class != class {
			class = r.Class
			fmt.Fprintf(t, "%s:\n", class)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", r.Attack, r.Verdict, show.Visible(r.Detail))
		if r.Verdict == attack.GotThrough {
			fmt.Fprintf(t, "\t\tpromised: %s\n", r.Promise)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	n := Count(findings)
	line := fmt.Sprintf("%d attacks: %d held, %d got through, %d not applicable", len(findings), n[attack.Held], n[attack.GotThrough], n[attack.NotApplicable])
	if n[attack.Failed] > 0 {
		line += fmt.Sprintf(", %d failed", n[attack.Failed])
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
