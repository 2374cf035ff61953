package repo

import "strings"

// holdBack makes refs that go, or lose commits, wait for what waits: a branch that
// was renamed would be gone on the host while its new name is not there yet, and
// its commits with it; a branch that HEAD names, while HEAD stays. jail are the
// refs of the layer.
func (u *Unit) holdBack(jail map[string]says) error {
	var waiting, losing []*Ref
	for _, r := range u.Refs {
		switch {
		case r.Conflict != "" || len(r.Held) > 0:
			waiting = append(waiting, r)
		case r.New == "" || r.Rewritten:
			losing = append(losing, r)
		}
	}
	stands := u.hostBranch()
	for _, r := range losing {
		if r.Name != stands || r.New != "" {
			continue
		}
		if u.Head == "" || u.HeadConflict != "" {
			r.Conflict = "the host's HEAD names it"
			continue
		}
		for _, w := range waiting {
			if w.Name == u.branch() {
				r.waitFor(w)
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	// What there is on the host when all that does not wait was taken over.
	after := map[string]string{}
	for name, s := range jail {
		after[name] = s.value
	}
	for _, w := range waiting {
		after[w.Name] = w.Old
	}
	var tips []string
	for _, value := range after {
		if object().MatchString(value) {
			tips = append(tips, "^"+value)
		}
	}
	for _, r := range losing {
		if !object().MatchString(r.Old) {
			continue
		}
		out, err := u.g.run(nil, lines([]string{r.Old}, tips), "rev-list", "--count", "--stdin")
		if err != nil {
			return err
		}
		if number(out) == 0 {
			continue
		}
		for _, w := range waiting {
			if w.New == "" {
				continue
			}
			if _, err := u.g.run(nil, nil, "merge-base", "--is-ancestor", r.Old, w.New); err == nil {
				r.waitFor(w)
			} else if code(err) != 1 {
				return err
			}
		}
	}
	return nil
}

// waitFor makes a ref wait for what another one waits for.
func (r *Ref) waitFor(w *Ref) {
	if w.Conflict != "" && r.Conflict == "" {
		r.Conflict = w.Name + " is to have its commits, and cannot be taken over"
	}
	for _, h := range w.Held {
		r.Held = append(r.Held, Reason{h.Path, h.Why + ", on " + w.Name})
	}
}

// hostBranch is the branch that the host's HEAD names.
func (u *Unit) hostBranch() string {
	data, _ := content(u.o.Lower, u.o.Place.Path("HEAD"), maxSmall) // none is a repository that git refuses
	target, _ := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: ")
	return target
}
