package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/jailed-claude/jailed-claude/bundle/receipt/sshsig"
	"github.com/jailed-claude/jailed-claude/internal/digest"
)

func signer(t *testing.T) ssh.Signer {
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

func statement(t *testing.T, id string) []byte {
	t.Helper()
	s := New([]byte("{}\n"))
	now := time.Now().UTC()
	s.Predicate.Session = Session{ID: id, Project: "/a", Started: now.Add(-time.Second), Ended: now}
	s.Predicate.Policy = Policy{digest.Of([]byte("effective")), digest.Of([]byte("project"))}
	s.Predicate.Changed, s.Predicate.Network.Allowed, s.Predicate.Network.Refused = []Change{}, []Decision{}, []Decision{}
	text, err := s.Render()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func allowed(name string, s ssh.Signer) []byte {
	return append([]byte(name+" "), ssh.MarshalAuthorizedKey(s.PublicKey())...)
}

// TestForged: no byte of a signed receipt can be changed and none left out, and it
// cannot pass for that of another session, or be signed by another key or for
// something else.
func TestForged(t *testing.T) {
	s, text := signer(t), statement(t, "abc")
	sealed, err := Seal(text, s)
	if err != nil {
		t.Fatal(err)
	}
	w := Wanted{Signers: allowed("me", s), Identity: "me", Session: "abc", Config: digest.Of([]byte("{}\n")), Now: time.Now()}
	verify := func(text []byte, w Wanted) error {
		o, err := Open(text)
		if err == nil {
			err = o.Verify(w)
		}
		return err
	}
	if err := verify(sealed, w); err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		if err := verify(sealed[:i], w); err == nil && i < len(sealed)-1 {
			t.Errorf("cut at %d", i)
		}
		other := bytes.Clone(sealed)
		other[i] ^= 1
		var a, b any
		if json.Unmarshal(other, &a) == nil && json.Unmarshal(sealed, &b) == nil && same(a, b) {
			continue // white space between members
		}
		if err := verify(other, w); err == nil {
			t.Errorf("byte %d, %q for %q", i, other[i], sealed[i])
		}
	}
	another := signer(t)
	byAnother, err := Seal(text, another)
	if err != nil {
		t.Fatal(err)
	}
	forOther, err := sshsig.Sign(s, "git", Encode(text))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := sshsig.Sign(s, namespace, text)
	if err != nil {
		t.Fatal(err)
	}
	envelopeOf := func(payload, sig []byte) []byte {
		e, err := json.Marshal(envelope{payloadType, payload, []signature{{ssh.FingerprintSHA256(s.PublicKey()), sig}}})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	var e envelope
	if err := json.Unmarshal(sealed, &e); err != nil {
		t.Fatal(err)
	}
	unsigned, _ := json.Marshal(envelope{payloadType, text, []signature{}})
	for name, forged := range map[string][]byte{
		"another key":                  byAnother,
		"signed for git":               envelopeOf(text, forOther),
		"signed without the envelope":  envelopeOf(text, bare),
		"another session's signature":  envelopeOf(statement(t, "abd"), e.Signatures[0].Sig),
		"no signature in the envelope": unsigned,
		"not signed":                   text,
		"something behind it":          append(bytes.Clone(sealed), '{'),
		"two of them":                  append(bytes.Clone(sealed), sealed...),
	} {
		if err := verify(forged, w); err == nil {
			t.Errorf("%s: it is good", name)
		}
	}
	for _, more := range [][2]string{{`"payloadType"`, `"x": 1, "payloadType"`}, {`"keyid"`, `"cert": "x", "keyid"`}} {
		if _, err := Open(bytes.Replace(sealed, []byte(more[0]), []byte(more[1]), 1)); err == nil {
			t.Errorf("%s in the envelope, which this version does not know", more[1])
		}
	}
	if _, err := Open(unsigned); err == nil {
		t.Error("an envelope without a signature is opened as a receipt that nobody signed")
	}
	for name, change := range map[string]func(*Wanted){
		"another session":        func(w *Wanted) { w.Session = "abd" },
		"the beginning of an ID": func(w *Wanted) { w.Session = "ab" },
		"another identity":       func(w *Wanted) { w.Identity = "you" },
		"another signer":         func(w *Wanted) { w.Signers = allowed("me", another) },
		"no signers":             func(w *Wanted) { w.Signers = []byte{} },
		"another configuration":  func(w *Wanted) { w.Config = digest.Of(nil) },
		"another policy":         func(w *Wanted) { w.Policy = digest.Of(nil) },
		"another project policy": func(w *Wanted) { w.Project = digest.Of(nil) },
		"a lock":                 func(w *Wanted) { w.Lock = digest.Of(nil) },
	} {
		now := w
		change(&now)
		if err := verify(sealed, now); err == nil {
			t.Errorf("%s: it is good", name)
		}
	}
}

// TestOfWhich: each digest that is demanded is compared with its own, and one signature
// of several is enough if it is by whom it shall be, and all are good.
func TestOfWhich(t *testing.T) {
	a, b, text := signer(t), signer(t), statement(t, "abc")
	seal := func(sign ...[]byte) []byte {
		e := envelope{PayloadType: payloadType, Payload: text}
		for i, s := range []ssh.Signer{a, b} {
			sig, err := sshsig.Sign(s, namespace, Encode(sign[i]))
			if err != nil {
				t.Fatal(err)
			}
			e.Signatures = append(e.Signatures, signature{ssh.FingerprintSHA256(s.PublicKey()), sig})
		}
		sealed, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	o, err := Open(seal(text, text))
	if err != nil {
		t.Fatal(err)
	}
	effective, project := digest.Of([]byte("effective")), digest.Of([]byte("project"))
	by := func(s ssh.Signer) Wanted { return Wanted{Signers: allowed("me", s), Identity: "me", Now: time.Now()} }
	only := func(options string, now time.Time) Wanted {
		w := by(b)
		w.Signers, w.Now = bytes.Replace(w.Signers, []byte("me "), []byte("me "+options+" "), 1), now
		return w
	}
	old := by(b)
	old.Signers = bytes.Replace(old.Signers, []byte("me "), []byte(`me valid-after="20990101" `), 1)
	for name, c := range map[string]struct {
		w    Wanted
		good bool
	}{
		"the policy": {Wanted{Policy: effective}, true}, "the project's for it": {Wanted{Policy: project}, false},
		"the project's": {Wanted{Project: project}, true}, "the other for it": {Wanted{Project: effective}, false},
		"the configuration": {Wanted{Config: digest.Of([]byte("{}\n"))}, true}, "the policy for it": {Wanted{Config: effective}, false},
		"the session": {Wanted{Session: "abc"}, true}, "the first who signed": {by(a), true}, "the second": {by(b), true},
		"a third": {by(signer(t)), false}, "a key of later": {old, false},
		"a key for receipts":         {only(`namespaces="`+namespace+`"`, time.Now()), true},
		"a key for something else":   {only(`namespaces="git"`, time.Now()), false},
		"a key of then, asked then":  {only(`valid-before="20200101"`, time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)), true},
		"a key of later, asked then": {only(`valid-after="20200101"`, time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)), false},
	} {
		if err := o.Verify(c.w); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(seal(text, []byte("another"))); err == nil {
		t.Error("one of two signatures is of another text")
	}
}

// TestSlack: the bits of base64 that decode to nothing are zero.
func TestSlack(t *testing.T) {
	s, found := signer(t), map[string]bool{}
	for _, id := range []string{"a", "ab", "abc"} {
		sealed, err := Seal(statement(t, id), s)
		if err != nil {
			t.Fatal(err)
		}
		var e envelope
		if err := json.Unmarshal(sealed, &e); err != nil {
			t.Fatal(err)
		}
		e.Signatures[0].Sig = e.Signatures[0].Sig[:len(e.Signatures[0].Sig)-len(id)%2] // its last line may end or not
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(text); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string][]byte{"payload": e.Payload, "sig": e.Signatures[0].Sig} {
			as := base64.StdEncoding.EncodeToString(value)
			end := strings.TrimRight(as, "=")
			if end == as {
				continue
			}
			found[name] = true
			other := end[:len(end)-1] + string(end[len(end)-1]+1) + as[len(end):]
			if same, err := base64.StdEncoding.DecodeString(other); err != nil || !bytes.Equal(same, value) {
				t.Fatalf("%q is not %q: %v", other, as, err)
			}
			if _, err := Open(bytes.Replace(text, []byte(as), []byte(other), 1)); err == nil {
				t.Errorf("another text of the same %s is good", name)
			}
		}
	}
	if len(found) != 2 {
		t.Errorf("only %v had such bits", found)
	}
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// TestParse: what a verifier would not understand is no receipt.
func TestParse(t *testing.T) {
	good := string(statement(t, "abc"))
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse([]byte(good + "{}")); err == nil {
		t.Error("something behind it")
	}
	if _, err := Open(append([]byte(good), bytes.Repeat([]byte(" "), maxReceipt)...)); err == nil {
		t.Error("it may be of any size")
	}
	for _, r := range [][2]string{
		{statementType, "https://in-toto.io/Statement/v0.1"},
		{predicateType, "https://slsa.dev/provenance/v1"},
		{`"exitStatus"`, `"exit_status"`},
		{`"abc"`, `""`},
		{`"config.json"`, `"other"`},
		{`"sha256": "`, `"sha256": "0`},
		{`"sha256"`, `"sha1"`},
		{`"effective": "sha256:`, `"effective": "sha256:z`},
		{`"project": "sha256:`, `"project": "sha256:z`},
		{`"agent": {`, `"lock": "sha256:z", "agent": {`},
		{`"ended": "2`, `"ended": "1`},
		{`"subject": [`, `"subject": [{"name": "config.json", "digest": {"sha256": "` + strings.Repeat("0", 64) + `"}}, `},
		{`"sha256": "`, `"sha1": "` + strings.Repeat("0", 40) + `", "sha256": "`},
		{`"digest": {`, `"digest": {"sha256": "` + strings.Repeat("0", 62) + `"}}, {"name": "layer", "digest": {`},
	} {
		bad := strings.Replace(good, r[0], r[1], 1)
		if bad == good {
			t.Fatalf("%q is not in it", r[0])
		}
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q for %q: it is good", r[1], r[0])
		}
	}
}

// TestShown: what a receipt says, and anybody may write one, does not speak to a
// terminal.
func TestShown(t *testing.T) {
	o, err := Open(statement(t, "abc\x1b]0;x\a\r\n\u202e"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := o.Show(&b); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"show": b.String(), "verify": o.Verdict(Wanted{})} {
		if strings.ContainsAny(text, "\x1b\a\r\u202e") || !strings.Contains(text, "abc") {
			t.Errorf("%s: %q", what, text)
		}
	}
}

// TestClean: a demand for a clean session sees the status, and what appeared.
func TestClean(t *testing.T) {
	for name, change := range map[string]func(*Predicate){
		"status":   func(p *Predicate) { p.Session.ExitStatus = 1 },
		"appeared": func(p *Predicate) { p.Changed = []Change{{Path: "/a/.envrc"}} },
		"unlisted": func(p *Predicate) { p.Unlisted = 1 },
	} {
		s, err := Parse(statement(t, "abc"))
		if err != nil {
			t.Fatal(err)
		}
		o := &Opened{Statement: s}
		if err := o.Verify(Wanted{Clean: true}); err != nil {
			t.Fatal(err)
		}
		change(&s.Predicate)
		if err := o.Verify(Wanted{Clean: true}); err == nil {
			t.Errorf("%s: it is clean", name)
		}
	}
}
