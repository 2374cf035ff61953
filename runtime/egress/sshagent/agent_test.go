package sshagent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// world is a host with an agent that has three keys, two of them named by the
// policy, and a jail's connection to it.
type world struct {
	t *testing.T
	// named and other are keys of the host's agent.
	named, rsa, other ssh.Signer
	// good is a key of the host in the policy, and rsa as well; evil is that of
	// another one.
	good, evil ssh.Signer
	agent      *Agent
	socket     string

	mu     sync.Mutex
	events []Event
	// upstream counts what the host's agent was asked to sign.
	upstream int
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return must[ssh.Signer](t)(ssh.NewSignerFromKey(private)), private
}

// rsaKey takes a while to make.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// counting is the host's agent.
type counting struct {
	agent.ExtendedAgent
	w *world
}

func (c counting) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	c.w.mu.Lock()
	c.w.upstream++
	c.w.mu.Unlock()
	return c.ExtendedAgent.SignWithFlags(key, data, flags)
}

func newWorld(t *testing.T, sign ...string) *world {
	t.Helper()
	w := &world{t: t}
	ring := agent.NewKeyring().(agent.ExtendedAgent)
	add := func(private any) ssh.Signer {
		if err := ring.Add(agent.AddedKey{PrivateKey: private, Comment: "/home/ada/.ssh/secret-place"}); err != nil {
			t.Fatal(err)
		}
		return must[ssh.Signer](t)(ssh.NewSignerFromKey(private))
	}
	_, one := newKey(t)
	_, two := newKey(t)
	w.named, w.other = add(one), add(two)
	w.rsa = add(must[*rsa.PrivateKey](t)(rsaKey()))
	w.good, _ = newKey(t)
	w.evil, _ = newKey(t)
	config := &network.SSH{
		Keys:  []string{ssh.FingerprintSHA256(w.named.PublicKey()), ssh.FingerprintSHA256(w.rsa.PublicKey())},
		Hosts: []network.SSHHost{{Name: "good.example", User: "git", Keys: []string{line(w.good), line(w.rsa)}}}, Sign: sign,
	}
	var err error
	w.agent, err = New(Options{
		Config: config,
		Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _ = agent.ServeAgent(counting{ring, w}, theirs) }()
			return ours, nil
		},
		Log: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: with the test's name in it the path is too long for a socket.
	dir, err := os.MkdirTemp("", "agent-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.socket = filepath.Join(dir, "a")
	l := must[net.Listener](t)(net.Listen("unix", w.socket))
	t.Cleanup(func() { l.Close(); w.agent.Close() })
	go w.agent.Serve(l)
	return w
}

func line(s ssh.Signer) string {
	return s.PublicKey().Type() + " " + base64.StdEncoding.EncodeToString(s.PublicKey().Marshal())
}

// jail is one connection from inside.
type jail struct {
	*world
	conn net.Conn
	agent.ExtendedAgent
}

func (w *world) connect() *jail {
	c := must[net.Conn](w.t)(net.Dial("unix", w.socket))
	w.t.Cleanup(func() { c.Close() })
	return &jail{w, c, newClient(c)}
}

type binding struct {
	HostKey, ID, Signature []byte
	Forwarding             bool
}

// bind is what a client of OpenSSH sends in a session with a host.
func (w *world) bind(host ssh.Signer, id []byte) binding {
	return binding{host.PublicKey().Marshal(), id, ssh.Marshal(must[*ssh.Signature](w.t)(host.Sign(rand.Reader, id))), false}
}

func (j *jail) bound(b binding) bool {
	_, err := j.Extension(sessionBind, ssh.Marshal(b))
	return err == nil
}

func session1() []byte { return bytes.Repeat([]byte{1}, 32) }

type login struct {
	ID              []byte
	Kind            byte
	User            string
	Service, Method string
	HasSignature    bool
	Algorithm       string
	Key             []byte
}

// login is what such a client wants signed.
func (w *world) login(key ssh.Signer) login {
	return login{session1(), 50, "git", "ssh-connection", "publickey", true, key.PublicKey().Type(), key.PublicKey().Marshal()}
}

func hostBound(l login, host ssh.Signer) []byte {
	l.Method = methodHostBound
	return append(ssh.Marshal(l), ssh.Marshal(struct{ K []byte }{host.PublicKey().Marshal()})...)
}

type sshsig struct{ Namespace, Reserved, Hash, Digest string }

func signature(namespace string) []byte {
	return append([]byte("SSHSIG"), ssh.Marshal(sshsig{namespace, "", "sha512", strings.Repeat("d", 64)})...)
}

func (j *jail) signs(key ssh.Signer, data []byte) bool {
	s, err := j.Sign(key.PublicKey(), data)
	return err == nil && key.PublicKey().Verify(data, s) == nil
}

// TestLogin: what OpenSSH does at a host of the policy works.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	j := w.connect()
	if !j.bound(w.bind(w.good, session1())) {
		t.Fatal("not bound")
	}
	keys, err := j.List()
	if err != nil || len(keys) != 2 || !bytes.Equal(keys[0].Blob, w.named.PublicKey().Marshal()) {
		t.Fatal(keys, err)
	}
	if strings.Contains(keys[0].Comment, "secret-place") {
		t.Error("the comment of the host's key is in the jail")
	}
	if !j.signs(w.named, ssh.Marshal(w.login(w.named))) || !j.signs(w.named, hostBound(w.login(w.named), w.good)) {
		t.Error("no signature")
	}
	l := w.login(w.rsa)
	for flags, algorithm := range map[agent.SignatureFlags]string{agent.SignatureFlagRsaSha256: "rsa-sha2-256", agent.SignatureFlagRsaSha512: "rsa-sha2-512"} {
		l.Algorithm = algorithm
		if s, err := j.SignWithFlags(w.rsa.PublicKey(), ssh.Marshal(l), flags); err != nil || s.Format != algorithm {
			t.Error(algorithm, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e != (Event{What: Login, Name: "git@good.example", Key: e.Key, OK: true}) {
			t.Errorf("%+v", e)
		}
	}
}

// TestGit: git's signatures work if the policy says so, and on no bound
// connection.
func TestGit(t *testing.T) {
	w := newWorld(t, "git")
	j := w.connect()
	if keys, err := j.List(); err != nil || len(keys) != 2 {
		t.Error(keys, err)
	}
	if !j.signs(w.named, signature("git")) {
		t.Error("no signature")
	}
	if j = w.connect(); !j.bound(w.bind(w.good, session1())) || j.signs(w.named, signature("git")) {
		t.Error("signed where a login was expected")
	}
	w = newWorld(t)
	if j = w.connect(); j.signs(w.named, signature("git")) {
		t.Error("signed, and the policy does not say so")
	}
	if j = w.connect(); j.bound(w.bind(w.evil, session1())) {
		t.Error("bound to another host")
	}
	if keys, err := j.List(); err != nil || len(keys) != 0 {
		t.Error(keys, err)
	}
}

// TestAttacks: none of these gets a signature, and the host's agent is not
// even asked.
func TestAttacks(t *testing.T) {
	other := bytes.Repeat([]byte{2}, 32)
	bound := func(j *jail, b binding, data []byte) bool { j.bound(b); return j.signs(j.named, data) }
	changed := func(w *world, change func(l *login)) []byte {
		l := w.login(w.named)
		change(&l)
		return ssh.Marshal(l)
	}
	for name, attack := range map[string]func(j *jail) bool{
		"unbound": func(j *jail) bool { return j.signs(j.named, ssh.Marshal(j.login(j.named))) },
		"bound to another host": func(j *jail) bool {
			return bound(j, j.bind(j.evil, session1()), ssh.Marshal(j.login(j.named)))
		},
		"a binding by another host's signature": func(j *jail) bool {
			b := j.bind(j.evil, session1())
			b.HostKey = j.good.PublicKey().Marshal()
			return bound(j, b, ssh.Marshal(j.login(j.named)))
		},
		"a binding without a signature": func(j *jail) bool {
			b := j.bind(j.good, session1())
			b.Signature = nil
			return bound(j, b, ssh.Marshal(j.login(j.named)))
		},
		"a binding signed for another session": func(j *jail) bool {
			b := j.bind(j.good, other)
			b.ID = session1()
			return bound(j, b, ssh.Marshal(j.login(j.named)))
		},
		"a replayed binding, for a session with somebody else": func(j *jail) bool {
			return bound(j, j.bind(j.good, other), ssh.Marshal(j.login(j.named)))
		},
		"a forwarded binding": func(j *jail) bool {
			b := j.bind(j.good, session1())
			b.Forwarding = true
			return bound(j, b, ssh.Marshal(j.login(j.named)))
		},
		"two bindings": func(j *jail) bool {
			return j.bound(j.bind(j.good, other)) && bound(j, j.bind(j.good, session1()), ssh.Marshal(j.login(j.named)))
		},
		"a failed binding and then a good one": func(j *jail) bool {
			return j.bound(j.bind(j.evil, session1())) || bound(j, j.bind(j.good, session1()), ssh.Marshal(j.login(j.named)))
		},
		"a good binding and then a failed one": func(j *jail) bool {
			return !j.bound(j.bind(j.good, session1())) || bound(j, j.bind(j.evil, other), ssh.Marshal(j.login(j.named)))
		},
		"a binding by SHA-1": func(j *jail) bool { // a signature of RSA, as this package makes it
			return bound(j, j.bind(j.rsa, session1()), ssh.Marshal(j.login(j.named)))
		},
		"an empty session": func(j *jail) bool {
			return bound(j, j.bind(j.good, nil), changed(j.world, func(l *login) { l.ID = nil }))
		},
		"a key that is not named": func(j *jail) bool {
			return j.bound(j.bind(j.good, session1())) && j.signs(j.other, ssh.Marshal(j.login(j.other)))
		},
		"a key that is not named, for the login of another": func(j *jail) bool {
			return j.bound(j.bind(j.good, session1())) && j.signs(j.other, ssh.Marshal(j.login(j.named)))
		},
		"a key that is not named, for git": func(j *jail) bool { return j.signs(j.other, signature("git")) },
		"the login of another key": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), ssh.Marshal(j.login(j.other)))
		},
		"host-bound to another host": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), hostBound(j.login(j.named), j.evil))
		},
		"host-bound to none": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.Method = methodHostBound }))
		},
		"more behind a login": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), append(ssh.Marshal(j.login(j.named)), 0))
		},
		"another user": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.User = "root" }))
		},
		"another service": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.Service = "ssh-userauth" }))
		},
		"another method": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.Method = "hostbased" }))
		},
		"another message": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.Kind = 51 }))
		},
		"the question whether a key would do": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.HasSignature = false }))
		},
		"another algorithm": func(j *jail) bool {
			return bound(j, j.bind(j.good, session1()), changed(j.world, func(l *login) { l.Algorithm = "rsa-sha2-512" }))
		},
		"SHA-1": func(j *jail) bool {
			l := j.login(j.rsa)
			return j.bound(j.bind(j.good, session1())) && j.signs(j.rsa, ssh.Marshal(l))
		},
		"SHA-1, for git": func(j *jail) bool { return j.signs(j.rsa, signature("git")) },
		"flags of another kind of key": func(j *jail) bool {
			_, err := j.SignWithFlags(j.named.PublicKey(), signature("git"), agent.SignatureFlagRsaSha256)
			return err == nil
		},
		"random data":                  func(j *jail) bool { return j.signs(j.named, bytes.Repeat([]byte{7}, 1024)) },
		"random data, bound":           func(j *jail) bool { return bound(j, j.bind(j.good, session1()), bytes.Repeat([]byte{7}, 1024)) },
		"nothing":                      func(j *jail) bool { return j.signs(j.named, nil) },
		"another namespace":            func(j *jail) bool { return j.signs(j.named, signature("file")) },
		"a namespace that begins like": func(j *jail) bool { return j.signs(j.named, signature("git\x00")) },
		"no namespace":                 func(j *jail) bool { return j.signs(j.named, signature("")) },
		"the magic alone":              func(j *jail) bool { return j.signs(j.named, []byte("SSHSIG")) },
		"more behind a signature":      func(j *jail) bool { return j.signs(j.named, append(signature("git"), 0)) },
		"a hash of another length": func(j *jail) bool {
			return j.signs(j.named, append([]byte("SSHSIG"), ssh.Marshal(sshsig{"git", "", "sha256", strings.Repeat("d", 64)})...))
		},
		"another hash": func(j *jail) bool {
			return j.signs(j.named, append([]byte("SSHSIG"), ssh.Marshal(sshsig{"git", "", "md5", strings.Repeat("d", 64)})...))
		},
		"another hash, of nothing": func(j *jail) bool {
			return j.signs(j.named, append([]byte("SSHSIG"), ssh.Marshal(sshsig{"git", "", "md5", ""})...))
		},
		"something reserved": func(j *jail) bool {
			return j.signs(j.named, append([]byte("SSHSIG"), ssh.Marshal(sshsig{"git", "x", "sha512", strings.Repeat("d", 64)})...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "git")
			if attack(w.connect()) {
				t.Error("signed")
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.upstream > 0 {
				t.Error("the host's agent was asked to sign")
			}
			if len(w.events) == 0 || slices.ContainsFunc(w.events, func(e Event) bool { return e.OK || !e.Refused || e.Why == "" }) {
				t.Errorf("events %+v", w.events)
			}
		})
	}
}

