package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// serveSSH serves the git repositories of allowed.example to everybody,
// read-only: for ssh, git's transport is one command.
func (s *server) serveSSH(l net.Listener) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return err
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go uploadPack(c, config, filepath.Join(s.www, "allowed.example"))
		}
	}()
	return nil
}

func uploadPack(c net.Conn, config *ssh.ServerConfig, dir string) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		ch, asked, err := n.Accept()
		if err != nil {
			return
		}
		for r := range asked {
			if r.Type != "exec" || len(r.Payload) < 4 {
				_ = r.Reply(r.Type == "env", nil)
				continue
			}
			_ = r.Reply(true, nil)
			_, repo, _ := strings.Cut(string(r.Payload[4:]), "git-upload-pack ")
			p := exec.Command("git", "-c", "safe.directory=*", "upload-pack", filepath.Join(dir, filepath.Base(strings.Trim(repo, "'"))))
			p.Stdout, p.Stderr = ch, ch.Stderr()
			// With a pipe of our own Run does not wait for the client's end.
			in, err := p.StdinPipe()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(in, ch)
				_ = in.Close()
			}()
			_ = p.Run()
			_, _ = ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
			_ = ch.Close()
		}
	}
}
