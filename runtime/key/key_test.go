package key

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

const secret = "sk-secret-0123456789"

// caller has a home with what tests need, and keeps warnings.
func caller(t *testing.T) (c Caller, warned *[]string) {
	t.Helper()
	home := t.TempDir()
	warned = new([]string)
	c = Caller{
		Home: home, Project: filepath.Join(home, "project"), Warn: func(s string) { *warned = append(*warned, s) },
		Env: map[string]string{"KEY": secret, "EMPTY": "", "TWO": secret + "\n" + secret, "PATH": "relative:" + home + "/bin:/usr/bin:/bin"},
	}
	for name, text := range map[string]string{
		"key": secret + "\n", "open": secret, "empty": "", "two": "one-line-of-text\nanother\n", "large": strings.Repeat("k", maxSize+1), "nul": secret + "\x00",
		"project/key": secret, "bin/print-key": "#!/bin/sh\necho " + secret + "\n", "project/print-key": "#!/bin/sh\necho " + secret + "\n",
		"bin/args":   "#!/bin/sh\n[ \"$PWD\" = " + home + " ] && [ \"$#\" = 2 ] && [ -z \"$(cat)\" ] && echo \"$KEY-$1-$2\"\n",
		"bin/fails":  "#!/bin/sh\necho " + secret + "\nexit 3\n",
		"bin/much":   "#!/bin/sh\nexec yes " + secret + "\n",
		"bin/silent": "#!/bin/sh\n",
	} {
		p := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(home+"/open", 0o644), unix.Mkfifo(home+"/fifo", 0o600),
		os.Symlink("key", home+"/link"), os.Symlink("../project/print-key", home+"/bin/planted"), os.Symlink("/dev/zero", home+"/zero")); err != nil {
		t.Fatal(err)
	}
	return c, warned
}

func TestAll(t *testing.T) {
	c, warned := caller(t)
	for from, want := range map[string]string{
		"env:KEY":                              secret,
		"file:~/key":                           secret,
		"file:" + c.Home + "/key":              secret,
		"file:~/link":                          secret,
		"file:~/open":                          secret + " every user",
		"file:~/project/key":                   secret + " in the project",
		"command:print-key":                    secret,
		"command:~/bin/print-key":              secret,
		"command:" + c.Home + "/bin/print-key": secret,
		"command:args  one  2":                 secret + "-one-2",
	} {
		*warned = nil
		keys, err := All(t.Context(), []network.Broker{{Name: "a", From: from}}, c)
		want, warning, _ := strings.Cut(want, " ")
		if err != nil || keys["a"] != want {
			t.Errorf("%s: %q, %v", from, keys["a"], err)
		}
		if text := strings.Join(*warned, "|"); (text == "") != (warning == "") || !strings.Contains(text, warning) || strings.Contains(text, secret) {
			t.Errorf("%s: warned %q, want %q", from, text, warning)
		}
	}
}

func TestErrors(t *testing.T) {
	c, _ := caller(t)
	for from, says := range map[string]string{
		"env:MISSING":                 "not set",
		"env:EMPTY":                   "not set",
		"env:TWO":                     "more than one line",
		"file:~/missing":              "no such file",
		"file:~/bin":                  "no regular file",
		"file:~/fifo":                 "no regular file",
		"file:~/zero":                 "no regular file",
		"file:~/empty":                "empty",
		"file:~/two":                  "more than one line",
		"file:~/nul":                  "printable",
		"file:~/large":                "more than 16 KiB",
		"command:missing-program":     "not on PATH",
		"command:./bin/print-key":     "relative",
		"command:bin/print-key":       "relative",
		"command:~/project/print-key": "in the project",
		"command:planted":             "in the project",
		"command:fails":               "exit status 3",
		"command:much":                "more than 16 KiB",
		"command:silent":              "empty",
		"command:echo 'a b'":          "without a shell",
		"command:echo $KEY":           "without a shell",
		"command:print-key | cat":     "without a shell",
		"other:x":                     "no such kind",
	} {
		keys, err := All(t.Context(), []network.Broker{{Name: "a", From: "env:KEY"}, {Name: "npm", From: from}}, c)
		var e *Error
		if !errors.As(err, &e) || e.Broker != "npm" || e.From != from || e.Fix == "" && from != "other:x" || keys != nil {
			t.Errorf("%s: %v, %v", from, keys, err)
			continue
		}
		if !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `broker "npm"`) {
			t.Errorf("%s: %v, want it to say %q", from, err, says)
		}
		if strings.Contains(err.Error()+e.Fix, secret) || strings.Contains(err.Error(), "one-line-of-text") {
			t.Errorf("%s: the error has the key: %v", from, err)
		}
	}
}

// TestOwner: somebody else's file is no key of ours.
func TestOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	c, _ := caller(t)
	if err := os.Chown(c.Home+"/key", 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := All(t.Context(), []network.Broker{{Name: "a", From: "file:~/key"}}, c); err == nil || !strings.Contains(err.Error(), "uid 12345") {
		t.Error(err)
	}
}
