package plan

import "github.com/jailed-claude/jailed-claude/spec/policy"

// Origin is what Make made a jail of, as it was read then: the files may be others by
// now, or pipes.
type Origin struct {
	// Policy is what applied, and Project that of the repository.
	Policy, Project policy.Policy
	// Lock is the file of the lock, where the jail was made by one.
	Lock []byte
}

// PolicyDigest is that of the policy in a file, or of noPolicy, where nothing else
// applies.
func PolicyDigest(file string) (string, error) {
	o := Options{Policy: file}
	own, err := o.namedLayer()
	if err != nil {
		return "", err
	}
	p, err := policy.Merge(o.chosen([]*policy.Layer{own})...)
	if err != nil {
		return "", err
	}
	return policy.Digest(p)
}
