package receipts

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// Held is what a receipt is held against: files and a name, each only if it is said.
type Held struct {
	Signers, Identity, Session, Config, Policy, ProjectPolicy, Lock string
	Clean                                                           bool
}

// errIdentity: one says nothing without the other.
var errIdentity = errors.New("allowed signers and an identity belong together")

// Read opens the receipt in a file.
func Read(file string) (*receipt.Opened, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 32<<20))
	if err != nil {
		return nil, err
	}
	return receipt.Open(text)
}

// Wanted finds the digests.
func (h Held) Wanted() (w receipt.Wanted, err error) {
	w = receipt.Wanted{Identity: h.Identity, Session: h.Session, Clean: h.Clean, Now: time.Now()}
	if (h.Signers == "") != (h.Identity == "") {
		return w, hint.Add(errIdentity, "receipt verify FILE --allowed-signers SIGNERS --identity NAME")
	}
	if h.Signers != "" {
		if w.Signers, err = os.ReadFile(h.Signers); err != nil {
			return w, err
		}
		if w.Signers == nil {
			w.Signers = []byte{}
		}
	}
	for _, d := range []struct {
		file string
		to   *string
		of   func(string) (string, error)
	}{
		{h.Config, &w.Config, fileDigest},
		{h.Policy, &w.Policy, plan.PolicyDigest},
		{h.ProjectPolicy, &w.Project, plan.PolicyDigest},
		{h.Lock, &w.Lock, lockDigest},
	} {
		if d.file == "" {
			continue
		}
		if *d.to, err = d.of(d.file); err != nil {
			return w, err
		}
	}
	return w, nil
}

func fileDigest(file string) (string, error) {
	text, err := os.ReadFile(file)
	return digest.Of(text), err
}
