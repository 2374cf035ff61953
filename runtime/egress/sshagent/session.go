package sshagent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// session is one connection of the jail, with what it was bound to.
type session struct {
	agent *Agent
	// bound: there was a session-bind. Without hosts it was none that opens
	// anything, and the connection never signs.
	bound bool
	hosts []host
	// id of the ssh session, and the key of the host at its other end.
	id, hostKey []byte
	// up is the connection to the host's agent, nil before it is needed.
	up net.Conn
	// bind is passed on, so that what the user's own agent constrains holds.
	bind []byte
}

var failure = []byte{msgFailure}

// refusal is why something is not done.
type refusal struct{ name, why string }

func (s *session) answer(request []byte) []byte {
	kind, body := request[0], request[1:]
	switch kind {
	case msgRequestKeys:
		if len(body) == 0 {
			return s.list()
		}
	case msgSign:
		return s.sign(body)
	case msgExtension:
		return s.extension(body)
	}
	s.tell(Event{What: fmt.Sprintf("message %d", kind), Refused: true, Why: "a jail has keys listed and used, and nothing else"})
	return failure
}

func (s *session) tell(e Event) {
	if s.agent.Log != nil {
		s.agent.Log(e)
	}
}

// extension: there is one that means something here.
func (s *session) extension(body []byte) []byte {
	var m struct {
		Name string
		Rest []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(body, &m); err != nil || m.Name != sessionBind {
		s.tell(Event{What: "extension", Refused: true, Why: fmt.Sprintf("the extension %.60q is not for jails", m.Name)})
		return failure
	}
	if no := s.bindTo(m.Rest); no != nil {
		s.hosts = nil
		s.tell(Event{What: "bind", Name: no.name, Refused: true, Why: no.why})
		return failure
	}
	s.bind = m.Rest
	return []byte{msgSuccess}
}

// bindTo takes a session-bind: proof that the connection is used for a session
// with a host that has a key (PROTOCOL.agent of OpenSSH, 1). Any that does not
// hold closes the connection for signatures, and so does a second one.
func (s *session) bindTo(body []byte) *refusal {
	again := s.bound
	s.bound = true
	var m struct {
		HostKey, ID, Signature []byte
		Forwarding             bool
	}
	if err := ssh.Unmarshal(body, &m); err != nil || len(m.ID) == 0 {
		return &refusal{"", "the binding is malformed"}
	}
	key, err := ssh.ParsePublicKey(m.HostKey)
	if err != nil {
		return &refusal{"", "the host's key in the binding is none"}
	}
	name := fingerprint(m.HostKey)
	var signature ssh.Signature
	if err = ssh.Unmarshal(m.Signature, &signature); err == nil {
		err = key.Verify(m.ID, &signature)
	}
	found := s.agent.hostsOf(m.HostKey)
	if len(found) > 0 {
		name = found[0].String()
	}
	switch {
	case err != nil || signature.Format == ssh.KeyAlgoRSA: // SHA-1
		return &refusal{name, "the host has not signed the session: its signature in the binding does not hold"}
	case again:
		return &refusal{name, "the connection was bound before"}
	case m.Forwarding:
		return &refusal{name, "an agent that was forwarded is not for jails"}
	case len(found) == 0:
		return &refusal{name, "the host with this key is not in ssh.hosts"}
	}
	s.hosts, s.id, s.hostKey = found, m.ID, m.HostKey
	return nil
}

// list are the named keys, but on a connection that is bound to nothing that
// they sign for. One that is not bound may be git's or that of a client that
// never binds: what it then asks for is refused in words.
func (s *session) list() []byte {
	var keys []*agent.Key
	if !s.bound || len(s.hosts) > 0 {
		all, err := s.ask()
		if err != nil {
			s.tell(Event{What: "list", Why: err.Error()})
		}
		for _, k := range all {
			if s.agent.named(k.Blob) {
				keys = append(keys, k)
			}
		}
	}
	type one struct {
		Blob    []byte
		Comment string
	}
	out := ssh.Marshal(struct{ N uint32 }{uint32(len(keys))})
	for _, k := range keys {
		// The comment is often a path of the host's.
		out = append(out, ssh.Marshal(one{k.Blob, "a key outside of this jail"})...)
	}
	return append([]byte{msgKeys}, out...)
}

func (s *session) ask() ([]*agent.Key, error) {
	client, err := s.client(askTime)
	if err != nil {
		return nil, err
	}
	keys, err := client.List()
	if err != nil {
		s.close() // the next answer could be that of this question
	}
	return keys, err
}

// sign signs what is understood whole and allowed.
func (s *session) sign(body []byte) []byte {
	var m struct {
		Key, Data []byte
		Flags     uint32
	}
	e := Event{What: "signature", Refused: true, Why: "the request is malformed"}
	if err := ssh.Unmarshal(body, &m); err != nil {
		s.tell(e)
		return failure
	}
	e.Key = fingerprint(m.Key)
	var no *refusal
	if bytes.HasPrefix(m.Data, []byte(signatureMagic)) {
		e.What = Sign
		no = s.judgeSignature(m.Data)
	} else {
		e.What = Login
		no = s.judgeLogin(m.Key, m.Data, m.Flags)
	}
	e.Name, e.Why = no.name, no.why
	switch {
	case !s.agent.named(m.Key):
		e.Why = "this key is not in ssh.keys"
	case e.Why == "" && algorithm(m.Key, m.Flags) == "":
		e.Why = "the flags of the request do not fit the key"
	}
	if e.Why != "" {
		s.tell(e)
		return failure
	}
	e.Refused = false
	signature, err := s.signed(m.Key, m.Data, m.Flags)
	if err != nil {
		e.Why = "the host's agent: " + err.Error()
		s.tell(e)
		return failure
	}
	e.OK = true
	s.tell(e)
	return append([]byte{msgSignature}, ssh.Marshal(struct{ Signature []byte }{ssh.Marshal(signature)})...)
}

func (s *session) signed(key, data []byte, flags uint32) (*ssh.Signature, error) {
	client, err := s.client(signTime)
	if err != nil {
		return nil, err
	}
	signature, err := client.SignWithFlags(&agent.Key{Blob: key}, data, agent.SignatureFlags(flags))
	if err != nil {
		s.close()
		return nil, errors.New("it did not sign")
	}
	return signature, nil
}

// judgeSignature: SSHSIG (PROTOCOL.sshsig of OpenSSH). It cannot be a login,
// whose data begin with the length of a session's id.
func (s *session) judgeSignature(data []byte) *refusal {
	var m struct{ Namespace, Reserved, Hash, Digest string }
	if err := ssh.Unmarshal(data[len(signatureMagic):], &m); err != nil {
		return &refusal{"", "the data to be signed are malformed"}
	}
	no := &refusal{name: clip(m.Namespace)}
	length := map[string]int{"sha256": 32, "sha512": 64}[m.Hash]
	switch {
	case s.bound:
		no.why = "the connection is for a login"
	case !slices.Contains(s.agent.Config.Sign, m.Namespace):
		no.why = fmt.Sprintf("signatures for %q are not in ssh.sign", clip(m.Namespace))
	case m.Reserved != "" || length == 0 || len(m.Digest) != length:
		no.why = "the data to be signed are malformed"
	}
	return no
}

// judgeLogin: a request for user authentication (RFC 4252, 7), of the session
// and the host that the connection was bound to.
func (s *session) judgeLogin(key, data []byte, flags uint32) *refusal {
	if !s.bound {
		return &refusal{"", "the connection was not bound to a host (session-bind@openssh.com): OpenSSH's client does that, libssh2 and Go's do not"}
	}
	if len(s.hosts) == 0 {
		return &refusal{"", "the connection is bound to no host of ssh.hosts"}
	}
	no := &refusal{name: s.hosts[0].String()}
	var m struct {
		ID              []byte
		Kind            byte
		User            string
		Service, Method string
		HasSignature    bool
		Algorithm       string
		Key             []byte
		Rest            []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(data, &m); err != nil || m.Kind != userAuthRequest || m.Service != serviceConnection || !m.HasSignature {
		no.why = "the data to be signed are no login"
		return no
	}
	var at struct{ HostKey []byte }
	switch m.Method {
	case "publickey":
		if len(m.Rest) != 0 {
			no.why = "something follows the data to be signed"
		}
	case methodHostBound:
		if err := ssh.Unmarshal(m.Rest, &at); err != nil || !bytes.Equal(at.HostKey, s.hostKey) {
			no.why = "the login is for another host than the one that the connection is bound to"
		}
	default:
		no.why = fmt.Sprintf("the method %q is not for jails", clip(m.Method))
	}
	as := slices.IndexFunc(s.hosts, func(h host) bool { return h.User == "" || h.User == m.User })
	switch {
	case no.why != "":
	case !bytes.Equal(m.ID, s.id):
		no.why = "the login is for another session than the one that the connection is bound to"
	case !bytes.Equal(m.Key, key) || m.Algorithm != algorithm(key, flags):
		no.why = "the login is by another key or algorithm than the one that shall sign"
	case as < 0:
		no.why = fmt.Sprintf("the user %q is not in ssh.hosts", clip(m.User))
	default:
		no.name = s.hosts[as].String()
	}
	return no
}

// algorithm is how a key signs with these flags; empty if it does not, or by
// SHA-1.
func algorithm(key []byte, flags uint32) string {
	k, err := ssh.ParsePublicKey(key)
	switch {
	case err != nil:
		return ""
	case k.Type() != ssh.KeyAlgoRSA && flags == 0:
		return k.Type()
	case k.Type() == ssh.KeyAlgoRSA && flags == flagRSA256:
		return ssh.KeyAlgoRSASHA256
	case k.Type() == ssh.KeyAlgoRSA && flags == flagRSA512:
		return ssh.KeyAlgoRSASHA512
	}
	return ""
}

// client speaks to the host's agent, for as long as an answer may take.
func (s *session) client(limit time.Duration) (agent.ExtendedAgent, error) {
	if s.up == nil {
		ctx, cancel := context.WithTimeout(s.agent.ctx, askTime)
		defer cancel()
		c, err := s.agent.Dial(ctx)
		if err != nil {
			return nil, fmt.Errorf("it cannot be reached: %w", err)
		}
		if !s.agent.add(c) {
			_ = c.Close()
			return nil, errors.New("there are too many connections")
		}
		s.up = c
		if s.bind != nil {
			_ = c.SetDeadline(time.Now().Add(askTime))
			// Agents that know no binding say so, and need none.
			_, _ = newClient(c).Extension(sessionBind, s.bind)
		}
	}
	_ = s.up.SetDeadline(time.Now().Add(limit))
	return newClient(s.up), nil
}

// newClient asks one question after the other. It is not told that c can be
// closed: it would read ahead, beyond the time that a question has.
func newClient(c net.Conn) agent.ExtendedAgent {
	return agent.NewClient(struct{ io.ReadWriter }{c})
}

// close ends the connection to the host's agent.
func (s *session) close() {
	if s.up != nil {
		s.agent.drop(s.up)
		s.up = nil
	}
}

// clip shortens what the jail wrote.
func clip(s string) string { return s[:min(len(s), 60)] }
