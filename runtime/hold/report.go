package hold

import (
	"fmt"
	"io"
	"time"
)

// Ended reports whether the jail was ended because a path could not be held.
func (h *Hold) Ended() bool { return h != nil && h.fatal != "" }

// Report names what the host replaced, and says whether something has to be
// reviewed: what may be of the jail's making. now says where something is that was
// at a path when the jail started.
func (h *Hold) Report(out io.Writer, now func(string) string) (review bool) {
	if h == nil {
		return false
	}
	if h.fatal != "" {
		fmt.Fprintf(out, "jailed-claude: the jail was ended: %s\n", h.fatal)
		review = true
	}
	said := false
	for i := range h.places {
		text, unsure := h.places[i].tell()
		if text == "" {
			continue
		}
		if !said {
			fmt.Fprintln(out, "jailed-claude: while the jail ran, the host replaced files that are protected or hidden in it:")
			said = true
		}
		fmt.Fprintf(out, "  %q: %s\n", now(h.places[i].path), text)
		review = review || unsure
	}
	if said && h.incomplete != nil {
		fmt.Fprintf(out, "jailed-claude: not every change could be heard: %v\n", h.incomplete)
	}
	return review
}

// tell says what happened to a place; nothing if nothing did.
func (p *place) tell() (text string, unsure bool) {
	if p.renewed == 0 && !p.left && !p.linked {
		return "", false
	}
	if p.renewed > 0 {
		times := "once"
		if p.renewed > 1 {
			times = fmt.Sprintf("%d times", p.renewed)
		}
		text = fmt.Sprintf("replaced %s, and covered again in %v at most", times, max(p.slowest.Round(10*time.Microsecond), 10*time.Microsecond))
	}
	and := func(s string) {
		if text != "" {
			text += "; "
		}
		text += s
	}
	if p.mount == nil && p.renewed > 0 {
		and("it could be read until then")
	}
	switch {
	case p.symlink:
		and("it became a symlink, which cannot be covered")
		return text, true
	case p.state != covered:
		and("it is gone: the jail could have made it again")
		return text, false
	case p.linked:
		and("review it: it has another name (a hard link), by which the jail could change it")
		return text, true
	case p.unsure && p.mount != nil:
		and("review it: the jail could change it before that, and it is not certain that it did not")
		return text, true
	}
	return text, false
}

// Unsure calls see for what has to be reviewed, as Report says it.
func (h *Hold) Unsure(now func(string) string, see func(path, why string)) {
	if h == nil {
		return
	}
	if h.fatal != "" {
		see("", h.fatal)
	}
	for i := range h.places {
		if text, unsure := h.places[i].tell(); unsure {
			see(now(h.places[i].path), text)
		}
	}
}
