package authority

import (
	"bytes"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJavaStore: a trust store has one certificate more; one of another format, of
// another password or broken is made anew of the host's certificates.
func TestJavaStore(t *testing.T) {
	a, err := New([]string{"service.example"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := New([]string{"other.example"})
	if err != nil {
		t.Fatal(err)
	}
	roots := []byte("text\n" + string(other.PEM()) + "more\n" + string(other.PEM()))
	first, err := a.JavaStore(nil, roots)
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(first)
	broken[40]++
	for name, c := range map[string]struct {
		store []byte
		count uint32
	}{"none": {nil, 3}, "PKCS 12": {[]byte("0\x82\x01\x00 and more than there has to be"), 3}, "one of Java": {first, 4}, "broken": {broken, 3}, "short": {first[:11], 3}} {
		got, err := a.JavaStore(c.store, roots)
		if err != nil {
			t.Fatal(err)
		}
		entries, count, ok := javaEntries(got)
		if !ok || count != c.count || bytes.Count(entries, a.der()) != int(c.count)-2 || bytes.Count(entries, other.der()) != 2 {
			t.Errorf("%s: %d entries, %v", name, count, ok)
		}
	}
	if _, err := a.JavaStore(nil, nil); err == nil {
		t.Error("a store without the host's certificates")
	}
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("keytool is not installed")
	}
	file := filepath.Join(t.TempDir(), "cacerts")
	if err := os.WriteFile(file, first, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(keytool, "-exportcert", "-keystore", file, "-storepass", javaPassword, "-alias", "jailed-claude").Output()
	if err != nil {
		t.Fatalf("keytool: %v: %s", err, out)
	}
	if c, err := x509.ParseCertificate(out); err != nil || !bytes.Equal(c.Raw, a.der()) {
		t.Errorf("keytool shows another certificate: %v", err)
	}
}
