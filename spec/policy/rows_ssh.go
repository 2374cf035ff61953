package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// sshRows are the keys of [ssh].
func sshRows() []row {
	return []row{
		{
			Key: Key{
				Name: "ssh.keys", Type: key.Strings,
				Text: "Keys of your ssh agent that the jail may use without having them: `SHA256:…`, or the path of a `.pub` file.",
			},
			check:  scalar.SSHKey,
			change: change.Meaning{Direction: change.Grants, Wider: "the jail uses this ssh key, without seeing it", Narrower: "the jail has no use of this ssh key"},
			layer:  func(l *Layer) any { return &l.SSH.Keys },
			policy: func(p *Policy) any { return &p.SSH.Keys },
		},
		{
			Key: Key{
				Name: "ssh.hosts", Type: key.Strings,
				Text: "Hosts that the jail may log in to with them, as known_hosts has them: `github.com`, `git@github.com`, `git.example.com:2222`.",
			},
			check:  scalar.SSHHost,
			change: change.Meaning{Direction: change.Grants, Wider: "the jail logs in there as you", Narrower: "the jail does not log in there"},
			layer:  func(l *Layer) any { return &l.SSH.Hosts },
			policy: func(p *Policy) any { return &p.SSH.Hosts },
		},
		{
			Key: Key{
				Name: "ssh.sign", Type: key.Strings,
				Text: "What the jail may sign with them besides: `git`, for commits and tags.",
			},
			check:  scalar.SSHSign,
			change: change.Meaning{Direction: change.Grants, Wider: "the jail signs commits and tags as you", Narrower: "the jail signs none of these"},
			layer:  func(l *Layer) any { return &l.SSH.Sign },
			policy: func(p *Policy) any { return &p.SSH.Sign },
		},
	}
}
