package neighbours

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// The parts of a neighbour.
const (
	// Leave leaves the secret and ends.
	Leave = "leave"
	// Stay leaves the secret, holds it, and ends when its standard input does.
	Stay = "stay"
	// Look says what it finds of the attacker's.
	Look = "look"
)

// Part is what a neighbour is told.
type Part struct {
	Does, Mark string
	// SHM is a System V key.
	SHM int
}

// PartName is what suite.Inside knows a neighbour by.
const PartName = "neighbour"

// Argument is what suite.Inside is called with.
func (p Part) Argument() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode the part of a neighbour: %w", err)
	}
	// Its mark is to be seen where processes are listed.
	return PartName + ":" + base64.RawURLEncoding.EncodeToString(text) + "=" + secretName(p.Mark), nil
}

// Said is what a neighbour says when it is ready.
type Said struct {
	// TCP is where it listens on loopback.
	TCP string
	// Found are the places in which Look found something.
	Found []string
}

func secretName(mark string) string { return mark + "-theirs" }

func leftName(mark string) string { return mark + "-left" }

// changedName is what the attacker makes where the neighbour has its own.
func changedName(mark string) string { return mark + "-changed" }

// places are where an agent leaves things, by name.
func places() map[string]string {
	home := os.Getenv("HOME")
	return map[string]string{
		"home": home, "config": filepath.Join(home, ".claude"), "cache": filepath.Join(home, ".cache"), "tmp": "/tmp", "var-tmp": "/var/tmp",
		"runtime-dir": os.Getenv("XDG_RUNTIME_DIR"), "shm": "/dev/shm",
	}
}

// Clean takes away what neighbours and the attacker have left on the host, if
// there was no jail.
func Clean(mark string) {
	for _, dir := range places() {
		for _, name := range []string{secretName(mark), leftName(mark), secretName(mark) + ".sock"} {
			_ = os.Remove(filepath.Join(dir, name))
		}
	}
}

// Play is the agent of a neighbour. The first line that it reads is the secret.
func Play(argument string, in io.Reader, out io.Writer) error {
	encoded, _, _ := strings.Cut(argument, "=")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("decode the part of a neighbour: %w", err)
	}
	var p Part
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("decode the part of a neighbour: %w", err)
	}
	r := bufio.NewReader(in)
	secret, err := r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the secret: %w", err)
	}
	var said Said
	for name, dir := range places() {
		if dir == "" {
			continue
		}
		if p.Does == Look {
			if attack.Exists(filepath.Join(dir, leftName(p.Mark))) {
				said.Found = append(said.Found, name)
			}
			continue
		}
		if name == "cache" {
			_ = os.Mkdir(dir, 0o700)
		}
		_ = os.WriteFile(filepath.Join(dir, secretName(p.Mark)), []byte(secret), 0o600)
	}
	if p.Does == Stay {
		said.TCP = hold(p, secret)
	}
	if err := json.NewEncoder(out).Encode(said); err != nil {
		return err
	}
	if p.Does == Stay {
		_, _ = io.Copy(io.Discard, r)
	}
	return nil
}

// hold has the secret in all that is no file.
func hold(p Part, secret string) (tcp string) {
	for _, l := range []struct{ network, address string }{
		{"tcp4", "127.0.0.1:0"},
		{"unix", "@" + secretName(p.Mark)},
		{"unix", filepath.Join("/tmp", secretName(p.Mark)+".sock")},
		{"unix", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), secretName(p.Mark)+".sock")},
	} {
		listener, err := net.Listen(l.network, l.address)
		if err != nil {
			continue // no loopback, or an address that is too long
		}
		if l.network == "tcp4" {
			tcp = listener.Addr().String()
		}
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, secret)
				_ = c.Close()
			}
		}()
	}
	if id, err := unix.SysvShmGet(p.SHM, 4096, unix.IPC_CREAT|0o600); err == nil {
		if m, err := unix.SysvShmAttach(id, 0, 0); err == nil {
			copy(m, secret)
		}
	}
	return tcp
}
