package sshfiles

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const (
	one   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	two   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIlzY4e0ZtRZ9h9TSo5+7RQk8JgV0E0iYQzv0WcE2VZS"
	three = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEBGXXaIYmVEWUeDYfQqXl1R3H1DfYkKDgVmZ2lYUZ1b"
)

func file(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHostKeys(t *testing.T) {
	for _, c := range []struct {
		text, name string
		want       []string
	}{
		{"github.com " + one + "\n", "github.com", []string{one}},
		{"github.com " + one + " a comment\n#github.com " + two, "github.com", []string{one}},
		{"a.example,GitHub.com " + one + "\ngithub.com " + two, "github.com", []string{one, two}},
		// The tests of x/crypto/ssh/knownhosts have this one.
		{"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= " + one, "192.168.1.61", []string{one}},
		{"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= " + one, "192.168.1.62", nil},
		{"[git.example.com]:2222 " + one, "[git.example.com]:2222", []string{one}},
		{"[git.example.com]:2222 " + one, "git.example.com", nil},
		{"*.example.com,!b.example.com " + one, "a.example.com", []string{one}},
		{"*.example.com,!b.example.com " + one, "b.example.com", nil},
		{"github.com " + one + "\n@revoked * " + one, "github.com", nil},
		{"@cert-authority *.com " + one, "github.com", nil},
		{"github.com ssh-rsa " + one[len("ssh-ed25519 "):], "github.com", nil},
		{"github.com ssh-ed25519 no+base64\ngithub.com\n@revoked\n@\n|1|x|y ssh-ed25519 x", "github.com", nil},
	} {
		if got := HostKeys(c.name, "/missing", file(t, c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%q, %s: %q, want %q", c.text, c.name, got, c.want)
		}
	}
	// What one file revokes, the other does not bring back.
	if got := HostKeys("github.com", file(t, "@revoked github.com "+one), file(t, "github.com "+one+"\ngithub.com "+three)); !slices.Equal(got, []string{three}) {
		t.Errorf("%q", got)
	}
}

func TestFingerprint(t *testing.T) {
	// GitHub's own, as it publishes it.
	if got, err := Fingerprint(file(t, one+" github\n")); err != nil || got != "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" {
		t.Error(got, err)
	}
	for _, text := range []string{"", "ssh-ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "ssh-rsa " + one[len("ssh-ed25519 "):]} {
		if got, err := Fingerprint(file(t, text)); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
