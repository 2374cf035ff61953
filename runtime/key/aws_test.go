package key

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestProfilesOfOtherMeans: a profile whose keys AWS's tools get by a role or by
// single sign-on is refused by that name, also where it has keys of its own: those
// may be good for more.
func TestProfilesOfOtherMeans(t *testing.T) {
	const keys = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret-secret\n"
	for name, c := range map[string]struct{ profile, config, credentials, want string }{
		"keys":                {"dev", "[profile dev]\nregion = x\n", "[dev]\n" + keys, ""},
		"a role":              {"dev", "[profile dev]\nrole_arn = arn:x\nsource_profile = default\n", "[default]\n" + keys, "a role (role_arn)"},
		"a role and keys":     {"dev", "[profile  dev]\nrole_arn = arn:x\nsource_profile = dev\n", "[dev]\n" + keys, "a role (role_arn)"},
		"in credentials":      {"dev", "", "[dev]\nrole_arn = arn:x\n" + keys, "a role (role_arn)"},
		"of another":          {"dev", "[profile other]\nrole_arn = arn:x\n[default]\nrole_arn = arn:y\n", "[dev]\n" + keys, ""},
		"the default":         {"default", "[default]\nsso_session = x\n", "[other]\n" + keys, "single sign-on (sso_session)"},
		"an older sign-on":    {"dev", "[profile dev]\nsso_start_url = https://x\n", "", "single sign-on (sso_start_url)"},
		"a program":           {"dev", "[profile dev]\ncredential_process = x\n", "", "a program (credential_process)"},
		"a program, and keys": {"dev", "[profile dev]\ncredential_process = x\n", "[dev]\n" + keys, ""},
		"nothing":             {"dev", "", "[other]\n" + keys, "has no profile [dev]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"config": c.config, "credentials": c.credentials} {
				if err := os.MkdirAll(filepath.Join(dir, ".aws"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, ".aws", file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := All(context.Background(), []network.Broker{{Name: "aws", From: "aws:" + c.profile}}, Caller{Home: dir})
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-secret") {
				t.Fatalf("%v", err)
			}
			if e, ok := err.(*Error); !ok || strings.Contains(c.want, "(") != strings.Contains(e.Fix, "export-credentials --profile "+c.profile) { //nolint:errorlint // as it is returned
				t.Errorf("%+v", err)
			}
		})
	}
}
