package sshsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const namespace = "a-namespace"

// keygen runs ssh-keygen in a folder.
func keygen(t *testing.T, dir, stdin string, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("there is no ssh-keygen")
	}
	c := exec.Command(path, args...)
	c.Dir, c.Stdin = dir, strings.NewReader(stdin)
	return c.CombinedOutput()
}

func mustKeygen(t *testing.T, dir, stdin string, args ...string) {
	t.Helper()
	if out, err := keygen(t, dir, stdin, args...); err != nil {
		t.Fatalf("ssh-keygen %q: %v: %s", args, err, out)
	}
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKeygen: the real ssh-keygen verifies what this package signs, and the other
// way round, for each kind of key.
func TestKeygen(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		dir := t.TempDir()
		mustKeygen(t, dir, "", "-q", "-t", kind, "-N", "", "-f", "key", "-C", "")
		text, err := os.ReadFile(filepath.Join(dir, "key"))
		if err != nil {
			t.Fatal(err)
		}
		public, private, err := Key(text)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		sig, err := Sign(private, namespace, []byte("a text\n"))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		write(t, dir, "sig", string(sig))
		write(t, dir, "signers", "me "+string(ssh.MarshalAuthorizedKey(public)))
		mustKeygen(t, dir, "a text\n", "-Y", "verify", "-f", "signers", "-I", "me", "-n", namespace, "-s", "sig")
		if out, err := keygen(t, dir, "b text\n", "-Y", "verify", "-f", "signers", "-I", "me", "-n", namespace, "-s", "sig"); err == nil {
			t.Errorf("%s: ssh-keygen verifies another text: %s", kind, out)
		}
		write(t, dir, "text", "a text\n")
		for _, hash := range []string{"sha256", "sha512"} {
			os.Remove(filepath.Join(dir, "text.sig"))
			mustKeygen(t, dir, "", "-q", "-Y", "sign", "-O", "hashalg="+hash, "-f", "key", "-n", namespace, "text")
			theirs, err := os.ReadFile(filepath.Join(dir, "text.sig"))
			if err != nil {
				t.Fatal(err)
			}
			key, err := Verify(theirs, namespace, []byte("a text\n"))
			if err != nil || !bytes.Equal(key.Marshal(), public.Marshal()) {
				t.Errorf("%s, %s: %v", kind, hash, err)
			}
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestForged: a signature with any byte changed, cut short, of another namespace or
// of another text is none.
func TestForged(t *testing.T) {
	text := []byte("a text")
	sig, err := Sign(newSigner(t), namespace, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(sig, namespace, text); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(sig, namespace+"x", text); err == nil {
		t.Error("another namespace")
	}
	if _, err := Verify(sig, namespace, []byte("A text")); err == nil {
		t.Error("another text")
	}
	for i := range sig {
		if _, err := Verify(sig[:i], namespace, text); err == nil && i < len(sig)-1 {
			t.Errorf("cut at %d", i)
		}
		if strings.TrimSpace(string(sig[i])) == "" {
			continue
		}
		other := bytes.Clone(sig)
		for _, b := range []byte{other[i] ^ 1, 'A', '\n'} {
			if other[i] = b; b == sig[i] {
				continue
			}
			if _, err := Verify(other, namespace, text); err == nil {
				t.Errorf("byte %d, %q for %q", i, b, sig[i])
			}
		}
	}
	// A key that says that it signed what another one has.
	a, b := newSigner(t), newSigner(t)
	if _, err := Verify(mixed(t, a, b), namespace, text); err == nil {
		t.Error("the key of somebody else")
	}
}

// mixed is a signature by a with the key of b.
func mixed(t *testing.T, a, b ssh.Signer) []byte {
	t.Helper()
	sig, err := Sign(swapped{a, b.PublicKey()}, namespace, []byte("a text"))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

type swapped struct {
	ssh.Signer
	key ssh.PublicKey
}

func (s swapped) PublicKey() ssh.PublicKey { return s.key }

// TestSigners: who is allowed is judged as ssh-keygen judges it.
func TestSigners(t *testing.T) {
	s, other := newSigner(t), newSigner(t)
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
	others := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(other.PublicKey())))
	sig, err := Sign(s, namespace, []byte("a text"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "sig", string(sig))
	for _, r := range []struct {
		file, identity string
		good           bool
	}{
		{"me " + key, "me", true},
		{"me " + key, "you", false},
		{"me " + key, "m", false},
		{"me " + others, "me", false},
		{"me " + others + "\nme " + key, "me", true},
		{"you " + key + "\nme " + others, "me", false},
		{"# a comment\n\n  me " + key + " a comment", "me", true},
		{"you,me " + key, "me", true},
		{"m? " + key, "me", true},
		{"*@example.org " + key, "me@example.org", true},
		{"*@example.org " + key, "me@example.com", false},
		{"*,!me " + key, "me", false},
		{"!me,* " + key, "me", false},
		{"* " + key, "me", true},
		{"\"me\" " + key, "me", true},
		{"me namespaces=\"" + namespace + "\" " + key, "me", true},
		{"me namespaces=\"git,a-*\" " + key, "me", true},
		{"me namespaces=\"git\" " + key, "me", false},
		{"me namespaces=\"!a-namespace,*\" " + key, "me", false},
		{"me cert-authority " + key, "me", false},
		{"me valid-before=\"20200101\" " + key, "me", false},
		{"me valid-before=\"20990101\" " + key, "me", true},
		{"me valid-after=\"20990101Z\" " + key, "me", false},
		{"me valid-after=\"20200101123059\" " + key, "me", true},
		{"me valid-after=\"202001\" " + key, "me", false},
		{"me valid-after=\"20200101\",namespaces=\"git\" " + key, "me", false},
		{"me surprise=\"1\" " + key, "me", false},
		{"me namespaces=\"\" " + key, "me", false},
		{"me namespaces " + key, "me", false},
		{"me namespaces=a-namespace " + key, "me", false},
		{"me namespaces=\"git\",namespaces=\"a-*\" " + key, "me", false},
		{"me valid-after=\"20990101\",Valid-After=\"20200101\" " + key, "me", false},
		{"", "me", false},
		{"me", "me", false},
	} {
		all, err := ParseSigners([]byte(r.file + "\n"))
		if err == nil {
			err = all.Check(s.PublicKey(), r.identity, namespace, time.Now())
		}
		if (err == nil) != r.good {
			t.Errorf("%q, %q: %v", r.file, r.identity, err)
		}
		write(t, dir, "signers", r.file+"\n")
		if out, err := keygen(t, dir, "a text", "-Y", "verify", "-f", "signers", "-I", r.identity, "-n", namespace, "-s", "sig"); (err == nil) != r.good {
			t.Errorf("%q, %q: ssh-keygen says %v: %s", r.file, r.identity, err, out)
		}
	}
}

// TestMoment: a time with a Z is UTC wherever it is read, and one without is not.
func TestMoment(t *testing.T) {
	here := time.Local
	t.Cleanup(func() { time.Local = here })
	time.Local = time.FixedZone("five hours ahead", 5*60*60)
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"20260131Z": day, "20260131": day.Add(-5 * time.Hour), "202601310130Z": day.Add(90 * time.Minute)} {
		if got, err := moment(text); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// TestCertificate: a signature with a certificate is refused: nobody asks here whether
// it is valid, or by whom it was made.
func TestCertificate(t *testing.T) {
	s := newSigner(t)
	c := &ssh.Certificate{Key: s.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"me"}, ValidBefore: ssh.CertTimeInfinity}
	if err := c.SignCert(rand.Reader, s); err != nil {
		t.Fatal(err)
	}
	sig, err := Sign(swapped{s, c}, namespace, []byte("a text"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(sig, namespace, []byte("a text")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}

// TestHalfArmor: what does not begin as a signature is none.
func TestHalfArmor(t *testing.T) {
	sig, err := Sign(newSigner(t), namespace, []byte("a text"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(sig, []byte("\n"))
	if _, err := Verify(rest, namespace, []byte("a text")); err == nil {
		t.Error("without its first line")
	}
}

// TestAgentRSA: an agent is asked for a signature by RSA that is good.
func TestAgentRSA(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ring, ok := agent.NewKeyring().(agent.ExtendedAgent)
	if !ok {
		t.Fatal("no agent with flags")
	}
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := Sign(ByAgent(ring, public), namespace, []byte("a text"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(sig, namespace, []byte("a text")); err != nil {
		t.Error(err)
	}
}

// oldRSA signs with SHA-1, as ssh did once.
type oldRSA struct{ ssh.Signer }

func (s oldRSA) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return s.Signer.(ssh.AlgorithmSigner).SignWithAlgorithm(r, data, ssh.KeyAlgoRSA)
}

// TestOldRSA: a signature by RSA with SHA-1 is none, as for ssh-keygen.
func TestOldRSA(t *testing.T) {
	dir := t.TempDir()
	mustKeygen(t, dir, "", "-q", "-t", "rsa", "-N", "", "-f", "key", "-C", "")
	text, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := Key(text)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := Sign(oldRSA{private}, namespace, []byte("a text"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(sig, namespace, []byte("a text")); err == nil {
		t.Error("it is good")
	}
}
