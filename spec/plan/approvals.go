package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// Approvals are all that the user approved: policy files and locks.
func Approvals() ([]trust.Approval, Warnings, error) {
	var warnings Warnings
	entries, err := TrustStore(&warnings).List()
	if err != nil {
		return nil, warnings, err
	}
	list := []trust.Approval{}
	for _, e := range entries {
		list = append(list, trust.Approval{Entry: e, State: state(e)})
	}
	return list, warnings, nil
}

func state(e trust.Entry) string {
	if filepath.Base(e.Path) == lock.Name {
		_, text, err := lock.Read(e.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "gone"
		case err != nil || trust.Digest(text) != e.Digest:
			return "changed"
		}
		return "applies"
	}
	switch f, err := trust.Read(filepath.Dir(e.Path)); {
	case err == nil && f == nil:
		return "gone"
	case err != nil || f.Path != e.Path || f.Digest != e.Digest:
		return "changed"
	}
	return "applies"
}

// Revoke takes back every approval of a project's policy file and lock.
func Revoke(project string) (file string, n int, warnings Warnings, err error) {
	file, err = trust.Path(project)
	if err != nil {
		return "", 0, nil, err
	}
	for _, p := range []string{file, filepath.Join(filepath.Dir(file), lock.Name)} {
		k, err := TrustStore(&warnings).Revoke(p)
		if err != nil {
			return file, n, warnings, err
		}
		n += k
	}
	return file, n, warnings, nil
}

// Question is a file of a project that the user is asked to approve.
type Question struct {
	// What the file is: "policy" or "lock".
	What string
	File *trust.File
	// Lines say what follows from it.
	Lines []string
	// Ask is the question.
	Ask string
	// Harmless: it grants nothing beyond the user's own policy, and needs no
	// approval.
	Harmless bool
	// Approved already.
	Approved bool
}

// Questions are about the files of a project: its policy, then its lock.
func Questions(project string) (all []Question, warnings Warnings, err error) {
	user, err := UserLayers()
	if err != nil {
		return nil, nil, err
	}
	store := TrustStore(&warnings)
	r, err := RequestOf(project, filepath.Join(project, trust.Name), user)
	if err != nil {
		return nil, nil, err
	}
	if r != nil {
		q := Question{What: "policy", File: r.File, Harmless: !change.Widens(r.Changes)}
		q.Lines = change.Lines(r.Changes, change.LineOptions{Other: "narrows", Values: true, Most: maxNarrowing})
		q.Ask = fmt.Sprintf("approve %d grant(s) beyond your own policy? [y/N] ", change.Widening(r.Changes))
		q.Approved = !q.Harmless && store.Lookup(r.File)
		all = append(all, q)
	}
	file, err := lockPath(project)
	if err != nil {
		return all, warnings, err
	}
	l, text, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && r == nil:
		return nil, warnings, hint.Add(fmt.Errorf("there is no %s in %s", trust.Name, show.Visible(project)), "to write one: jailed-claude init")
	case errors.Is(err, fs.ErrNotExist):
		return all, warnings, nil
	case err != nil:
		return all, warnings, err
	}
	q := Question{What: "lock", File: LockFile(file, text), Lines: l.Summary(), Ask: "approve the lock with these programs? [y/N] "}
	q.Approved = store.Lookup(q.File)
	return append(all, q), warnings, nil
}
