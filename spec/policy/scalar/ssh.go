package scalar

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// SSHKey returns what is wrong with an element of ssh.keys, and "" if nothing is.
func SSHKey(s string) string {
	if strings.HasPrefix(s, "SHA256:") {
		if !network.IsFingerprint(s) {
			return fmt.Sprintf("%q is no fingerprint: ssh-add -l shows them", s)
		}
		return ""
	}
	if problem := Grant(s); problem != "" {
		return problem
	}
	if !strings.HasSuffix(s, ".pub") {
		return fmt.Sprintf("%q: write the path of its .pub file, or the fingerprint that ssh-add -l shows", s)
	}
	return ""
}

// SSHHost is the same for ssh.hosts.
func SSHHost(s string) string {
	_, err := network.ParseSSHHost(s)
	return Rule(err)
}

// SSHSign is the same for ssh.sign.
func SSHSign(s string) string {
	if s != network.SignGit {
		return fmt.Sprintf("%q is not known: write %q", s, network.SignGit)
	}
	return ""
}

// Rule is an error of a rule without what the position says already.
func Rule(err error) string {
	if err == nil {
		return ""
	}
	if rule, ok := errors.AsType[*network.RuleError](err); ok {
		return rule.Error()
	}
	return err.Error()
}
