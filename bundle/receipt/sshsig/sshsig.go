package sshsig

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// What a signature is made of (PROTOCOL.sshsig).
const (
	magic   = "SSHSIG"
	version = 1
	armor   = "SSH SIGNATURE"
	hash    = "sha512"
)

// blob is a signature behind the magic preamble.
type blob struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// toSign is what is signed, behind the preamble.
type toSign struct {
	Namespace string
	Reserved  string
	Hash      string
	Digest    []byte
}

// message is what is signed of a text.
func message(namespace, hash string, text []byte) ([]byte, error) {
	s := toSign{Namespace: namespace, Hash: hash}
	switch hash {
	case "sha512":
		d := sha512.Sum512(text)
		s.Digest = d[:]
	case "sha256":
		d := sha256.Sum256(text)
		s.Digest = d[:]
	default:
		return nil, fmt.Errorf("the hash %q is not known", hash)
	}
	return append([]byte(magic), ssh.Marshal(s)...), nil
}

// algorithms of a key that are good enough: for RSA not SHA-1.
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

// Sign signs a text. The result is what ssh-keygen writes into a .sig file.
func Sign(s ssh.Signer, namespace string, text []byte) ([]byte, error) {
	m, err := message(namespace, hash, text)
	if err != nil {
		return nil, err
	}
	var sig *ssh.Signature
	switch with := s.(type) {
	case agentSigner:
		sig, err = with.sign(m)
	case ssh.AlgorithmSigner:
		sig, err = with.SignWithAlgorithm(rand.Reader, m, algorithms(s.PublicKey())[0])
	default:
		sig, err = s.Sign(rand.Reader, m)
	}
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	b := blob{Version: version, PublicKey: s.PublicKey().Marshal(), Namespace: namespace, Hash: hash, Signature: ssh.Marshal(sig)}
	return pem.EncodeToMemory(&pem.Block{Type: armor, Bytes: append([]byte(magic), ssh.Marshal(b)...)}), nil
}

// agentSigner signs by an agent.
type agentSigner struct {
	agent agent.ExtendedAgent
	key   ssh.PublicKey
}

// ByAgent signs with the private key of a public one, which an agent has.
func ByAgent(a agent.ExtendedAgent, key ssh.PublicKey) ssh.Signer { return agentSigner{a, key} }

func (s agentSigner) PublicKey() ssh.PublicKey { return s.key }

func (s agentSigner) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	return s.sign(data)
}

func (s agentSigner) sign(data []byte) (*ssh.Signature, error) {
	return s.agent.SignWithFlags(s.key, data, agent.SignatureFlagRsaSha512)
}

// Key reads a key to sign with: a private one, or a public one whose private one an
// agent has; private is nil then.
func Key(text []byte) (public ssh.PublicKey, private ssh.Signer, err error) {
	private, err = ssh.ParsePrivateKey(text)
	if _, closed := errors.AsType[*ssh.PassphraseMissingError](err); closed {
		return nil, nil, ErrPassphrase
	}
	if err == nil {
		return private.PublicKey(), private, nil
	}
	if public, _, _, _, err = ssh.ParseAuthorizedKey(text); err != nil {
		return nil, nil, errors.New("this is no ssh key, private or public")
	}
	return public, nil, nil
}

// ErrPassphrase is returned by Key for a private key that is encrypted.
var ErrPassphrase = errors.New("the private key has a passphrase")

// Verify returns the key that signed a text for a namespace.
func Verify(sig []byte, namespace string, text []byte) (ssh.PublicKey, error) {
	raw, err := unarmor(sig)
	if err != nil {
		return nil, err
	}
	raw, ok := bytes.CutPrefix(raw, []byte(magic))
	var b blob
	if !ok || ssh.Unmarshal(raw, &b) != nil || b.Version != version {
		return nil, errors.New("this is no SSH signature of version 1")
	}
	if b.Namespace != namespace {
		return nil, fmt.Errorf("it was signed for the namespace %q, not for %q", b.Namespace, namespace)
	}
	key, err := ssh.ParsePublicKey(b.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("its key: %w", err)
	}
	if _, is := key.(*ssh.Certificate); is {
		return nil, errors.New("it was signed with a certificate, which is not known here")
	}
	m, err := message(b.Namespace, b.Hash, text)
	if err != nil {
		return nil, err
	}
	var s ssh.Signature
	if err := ssh.Unmarshal(b.Signature, &s); err != nil {
		return nil, fmt.Errorf("its signature: %w", err)
	}
	if !slices.Contains(algorithms(key), s.Format) {
		return nil, fmt.Errorf("it was signed by %q, which is not safe", s.Format)
	}
	if err := key.Verify(m, &s); err != nil {
		return nil, errors.New("the signature is not of this text")
	}
	return key, nil
}

// unarmor takes exactly what Sign and ssh-keygen write, and nothing around it.
func unarmor(text []byte) ([]byte, error) {
	const begin, end = "-----BEGIN " + armor + "-----", "-----END " + armor + "-----"
	body, ok := bytes.CutPrefix(bytes.TrimSuffix(text, []byte("\n")), []byte(begin))
	if body, ok = cutSuffix(body, end, ok); !ok {
		return nil, errors.New("this is no SSH signature")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(bytes.ReplaceAll(body, []byte("\n"), nil)))
	if err != nil {
		return nil, fmt.Errorf("this is no SSH signature: %w", err)
	}
	return raw, nil
}

func cutSuffix(b []byte, suffix string, ok bool) ([]byte, bool) {
	b, has := bytes.CutSuffix(b, []byte(suffix))
	return b, ok && has
}