// TestUnbound: a client that never binds is told so, and not that its host is the
// wrong one.
func TestUnbound(t *testing.T) {
	w := newWorld(t)
	j := w.connect()
	if j.signs(w.named, ssh.Marshal(w.login(w.named))) {
		t.Error("signed")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) != 1 || !strings.Contains(w.events[0].Why, "session-bind@openssh.com") {
		t.Errorf("%+v", w.events)
	}
}

// TestOtherMessages: the host's agent is not changed, and an answer of failure
// leaves the connection usable.
func TestOtherMessages(t *testing.T) {
	w := newWorld(t, "git")
	j := w.connect()
	_, private := newKey(t)
	for name, do := range map[string]func() error{
		"add":        func() error { return j.Add(agent.AddedKey{PrivateKey: private}) },
		"add for 1s": func() error { return j.Add(agent.AddedKey{PrivateKey: private, LifetimeSecs: 1}) },
		"remove":     func() error { return j.Remove(w.named.PublicKey()) },
		"remove all": j.RemoveAll,
		"lock":       func() error { return j.Lock([]byte("x")) },
		"unlock":     func() error { return j.Unlock([]byte("x")) },
		"query":      func() error { _, err := j.Extension("query", nil); return err },
		"other":      func() error { _, err := j.Extension("restrict-destination-v00@openssh.com", []byte("x")); return err },
	} {
		if err := do(); err == nil {
			t.Errorf("%s: done", name)
		}
	}
	for kind := range 256 {
		if slices.Contains([]int{msgRequestKeys, msgSign, msgExtension}, kind) {
			continue
		}
		if got := j.raw([]byte{byte(kind)}); !bytes.Equal(got, failure) {
			t.Fatalf("message %d: %v", kind, got)
		}
	}
	for _, body := range [][]byte{{msgRequestKeys, 0}, {msgSign}, {msgSign, 0, 0, 0, 9}, {msgExtension}, {msgExtension, 0xff, 0xff, 0xff, 0xff}} {
		if got := j.raw(body); !bytes.Equal(got, failure) {
			t.Errorf("%v: %v", body, got)
		}
	}
	if keys, err := j.List(); err != nil || len(keys) != 2 || !j.signs(w.named, signature("git")) {
		t.Error(keys, err)
	}
}

