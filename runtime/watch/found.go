package watch

import "strings"

// Finding is something that Report named: at Below, under the folder that is open
// as Root, which no move of the jail's changes.
type Finding struct {
	Path, Why string
	Root      int
	Below     string
}

// Found is what Report named. Root is valid until Close.
func (w *Watch) Found() []Finding {
	all := make([]Finding, 0, len(w.found))
	for _, f := range w.found {
		r := w.root(f.path)
		all = append(all, Finding{w.Now(f.path), f.why, r.fd, strings.TrimPrefix(f.path, r.path+"/")})
	}
	return all
}
