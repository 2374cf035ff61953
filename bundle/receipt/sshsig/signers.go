package sshsig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Signers are the lines of a file of allowed signers.
type Signers []signer

type signer struct {
	// principals and namespaces are lists of patterns, separated by commas; no
	// namespaces means all of them.
	principals, namespaces string
	key                    []byte
	after, before          time.Time
}

// ParseSigners reads a file of allowed signers. What a line says and this package
// does not know is an error: it may take something away.
func ParseSigners(text []byte) (all Signers, err error) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		s, err := parseSigner(string(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if s != nil {
			all = append(all, *s)
		}
	}
	return all, nil
}

// parseSigner is nil for an authority, which is not known here.
func parseSigner(line string) (*signer, error) {
	s := new(signer)
	if rest, quoted := strings.CutPrefix(line, `"`); quoted {
		var ok bool
		if s.principals, line, ok = strings.Cut(rest, `"`); !ok {
			return nil, errors.New("a quote is not closed")
		}
	} else if i := strings.IndexAny(line, " \t"); i > 0 {
		s.principals, line = line[:i], line[i:]
	}
	if s.principals == "" {
		return nil, errors.New("there is no identity")
	}
	// The rest is as in authorized_keys(5).
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(line)))
	if err != nil {
		return nil, errors.New("there is no key")
	}
	s.key = key.Marshal()
	seen := map[string]bool{}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		if name = strings.ToLower(name); seen[name] {
			return nil, fmt.Errorf("the option %q is there twice", name)
		}
		seen[name] = true
		if name == "cert-authority" {
			return nil, nil //nolint:nilnil // nobody is allowed by it
		}
		// As for ssh-keygen; and no namespaces are not all of them.
		if len(value) < len(`"x"`) || value[0] != '"' || value[len(value)-1] != '"' {
			return nil, fmt.Errorf("the option %q has no value in quotes", name)
		}
		switch value = value[1 : len(value)-1]; name {
		case "namespaces":
			s.namespaces = value
		case "valid-after":
			s.after, err = moment(value)
		case "valid-before":
			s.before, err = moment(value)
		default:
			err = fmt.Errorf("the option %q is not known", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// moment reads YYYYMMDD[HHMM[SS]][Z], in the zone of this machine without a Z.
func moment(s string) (time.Time, error) {
	digits, utc := strings.CutSuffix(s, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, digits, zone); err == nil && len(layout) == len(digits) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 20260131Z", s)
}

// Check refuses a key that is not that of an identity, for a namespace and at a
// time.
func (all Signers) Check(key ssh.PublicKey, identity, namespace string, now time.Time) error {
	why := errors.New("no line has this key")
	for _, s := range all {
		if !bytes.Equal(s.key, key.Marshal()) {
			continue
		}
		switch {
		case !matches(identity, s.principals):
			why = fmt.Errorf("this key is not %q's", identity)
		case s.namespaces != "" && !matches(namespace, s.namespaces):
			why = fmt.Errorf("this key is not for the namespace %q", namespace)
		case !s.after.IsZero() && now.Before(s.after):
			why = errors.New("this key is not valid yet")
		case !s.before.IsZero() && now.After(s.before):
			why = errors.New("this key is not valid any more")
		default:
			return nil
		}
	}
	return fmt.Errorf("%s %s: %w", key.Type(), ssh.FingerprintSHA256(key), why)
}

// matches: a name matches one of the patterns (PATTERNS in ssh_config(5)), and none
// that begins with "!".
func matches(name, patterns string) (found bool) {
	for p := range strings.SplitSeq(patterns, ",") {
		p, not := strings.CutPrefix(p, "!")
		if !match(name, p) {
			continue
		}
		if not {
			return false
		}
		found = true
	}
	return found
}

// match: "*" is any text, "?" one character.
func match(name, pattern string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			for i := range len(name) + 1 {
				if match(name[i:], pattern[1:]) {
					return true
				}
			}
			return false
		case name == "" || pattern[0] != '?' && pattern[0] != name[0]:
			return false
		}
		name, pattern = name[1:], pattern[1:]
	}
	return name == ""
}
