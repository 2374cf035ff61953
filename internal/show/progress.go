package show

import (
	"fmt"
	"io"
	"time"
)

// patience is how long something takes before Progress shows it.
const patience = 300 * time.Millisecond

// Progress draws how far something is, in megabytes, on one line of a terminal,
// and removes the line at the end.
func Progress(terminal io.Writer, what string) func(done, total int64) {
	begun, drawn := time.Now(), false
	return func(done, total int64) {
		switch {
		case done >= total && drawn:
			fmt.Fprint(terminal, "\r\x1b[K")
		case done < total && time.Since(begun) > patience:
			drawn = true
			fmt.Fprintf(terminal, "\r\x1b[Kjailed-claude: %s %d of %d MB", what, done/1e6, total/1e6)
		}
	}
}
