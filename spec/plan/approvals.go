package plan

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// Approval is one entry of the trust store, and what became of its file.
type Approval struct {
	trust.Entry
	// State is "applies", "changed" since, or "gone".
	State string `json:"state"`
}

// Approvals are all that the user approved: policy files and locks.
func Approvals() ([]Approval, Warnings, error) {
	var warnings Warnings
	entries, err := TrustStore(&warnings).List()
	if err != nil {
		return nil, warnings, err
	}
	list := []Approval{}
	for _, e := range entries {
		list = append(list, Approval{Entry: e, State: state(e)})
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
