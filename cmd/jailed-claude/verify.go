package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// exitDiffers is the status of verify where something differs.
const exitDiffers = 1

func newVerify() *cobra.Command {
	var f jailFlags
	var root string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [flags]",
		Short: "Check everything against the project's lock, each byte of the closure too",
		Long: `Recompute the NAR hash of every store path of .jailed-claude.lock from what is on
disk, and compare the project's policy and packages and the specification that
follows from them. Neither Nix nor its database is asked. The policy file is only
read: it need not be approved.

Exit status: 0 if all is as locked, 1 if something differs, with a line for each
difference; 125 if it could not be checked.`,
		Example: `  jailed-claude verify
  jailed-claude verify --json | jq -r '.differences[].name'
  jailed-claude verify --root /mnt/backup # a copy of the store below that folder`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := f.verify(c, root)
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(c.OutOrStdout(), r); err != nil {
					return err
				}
				if !r.OK {
					return statusError{errors.New("it differs from the lock"), exitDiffers}
				}
				return nil
			}
			return f.reportVerified(c, r)
		},
	}
	f.registerTeam(c)
	c.Flags().StringVar(&root, "root", "", "check store paths below `DIR`, where a copy of the store lies")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

// verified is what verify found.
type verified struct {
	OK          bool              `json:"ok"`
	Lock        string            `json:"lock"`
	Paths       int               `json:"paths"`
	Bytes       int64             `json:"bytes"`
	Seconds     float64           `json:"seconds"`
	Differences []lock.Difference `json:"differences"`
}

func (f *jailFlags) verify(c *cobra.Command, root string) (*verified, error) {
	file, err := lockPath(f.project)
	if err != nil {
		return nil, err
	}
	l, _, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, hint(err, "to write it: "+f.command("lock"))
	case err != nil:
		return nil, f.unreadable(err)
	}
	team, err := f.teamAsRead(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	r := &verified{Lock: file, Paths: len(l.Paths)}
	for _, p := range l.Paths {
		r.Bytes += p.NarSize
	}
	now, err := wantedOf(team)
	if err != nil {
		return nil, err
	}
	r.Differences = l.Check(now, version)
	if root != "" {
		if root, err = filepath.Abs(root); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	found, err := lock.Verify(c.Context(), l, lock.Options{Root: root, Progress: hashProgress(c, "verify")})
	if err != nil {
		return nil, err
	}
	r.Seconds = time.Since(begun).Seconds()
	r.Differences = append(r.Differences, found...)
	if len(r.Differences) == 0 && root == "" {
		// It follows from the store paths, the policy and this program: where
		// one of them differs, it does so too.
		cl, err := lockedClosure(l)
		if err != nil {
			return nil, err
		}
		pinned, err := specDigest(team, cl)
		if err != nil {
			return nil, err
		}
		if d := l.CheckSpec(pinned); d != nil {
			r.Differences = append(r.Differences, *d)
		}
	}
	r.OK = len(r.Differences) == 0
	if r.Differences == nil {
		r.Differences = []lock.Difference{}
	}
	return r, nil
}

// teamAsRead is the team's policy, approved or not: nothing of it applies.
func (f *jailFlags) teamAsRead(dir string) (policy.Policy, error) {
	if f.policy != "" {
		own, err := f.ownLayer(dir, nil)
		if err != nil {
			return policy.Policy{}, err
		}
		return policy.Merge(own)
	}
	file, err := trust.Read(dir)
	if err != nil || file == nil {
		return policy.Default(), err
	}
	own, err := policy.ParseProject(visible(filepath.Join(f.project, trust.Name)), file.Text)
	if err != nil {
		return policy.Policy{}, err
	}
	return policy.Merge(own)
}

func (f *jailFlags) reportVerified(c *cobra.Command, r *verified) error {
	if r.OK {
		if progress() != nil {
			fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: as locked: %d store paths, %d MB in %.1f s\n", r.Paths, r.Bytes/1e6, r.Seconds)
		}
		return nil
	}
	lines := []string{fmt.Sprintf("%s: %d of what is locked differ:", visible(r.Lock), len(r.Differences))}
	var advice []string
	for _, d := range r.Differences {
		lines = append(lines, "  "+visible(d.Error()))
		for _, a := range f.advice(d) {
			if len(advice) == 0 || advice[len(advice)-1] != a {
				advice = append(advice, a)
			}
		}
	}
	const most = 5
	return statusError{hint(errors.New(strings.Join(lines, "\n")), advice[:min(len(advice), most)]...), exitDiffers}
}

// hashProgress draws one line on a terminal; nil in a pipe.
func hashProgress(c *cobra.Command, what string) func(done, total int64) {
	if progress() == nil {
		return nil
	}
	begun, drawn := time.Now(), false
	return func(done, total int64) {
		const patience = 300 * time.Millisecond
		switch {
		case done >= total && drawn:
			fmt.Fprint(c.ErrOrStderr(), "\r\x1b[K")
		case done < total && time.Since(begun) > patience:
			drawn = true
			fmt.Fprintf(c.ErrOrStderr(), "\r\x1b[Kjailed-claude: %s %d of %d MB", what, done/1e6, total/1e6)
		}
	}
}
