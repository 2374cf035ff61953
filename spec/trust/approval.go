package trust

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Approval is one entry of the trust store, and what became of its file.
type Approval struct {
	Entry
	// State is "applies", "changed" since, or "gone".
	State string `json:"state"`
}

// Print writes a table for people.
func Print(w io.Writer, list []Approval) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SHA256\tAPPROVED\tSTATE\tFILE")
	for _, a := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", show.Visible(fmt.Sprintf("%.12s", a.Digest)), a.Approved.Format(time.DateOnly), a.State, show.Visible(a.Path))
	}
	return t.Flush()
}