// raw sends one message, and reads the answer.
func (j *jail) raw(m []byte) []byte {
	if _, err := j.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...)); err != nil {
		j.t.Fatal(err)
	}
	got, err := read(j.conn)
	if err != nil {
		j.t.Fatal(err)
	}
	return got
}

// TestFrames: a message of no length or one that is far too long ends the
// connection, a part of one gets nothing, and others are still served.
func TestFrames(t *testing.T) {
	w := newWorld(t, "git")
	for _, b := range []string{"\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x00\x04\x00\x01", "\x00\x00", "\x00\x00\x00\x05\x0b"} {
		j := w.connect()
		if _, err := j.conn.Write([]byte(b)); err != nil {
			t.Fatal(err)
		}
		if err := j.conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(j.conn); len(got) > 0 {
			t.Errorf("%q: %q, %v", b, got, err)
		}
	}
	j := w.connect()
	if got := j.raw(append([]byte{99}, make([]byte, maxMessage-1)...)); !bytes.Equal(got, failure) {
		t.Error("the longest message")
	}
	// More connections than there can be: they are closed, not kept waiting.
	var held []*jail
	for range maxConns + 8 {
		held = append(held, w.connect())
	}
	if got, err := io.ReadAll(held[len(held)-1].conn); len(got) > 0 {
		t.Error(got, err)
	}
	for _, j := range held {
		j.conn.Close()
	}
	for { // they are given back in their own time
		j := w.connect()
		if keys, err := j.List(); err == nil && len(keys) == 2 {
			return
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, key := range []string{"", "ssh-ed25519", "ssh-ed25519 ???", "ssh-ed25519 AAAA"} {
		if _, err := New(Options{Config: &network.SSH{Hosts: []network.SSHHost{{Name: "a.example", Keys: []string{key}}}}}); err == nil {
			t.Errorf("%q is a key", key)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(append([]byte{msgSign}, ssh.Marshal(struct{ K, D []byte }{nil, []byte("SSHSIG")})...))
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) == 0 || m[0] == msgRequestKeys {
			return
		}
		a, err := New(Options{Config: &network.SSH{}, Dial: func(context.Context) (net.Conn, error) { t.Error("dialled"); return nil, io.EOF }})
		if err != nil {
			t.Fatal(err)
		}
		(&session{agent: a}).answer(m)
	})
}
