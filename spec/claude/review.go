package claude

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// Changes that a piece can have.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// Piece is one change that the agent made to its configuration and that the
// host does not have.
type Piece struct {
	// Path is its name: "commands/x.md", "settings.json:hooks".
	Path   string `json:"path"`
	Change string `json:"change"`
	Effect Effect `json:"effect"`
	Why    string `json:"why,omitempty"`
	// Digest of what is shown. Take with another one is refused.
	Digest string `json:"digest,omitempty"`
	// Problem says why it cannot be taken.
	Problem string `json:"problem,omitempty"`
	// Diff is from the host's to the agent's, for a terminal.
	Diff string `json:"diff,omitempty"`

	jail, host *content // nil where there is none
}

// Review is a configuration as it was read once, beside the host's.
type Review struct {
	// Pieces by name.
	Pieces []*Piece

	host  folder.Host
	state string
	kept  map[string]bool // files of the host that have a backup by now
}

// ErrNoPrivate is returned by NewReview where no private configuration is.
var ErrNoPrivate = errors.New("there is no private configuration yet")

// NewReview reads the private configuration, once, and the host's.
func NewReview(h folder.Host, state string) (*Review, error) {
	s, err := beneath.Dir(state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoPrivate
	}
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	defer s.Close()
	m, err := loadManifest(s)
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = &manifest{}
	}
	private, err := beneath.Open(s, PrivateDir, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoPrivate
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", PrivateDir, err)
	}
	defer private.Close()
	r := &Review{host: h, state: state, kept: map[string]bool{}}
	files := folder.Snapshot(private)
	for _, name := range projects.Points(private.Name()) {
		if f, ok := files[name]; ok && len(f.Data) == 0 {
			delete(files, name) // what a jail has there is the host's
		}
	}
	ps := piecesOf(files)
	for name, c := range ps {
		if m.Pieces[name] == c.digest() {
			continue
		}
		r.add(name, c)
	}
	for name := range m.Pieces {
		if ps[name] == nil && !within(ps, name) {
			r.add(name, nil)
		}
	}
	slices.SortFunc(r.Pieces, func(x, y *Piece) int { return strings.Compare(x.Path, y.Path) })
	return r, nil
}

// within: the file that a piece is in cannot be read, and is a piece itself.
func within(ps map[string]*content, name string) bool {
	in, _, ok := strings.Cut(name, ":")
	if ok && ps[in] != nil {
		return true
	}
	top, _, _ := strings.Cut(name, "/")
	return ps[top] != nil && top != name
}

func (r *Review) add(name string, c *content) {
	p := &Piece{Path: name, jail: c}
	var err error
	if p.host, err = r.onHost(name, c); err != nil {
		p.Problem = "the host's: " + err.Error()
	}
	switch {
	case c == nil && p.host == nil:
		return // gone on both sides, or a folder: those are not removed
	case c == nil:
		p.Change = Removed
		p.Effect, p.Why = p.host.effect(name)
	default:
		p.Change, p.Digest = Changed, c.digest()
		if p.host == nil {
			p.Change = Added
		} else if p.host.digest() == p.Digest && p.Problem == "" {
			return // the host has it already
		}
		p.Effect, p.Why = c.effect(name)
		if c.problem != "" {
			p.Problem = c.problem
		}
	}
	if p.Problem == "" || c == nil || c.problem == "" {
		p.Diff = difference(p.host, p.jail)
	}
	r.Pieces = append(r.Pieces, p)
}

// onHost is the host's version of a piece, nil if it has none.
func (r *Review) onHost(name string, c *content) (*content, error) {
	in, _, isValue := strings.Cut(name, ":")
	if isValue && (in == folder.SettingsJSON || in == folder.GlobalJSON) {
		f, err := r.host.Read(in, folder.MaxGlobal)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		p := piecesOf(map[string]folder.File{in: f})
		if whole := p[in]; whole != nil {
			return nil, errors.New(whole.problem)
		}
		return p[name], nil
	}
	names := []string{name}
	if c != nil {
		if c.files == nil {
			return nil, nil
		}
		names = sortedNames(c.files)
	}
	host := &content{files: map[string]folder.File{}}
	for _, n := range names {
		f, err := r.host.Read(n, folder.MaxFile)
		switch {
		case missing(err):
		case err != nil:
			return nil, fmt.Errorf("%s: %w", show.Line(n), err)
		default:
			host.files[n] = f
		}
	}
	if len(host.files) == 0 {
		return nil, nil
	}
	return host, nil
}

// Find is the piece of that name, or nil.
func (r *Review) Find(name string) *Piece {
	for _, p := range r.Pieces {
		if p.Path == name {
			return p
		}
	}
	return nil
}

// difference is a unified diff of two versions of a piece, in characters that
// can be seen.
func difference(host, jail *content) string {
	if (jail != nil && jail.files == nil) || (jail == nil && host.files == nil) {
		var name string
		side := func(c *content) string {
			if c == nil {
				return ""
			}
			name = c.in + ":" + strings.Join(c.keys, ".")
			return string(c.value)
		}
		before, after := side(host), side(jail)
		return Unified(name, before, after, host == nil, jail == nil)
	}
	names := map[string]folder.File{}
	for _, c := range []*content{host, jail} {
		if c != nil {
			for n := range c.files {
				names[n] = folder.File{}
			}
		}
	}
	var b strings.Builder
	for _, name := range sortedNames(names) {
		before, hadOne := lookup(host, name)
		after, hasOne := lookup(jail, name)
		if hadOne && hasOne && bytes.Equal(before.Data, after.Data) && before.Exec == after.Exec {
			continue
		}
		if after.Exec != before.Exec && hasOne {
			fmt.Fprintf(&b, "%s: mode %s\n", show.Line(name), map[bool]string{true: "0755, a program", false: "0644"}[after.Exec])
		}
		if binary(before.Data) || binary(after.Data) {
			fmt.Fprintf(&b, "%s: not a text, %d bytes, %s\n", show.Line(name), len(after.Data), folder.Digest(after.Data))
			continue
		}
		b.WriteString(Unified(name, string(before.Data), string(after.Data), !hadOne, !hasOne))
	}
	return b.String()
}

func lookup(c *content, name string) (folder.File, bool) {
	if c == nil {
		return folder.File{}, false
	}
	f, ok := c.files[name]
	return f, ok
}

func binary(data []byte) bool { return bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) }

// Unified is a diff of two texts of that name, in characters that can be seen.
func Unified(name, before, after string, isNew, isGone bool) string {
	from, to := "host/"+show.Line(name), "jail/"+show.Line(name)
	if isNew {
		from = "/dev/null"
	}
	if isGone {
		to = "/dev/null"
	}
	text := string(diff.Diff(from, []byte(show.Text(before)), to, []byte(show.Text(after))))
	_, text, _ = strings.Cut(text, "\n") // "diff host/… jail/…", which the next two lines say again
	switch {
	case text != "" || before == after && !isNew && !isGone:
		return text
	case before == after:
		return fmt.Sprintf("--- %s\n+++ %s\n(empty)\n", from, to)
	}
	// Two texts that look the same: one spells out what the other has.
	return fmt.Sprintf("--- %s\n+++ %s\n(they differ in characters that cannot be seen)\n", from, to)
}

// JSON that is taken is what was shown: the canonical value.
func (c *content) raw() json.RawMessage { return bytes.TrimSpace(c.value) }
