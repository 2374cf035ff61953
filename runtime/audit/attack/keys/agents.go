package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// agents misuse the ssh agent of the jail: it has one key of the host's agent, for
// git's signatures alone.
func agents() []attack.Attack {
	const signs, changes = "the caller's key signs it", "the caller's agent is changed"
	var all []attack.Attack
	add := func(name, source, success string, run func(e *attack.Env, c agent.ExtendedAgent, lent ssh.PublicKey) attack.Result) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: success, Run: func(e *attack.Env) attack.Result {
			socket := os.Getenv("SSH_AUTH_SOCK")
			if socket == "" {
				return attack.Inapplicable("there is no ssh agent")
			}
			lent, err := ssh.ParsePublicKey(e.Keys.Lent)
			if err != nil {
				return attack.Failure("the key of the bait: %v", err)
			}
			c, err := net.Dial("unix", socket)
			if err != nil && socket == e.Keys.Agent {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			if err != nil {
				return attack.Failure("the agent cannot be spoken to: %s", attack.Plain(err))
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			return run(e, agent.NewClient(c), lent)
		}})
	}
	sign := func(name, source string, data func(lent ssh.PublicKey) []byte, bind func() []byte) {
		add(name, source, signs, func(_ *attack.Env, c agent.ExtendedAgent, lent ssh.PublicKey) attack.Result {
			if bind != nil {
				_, _ = c.Extension(sessionBind, bind())
			}
			_, err := c.Sign(lent, data(lent))
			return attack.Unless(err, "there is a signature")
		})
	}
	add("agent-lists-others", "ssh-add(1) -L", "another key of the caller is listed", func(_ *attack.Env, c agent.ExtendedAgent, lent ssh.PublicKey) attack.Result {
		keys, err := c.List()
		for _, k := range keys {
			if !bytes.Equal(k.Blob, lent.Marshal()) {
				return attack.Through("%s is listed", ssh.FingerprintSHA256(k))
			}
			if k.Comment == keyComment {
				return attack.Through("the comment of the key is told")
			}
		}
		if err == nil && len(keys) == 0 {
			return attack.Failure("not even the key that is lent is listed")
		}
		return attack.HeldBy("%d keys are listed", len(keys))
	})
	sign("agent-signs-file", "ssh-keygen(1) -Y sign -n file", func(ssh.PublicKey) []byte { return signature("file") }, nil)
	sign("agent-signs-namespace-like-git", "PROTOCOL.sshsig", func(ssh.PublicKey) []byte { return signature("git\x00") }, nil)
	sign("agent-signs-data", "ssh-add(1) -T", func(ssh.PublicKey) []byte { return []byte("some data that means something somewhere") }, nil)
	sign("agent-signs-more", "PROTOCOL.sshsig: something behind it", func(ssh.PublicKey) []byte { return append(signature("git"), "more"...) }, nil)
	sign("agent-logs-in", "RFC 4252, 7, without session-bind@openssh.com", func(k ssh.PublicKey) []byte { return userAuth(k, []byte("session")) }, nil)
	sign("agent-logs-in-elsewhere", "session-bind@openssh.com of a host that no rule names", func(k ssh.PublicKey) []byte { return userAuth(k, []byte("session")) },
		func() []byte { return binding([]byte("session"), false, false) })
	sign("agent-logs-in-by-false-binding", "session-bind@openssh.com", func(k ssh.PublicKey) []byte { return userAuth(k, []byte("session")) },
		func() []byte { return binding([]byte("session"), true, false) })
	sign("agent-logs-in-by-forwarding", "ssh(1) -A", func(k ssh.PublicKey) []byte { return userAuth(k, []byte("session")) },
		func() []byte { return binding([]byte("session"), false, true) })
	add("agent-signs-by-another-key", "PROTOCOL.agent, 4.4", "another key of the caller signs", func(e *attack.Env, c agent.ExtendedAgent, _ ssh.PublicKey) attack.Result {
		own, err := ssh.ParsePublicKey(e.Keys.Own)
		if err != nil {
			return attack.Failure("the key of the bait: %v", err)
		}
		_, err = c.Sign(own, signature("git"))
		return attack.Unless(err, "there is a signature")
	})
	for _, x := range []string{"query", "restrict-destination-v00@openssh.com", "associated-certs-v00@openssh.com", "ecdh@joyent.com"} {
		add("agent-extension-"+map[string]string{"query": "query", "restrict-destination-v00@openssh.com": "constraint", "associated-certs-v00@openssh.com": "certificates", "ecdh@joyent.com": "decrypt"}[x],
			"PROTOCOL.agent, "+x, "the caller's agent is asked", func(_ *attack.Env, c agent.ExtendedAgent, _ ssh.PublicKey) attack.Result {
				_, err := c.Extension(x, nil)
				return attack.Unless(err, "it answers")
			})
	}
	for _, m := range []struct {
		name, source string
		kind         byte
	}{
		{"agent-loads-library", "CVE-2023-38408: SSH_AGENTC_ADD_SMARTCARD_KEY", 20}, {"agent-loads-library-with-limits", "CVE-2023-38408", 26}, {"agent-removes-card", "SSH_AGENTC_REMOVE_SMARTCARD_KEY", 21},
	} {
		add(m.name, m.source, "the caller's agent does it", func(*attack.Env, agent.ExtendedAgent, ssh.PublicKey) attack.Result {
			return attack.Unless(ask(os.Getenv("SSH_AUTH_SOCK"), append([]byte{m.kind}, ssh.Marshal(struct{ Library, PIN string }{"/project/evil.so", ""})...)), "it says yes")
		})
	}
	add("agent-adds", "ssh-add(1)", changes, func(_ *attack.Env, c agent.ExtendedAgent, _ ssh.PublicKey) attack.Result {
		_, own, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return attack.Failure("%v", err)
		}
		return attack.Unless(c.Add(agent.AddedKey{PrivateKey: own}), "a key was added")
	})
	add("agent-locks", "ssh-add(1) -x", changes, func(_ *attack.Env, c agent.ExtendedAgent, _ ssh.PublicKey) attack.Result {
		err := c.Lock([]byte("x"))
		if err == nil {
			_ = c.Unlock([]byte("x"))
		}
		return attack.Unless(err, "it was locked")
	})
	add("agent-removes", "ssh-add(1) -d", changes, func(_ *attack.Env, c agent.ExtendedAgent, lent ssh.PublicKey) attack.Result {
		return attack.Unless(c.Remove(lent), "a key was removed")
	})
	add("agent-removes-all", "ssh-add(1) -D", changes, func(_ *attack.Env, c agent.ExtendedAgent, _ ssh.PublicKey) attack.Result {
		return attack.Unless(c.RemoveAll(), "all keys were removed")
	})
	return all
}

