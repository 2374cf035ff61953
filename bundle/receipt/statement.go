package receipt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/digest"
)

// Types of a receipt.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://github.com/jailed-claude/jailed-claude/receipt/v1"
)

// ConfigName is the subject that each receipt has, LayerName that of a layer with
// changes.
const (
	ConfigName = "config.json"
	LayerName  = "layer"
)

// Statement is an in-toto Statement of one session.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject is a ResourceDescriptor of in-toto.
type Subject struct {
	Name string `json:"name"`
	// Digest is by algorithm, in hexadecimal digits.
	Digest map[string]string `json:"digest"`
}

// Predicate is what happened in a session.
type Predicate struct {
	Session Session `json:"session"`
	Policy  Policy  `json:"policy"`
	// Lock is the digest of the lock that the jail was made by.
	Lock    string   `json:"lock,omitempty"`
	Agent   Agent    `json:"agent"`
	Network Network  `json:"network"`
	Changed []Change `json:"changed"`
	// LayerChanges is how many paths of the layers differ from the host's; the
	// subject LayerName has their digest.
	LayerChanges int `json:"layerChanges,omitempty"`
	// LayerUnread is of how many of them the content was too much to be digested.
	LayerUnread int `json:"layerUnread,omitempty"`
	// Unlisted is how many further changes there were.
	Unlisted int `json:"changedUnlisted,omitempty"`
}

// Session says which one it was, and how it ended.
type Session struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	// Runtime is the version of jailed-claude, and Container the OCI runtime that
	// created the container, where that is another program.
	Runtime    string    `json:"runtime"`
	Container  *Program  `json:"container,omitempty"`
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended"`
	ExitStatus int       `json:"exitStatus"`
}

// Program is a program of the host, with the digest of its file.
type Program struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
}

// Policy has digests of canonical policies: of the one that applied, and of what the
// project alone says.
type Policy struct {
	Effective string `json:"effective"`
	Project   string `json:"project"`
}

// Agent is the program that ran.
type Agent struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Program string `json:"program"`
}

// Network sums up what was decided.
type Network struct {
	Mode string `json:"mode"`
	// Added are rules that the user added while it ran.
	Added []string `json:"added,omitempty"`
	// Allowed and Refused are destinations; MoreAllowed and MoreRefused are how many
	// connections to others there were, and refusals of them.
	Allowed     []Decision `json:"allowed"`
	MoreAllowed int        `json:"moreAllowed,omitempty"`
	Refused     []Decision `json:"refused"`
	MoreRefused int        `json:"moreRefused,omitempty"`
	// Bridges are what the user's desktop did for the jail, and how often. What it
	// did not is among Refused.
	Bridges []Decision `json:"bridges,omitempty"`
}

// Decision is what was decided about a destination, a signature of ssh or a bridge.
type Decision struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Why   string `json:"why,omitempty"`
}

// Change is something that appeared or changed and that programs on the host would
// execute or trust.
type Change struct {
	Path string `json:"path"`
	Why  string `json:"why"`
	// Kind is what is there at the end: file, symlink, folder, fifo, socket, device;
	// or Unseen.
	Kind string `json:"kind"`
	// Digest is of a file's content, of where a symlink leads, or of all in a folder.
	Digest string `json:"digest,omitempty"`
}

// Unseen is the kind of what is gone again, or lies behind a symlink.
const Unseen = "unseen"

// New is a statement about a configuration.
func New(config []byte) *Statement {
	return &Statement{Type: statementType, Subject: []Subject{NewSubject(ConfigName, digest.Of(config))}, PredicateType: predicateType}
}

// NewSubject is one of a digest as internal/digest has them.
func NewSubject(name, d string) Subject {
	return Subject{Name: name, Digest: map[string]string{"sha256": strings.TrimPrefix(d, "sha256:")}}
}

// Text is a string as it can be in a receipt: JSON has no other bytes than UTF-8.
func Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// Render is the text of a statement.
func (s *Statement) Render() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(s)
	return b.Bytes(), err
}

// Draft reads a statement that is not finished.
func Draft(text []byte) (*Statement, error) {
	s := new(Statement)
	return s, strict(text, s)
}

// LayerLine writes what is digested of a change in a layer.
func LayerLine(w io.Writer, lower string, c *upper.Change) {
	if c.New == nil {
		fmt.Fprintf(w, "%q %q deleted\n", lower, c.Path)
		return
	}
	if c.Unread {
		fmt.Fprintf(w, "%q %q %s %o unread %d\n", lower, c.Path, c.New.Kind, c.New.Mode, c.New.Size)
		return
	}
	fmt.Fprintf(w, "%q %q %s %o %s\n", lower, c.Path, c.New.Kind, c.New.Mode, c.New.Digest)
}

// Parse reads a statement, and refuses one with anything in it that this version
// does not know.
func Parse(text []byte) (*Statement, error) {
	s := new(Statement)
	if err := strict(text, s); err != nil {
		return nil, err
	}
	switch {
	case s.Type != statementType:
		return nil, fmt.Errorf("_type is %q, not %q", s.Type, statementType)
	case s.PredicateType != predicateType:
		return nil, fmt.Errorf("predicateType is %q, not %q", s.PredicateType, predicateType)
	case s.Predicate.Session.ID == "" || s.Predicate.Session.Ended.IsZero() || s.Predicate.Session.Ended.Before(s.Predicate.Session.Started):
		return nil, errors.New("it does not say which session, from when to when")
	case !digest.Is(s.Predicate.Policy.Effective) || !digest.Is(s.Predicate.Policy.Project) || s.Predicate.Lock != "" && !digest.Is(s.Predicate.Lock):
		return nil, errors.New("a digest of the policy or the lock is missing or malformed")
	}
	named := map[string]bool{}
	for _, r := range s.Subject {
		if sum, err := hex.DecodeString(r.Digest["sha256"]); err != nil || len(sum) != 32 || len(r.Digest) != 1 || named[r.Name] {
			return nil, fmt.Errorf("the subject %q is there twice, or has no good digest", r.Name)
		}
		named[r.Name] = true
	}
	if !named[ConfigName] {
		return nil, fmt.Errorf("it has no subject %q", ConfigName)
	}
	return s, nil
}

// strict decodes one JSON value that has nothing unknown in it and nothing behind it.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("this is no receipt: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("this is no receipt: something is behind it")
	}
	return nil
}

// Of is the digest of a subject, as internal/digest has them; empty for none.
func (s *Statement) Of(name string) string {
	for _, r := range s.Subject {
		if r.Name == name {
			return "sha256:" + r.Digest["sha256"]
		}
	}
	return ""
}
