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

// AWS is a profile of a file of credentials, as AWS's tools have it. The file is
// read for each request: whoever gets short-lived keys writes them there.
type AWS struct{ File, Profile string }

// maxCredentials is far more than profiles take.
const maxCredentials = 1 << 20

// Rejected does nothing: other keys come when somebody writes them.
func (*AWS) Rejected(string) {}

// Key is what the profile says now, as package sigv4 takes it. No error has any
// of it.
func (a *AWS) Key(context.Context) (string, error) {
	f, err := regular.Open(a.File)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCredentials))
	if err != nil {
		return "", err
	}
	found, values := false, map[string]string{}
	profile := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			profile = strings.TrimSpace(strings.TrimSuffix(name, "]"))
			found = found || profile == a.Profile
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if ok && profile == a.Profile && !strings.HasPrefix(line, "#") {
			values[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
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

// awsFile is where AWS's tools look.
func (c *Caller) awsFile() string {
	return c.path(cmp.Or(c.Env["AWS_SHARED_CREDENTIALS_FILE"], "~/.aws/credentials"))
}
