package key

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/runtime/egress/sigv4"
)

// aws is a profile of a file of credentials, as AWS's tools have it. The file is
// read for each request: whoever gets short-lived keys writes them there.
type aws struct{ File, Profile string }

// maxCredentials is far more than profiles take.
const maxCredentials = 1 << 20

// Rejected does nothing: other keys come when somebody writes them.
func (*aws) Rejected(string) {}

// Key is what the profile says now, as package sigv4 takes it. No error has any
// of it.
func (a *aws) Key(context.Context) (string, error) {
	values, found, err := section(a.File, a.Profile)
	if err != nil {
		return "", err
	}
	id, secret := values["aws_access_key_id"], values["aws_secret_access_key"]
	switch {
	case !found:
		return "", fmt.Errorf("%q has no profile [%s]", a.File, a.Profile)
	case id == "" || secret == "":
		return "", fmt.Errorf("%q: the profile [%s] has no aws_access_key_id or no aws_secret_access_key", a.File, a.Profile)
	}
	return sigv4.Key(id, secret, cmp.Or(values["aws_session_token"], values["aws_security_token"])), nil
}

// section are the variables of a section of a file of AWS's tools.
func section(file, name string) (values map[string]string, found bool, err error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCredentials))
	if err != nil {
		return nil, false, err
	}
	values = map[string]string{}
	at := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "["); ok {
			at = strings.Join(strings.Fields(strings.TrimSuffix(head, "]")), " ")
			found = found || at == name
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && at == name && !strings.HasPrefix(line, "#") {
			values[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return values, found, nil
}

// elsewhere says by which means AWS's tools get the keys of a profile, where it is
// not by those that it has itself; empty if by none that is known. Nobody asks these
// means here. first: the tools ask them before they look at the profile's keys,
// which may be good for more.
func (c *Caller) elsewhere(profile string) (how string, first bool) {
	name := "profile " + profile
	if profile == "default" {
		name = profile
	}
	config, _, _ := section(c.path(cmp.Or(c.Env["AWS_CONFIG_FILE"], "~/.aws/config")), name)
	own, _, _ := section(c.awsFile(), profile)
	for _, m := range []struct {
		key, what string
		first     bool
	}{
		{"role_arn", "a role", true},
		{"sso_session", "single sign-on", true},
		{"sso_start_url", "single sign-on", true},
		{"credential_process", "a program", false},
		{"login_session", "a login by browser", false},
	} {
		if config[m.key] != "" || own[m.key] != "" {
			return m.what + " (" + m.key + ")", m.first
		}
	}
	return "", false
}

// awsFile is where AWS's tools look.
func (c *Caller) awsFile() string {
	return c.path(cmp.Or(c.Env["AWS_SHARED_CREDENTIALS_FILE"], "~/.aws/credentials"))
}
