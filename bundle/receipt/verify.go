package receipt

import (
	"errors"
	"fmt"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/receipt/sshsig"
)

// Wanted is what a receipt is held against; what is empty is not.
type Wanted struct {
	// Signers and Identity: one of its signatures is by a key of that name.
	Signers  []byte
	Identity string
	// Session is its whole ID.
	Session string
	// Config, Policy, Project and Lock are digests.
	Config, Policy, Project, Lock string
	// Clean: the agent ended with 0, and nothing appeared that the host would execute.
	Clean bool
	// Now is when it is asked.
	Now time.Time
}

// Verify says all that is not as it is wanted; nil if nothing is.
func (o *Opened) Verify(w Wanted) error {
	var errs []error
	if w.Signers != nil {
		errs = append(errs, o.signedBy(w))
	}
	p := o.Predicate
	if w.Session != "" && w.Session != p.Session.ID {
		errs = append(errs, fmt.Errorf("it is of the session %q, not of %q", p.Session.ID, w.Session))
	}
	for _, d := range []struct{ what, want, have string }{
		{"configuration", w.Config, o.Of(ConfigName)},
		{"policy", w.Policy, p.Policy.Effective},
		{"project's policy", w.Project, p.Policy.Project},
		{"lock", w.Lock, p.Lock},
	} {
		if d.want != "" && d.have != d.want {
			have := d.have
			if have == "" {
				have = "none"
			}
			errs = append(errs, fmt.Errorf("the jail had another %s: %s, not %s", d.what, have, d.want))
		}
	}
	if w.Clean {
		if p.Session.ExitStatus != 0 {
			errs = append(errs, fmt.Errorf("the exit status was %d", p.Session.ExitStatus))
		}
		if n := len(p.Changed) + p.Unlisted; n > 0 {
			errs = append(errs, fmt.Errorf("files that the host would execute or trust appeared or changed: %d", n))
		}
	}
	return errors.Join(errs...)
}

func (o *Opened) signedBy(w Wanted) error {
	all, err := sshsig.ParseSigners(w.Signers)
	if err != nil {
		return fmt.Errorf("allowed signers: %w", err)
	}
	if len(o.Keys) == 0 {
		return errors.New("nobody has signed it")
	}
	var errs []error
	for _, k := range o.Keys {
		err := all.Check(k, w.Identity, namespace, w.Now)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("nobody has signed it who may: %w", errors.Join(errs...))
}