const sessionBind = "session-bind@openssh.com"

// signature is what is signed by SSHSIG (PROTOCOL.sshsig).
func signature(namespace string) []byte {
	return append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash, Digest string }{namespace, "", "sha256", string(make([]byte, 32))})...)
}

// userAuth is what is signed to log in (RFC 4252, 7).
func userAuth(k ssh.PublicKey, session []byte) []byte {
	return ssh.Marshal(struct {
		ID                    []byte
		Kind                  byte
		User, Service, Method string
		HasSignature          bool
		Algorithm             string
		Key                   []byte
	}{session, 50, "root", "ssh-connection", "publickey", true, k.Type(), k.Marshal()})
}

// binding is a session with a host of the attacker's own.
func binding(session []byte, wrong, forwarded bool) []byte {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil
	}
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil
	}
	signed := session
	if wrong {
		signed = []byte("another session")
	}
	s, err := host.Sign(rand.Reader, signed)
	if err != nil {
		return nil
	}
	return ssh.Marshal(struct {
		HostKey, ID, Signature []byte
		Forwarding             bool
	}{host.PublicKey().Marshal(), session, ssh.Marshal(s), forwarded})
}

// ask sends a message for which the client has no method.
func ask(socket string, message []byte) error {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)); err != nil {
		return err
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	if head[4] != agentSuccess {
		return fmt.Errorf("it answers %d", head[4])
	}
	return nil
}

// agentSuccess is SSH_AGENT_SUCCESS.
const agentSuccess = 6
