package policy

import (
	"reflect"

	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/spec/canon"
)

// Canonical returns the policy as canonical JSON: an object with a member for
// each key that has a value, under its documented name. Which layer said what,
// the order of keys, comments and the spelling of values ("1GiB" or
// 1073741824 bytes) make no difference; the order inside lists does. A key
// without a value is left out, so a key that a later release adds does not
// change the policies that do not use it.
func Canonical(p Policy) ([]byte, error) {
	members := map[string]any{}
	for _, r := range rows() {
		if r.policy == nil {
			continue
		}
		v := reflect.ValueOf(r.policy(&p)).Elem()
		switch k := v.Kind(); {
		case (k == reflect.Slice || k == reflect.Map) && v.Len() == 0, v.IsZero():
		default:
			members[r.Name] = v.Interface()
		}
	}
	if len(p.Brokers) > 0 {
		members[brokerSection] = p.Brokers
	}
	return canon.JSON(members)
}

// Digest is the SHA-256 of Canonical, "sha256:HEX".
//
// For a lock it is taken of Default and the project's own policy alone: what
// the repository decides, the same for everyone who works on it.
func Digest(p Policy) (string, error) {
	text, err := Canonical(p)
	if err != nil {
		return "", err
	}
	return digest.Of(text), nil
}
