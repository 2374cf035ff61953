package sshagent

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of an Agent.
type Options struct {
	// Config says what is signed.
	Config *network.SSH
	// Dial connects to the host's agent.
	Dial func(ctx context.Context) (net.Conn, error)
	// Log is told of each signature that was asked for, and of each message
	// that was refused, from any goroutine.
	Log func(Event)
}

// Event is one thing that the jail asked for.
type Event struct {
	// What is Login or Sign, or the message that was refused.
	What string
	// Name is the host as the policy names it, or the namespace; where it is
	// none of the policy's, the fingerprint of the host's key.
	Name string
	// Key is the fingerprint of the key that was to sign.
	Key string
	// OK: it was signed. Refused: it was not, by the policy; neither: by the
	// host's agent.
	OK, Refused bool
	// Why says why not.
	Why string
}

// What a signature is for.
const (
	Login = "login"
	Sign  = "sign"
)

// Limits.
const (
	maxConns   = 128       // those to the host's agent as well
	maxMessage = 256 << 10 // AGENT_MAX_LEN of OpenSSH
	askTime    = 10 * time.Second
	signTime   = 5 * time.Minute // the host's agent may ask its user
	writeTime  = 10 * time.Second
)

// Messages (draft-ietf-sshm-ssh-agent, "Message numbers").
const (
	msgFailure        = 5
	msgSuccess        = 6
	msgRequestKeys    = 11
	msgKeys           = 12
	msgSign           = 13
	msgSignature      = 14
	msgExtension      = 27
	sessionBind       = "session-bind@openssh.com"
	flagRSA256        = 2
	flagRSA512        = 4
	signatureMagic    = "SSHSIG"
	methodHostBound   = "publickey-hostbound-v00@openssh.com"
	userAuthRequest   = 50
	serviceConnection = "ssh-connection"
)

// Agent serves the jail. Its methods can be called from any goroutine.
type Agent struct {
	Options
	hosts []host
	ctx   context.Context //nolint:containedctx // ends with Close
	end   context.CancelFunc

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	done  bool
}

// host is one of the policy, with its keys in the form of the wire.
type host struct {
	network.SSHHost
	keys [][]byte
}

// New makes an agent. It fails where a host has a key that is none.
func New(o Options) (*Agent, error) {
	a := &Agent{Options: o, conns: map[net.Conn]struct{}{}}
	for _, h := range o.Config.Hosts {
		known := host{SSHHost: h}
		for _, line := range h.Keys {
			_, text, _ := strings.Cut(line, " ")
			blob, err := base64.StdEncoding.DecodeString(text)
			if err == nil {
				_, err = ssh.ParsePublicKey(blob)
			}
			if err != nil {
				return nil, fmt.Errorf("ssh: a key of the host %s: %w", h, err)
			}
			known.keys = append(known.keys, blob)
		}
		a.hosts = append(a.hosts, known)
	}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a, nil
}

// Serve serves what l accepts until l is closed.
func (a *Agent) Serve(l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptor left, or a client that is gone
			select {
			case <-time.After(50 * time.Millisecond):
			case <-a.ctx.Done():
				return
			}
		case !a.add(c):
			_ = c.Close()
		default:
			go a.serve(c)
		}
	}
}

// Close ends all connections.
func (a *Agent) Close() {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done = true
	for c := range a.conns {
		_ = c.Close()
	}
}

func (a *Agent) add(c net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done || len(a.conns) >= maxConns {
		return false
	}
	a.conns[c] = struct{}{}
	return true
}

// drop closes a connection.
func (a *Agent) drop(c net.Conn) {
	_ = c.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
}

// serve serves one connection of the jail, to its end.
func (a *Agent) serve(c net.Conn) {
	s := &session{agent: a}
	defer a.drop(c)
	defer s.close()
	for {
		request, err := read(c)
		if err != nil {
			return
		}
		answer := s.answer(request)
		out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(answer)), uint32(len(answer)))
		_ = c.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := c.Write(append(out, answer...)); err != nil {
			return
		}
	}
}

// read reads one message. Memory is taken for what came, not for what is
// promised.
func read(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(text) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return text, err
}

// named: a key is one of the policy's.
func (a *Agent) named(blob []byte) bool {
	return slices.Contains(a.Config.Keys, fingerprint(blob))
}

// hostsOf are those of the policy that have this key.
func (a *Agent) hostsOf(key []byte) (found []host) {
	for _, h := range a.hosts {
		if slices.ContainsFunc(h.keys, func(k []byte) bool { return slices.Equal(k, key) }) {
			found = append(found, h)
		}
	}
	return found
}

// fingerprint is what ssh-keygen -l shows of a key in the form of the wire.
func fingerprint(blob []byte) string { return ssh.FingerprintSHA256(&agent.Key{Blob: blob}) }
