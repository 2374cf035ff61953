package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// keyComment is what the host calls its keys: often a path.
const keyComment = "/home/ada/.ssh/id_ed25519"

// agent serves the host's ssh agent at a path. It does whatever it is asked for:
// that nothing of it comes from the jail is not its business.
func (s *Service) agent(socket string, b *attack.Bait) error {
	ring, ok := agent.NewKeyring().(agent.ExtendedAgent)
	if !ok {
		return os.ErrInvalid // it is one
	}
	for _, to := range []*[]byte{&b.Keys.Lent, &b.Keys.Own} {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		public, err := ssh.NewSignerFromKey(private)
		if err != nil {
			return err
		}
		*to = public.PublicKey().Marshal()
		if err := ring.Add(agent.AddedKey{PrivateKey: private, Comment: keyComment}); err != nil {
			return err
		}
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, l)
	b.Keys.Agent = socket
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveAgent(c, willing{ring})
		}
	}()
	return nil
}

// willing says yes to every extension.
type willing struct{ agent.ExtendedAgent }

func (willing) Extension(string, []byte) ([]byte, error) { return []byte{agentSuccess}, nil }

// serveAgent answers messages, also those that the library knows nothing of: with
// success.
func serveAgent(c net.Conn, a agent.Agent) {
	defer c.Close()
	in, out := net.Pipe()
	defer in.Close()
	go func() { _ = agent.ServeAgent(a, out); _ = out.Close() }()
	for {
		m, err := message(c)
		if err != nil {
			return
		}
		answer := []byte{0, 0, 0, 1, agentSuccess}
		if kind := m[4]; kind != 20 && kind != 21 && kind != 26 { // smart cards
			if _, err := in.Write(m); err != nil {
				return
			}
			if answer, err = message(in); err != nil {
				return
			}
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// message reads one, with its length.
func message(r io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n < 1 || n > attack.Limit {
		return nil, io.ErrUnexpectedEOF
	}
	whole := make([]byte, 4+n)
	copy(whole, head)
	_, err := io.ReadFull(r, whole[len(head):])
	return whole, err
}

func fingerprint(key []byte) string {
	public, err := ssh.ParsePublicKey(key)
	if err != nil {
		return "" // it was made above
	}
	return ssh.FingerprintSHA256(public)
}
