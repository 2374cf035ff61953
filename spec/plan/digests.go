package plan

import "github.com/jailed-claude/jailed-claude/spec/policy"

// Digests are those of the policy that applies to a jail, and of the project's alone.
func (o *Options) Digests() (effective, project string, err error) {
	p, _, err := o.merged(o.Dir())
	if err != nil {
		return "", "", err
	}
	if effective, err = policy.Digest(p.all); err == nil {
		project, err = policy.Digest(p.team)
	}
	return effective, project, err
}

// PolicyDigest is that of the policy in a file, or of NoPolicy, where nothing else
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
