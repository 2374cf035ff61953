package receipt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"github.com/jailed-claude/jailed-claude/bundle/receipt/sshsig"
)

// payloadType is that of in-toto statements, Namespace what receipts are signed for:
// a signature for anything else is none of a receipt.
const (
	payloadType = "application/vnd.in-toto+json"
	namespace   = "jailed-claude-receipt"
)

// maxReceipt bounds what is read.
const maxReceipt = 16 << 20

// envelope is one of DSSE, version 1.
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

// signature: Sig is the text that ssh-keygen writes and reads.
type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// Encode is DSSE's pre-authentication encoding of a statement: what is signed.
func Encode(statement []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(statement), statement)
}

// Seal is a statement in an envelope with a signature.
func Seal(statement []byte, s ssh.Signer) ([]byte, error) {
	sig, err := sshsig.Sign(s, namespace, Encode(statement))
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(envelope{payloadType, statement, []signature{{ssh.FingerprintSHA256(s.PublicKey()), sig}}}, "", "  ")
	return append(text, '\n'), err
}

// Opened is a receipt whose signatures, if it has any, are of its statement.
type Opened struct {
	*Statement
	// Text is the statement as it was written.
	Text []byte
	// Keys have signed it. Whose they are, nobody has asked yet.
	Keys []ssh.PublicKey
	// Signatures as ssh-keygen reads them, in the order of Keys.
	Signatures [][]byte
}

// Open reads a receipt, signed or not. A signature that is not good is an error.
func Open(text []byte) (*Opened, error) {
	if len(text) > maxReceipt {
		return nil, errors.New("this is no receipt: it is too large")
	}
	o := &Opened{Text: text}
	var kind struct {
		PayloadType string `json:"payloadType"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, fmt.Errorf("this is no receipt: %w", err)
	}
	if kind.PayloadType != "" {
		if err := o.unseal(text); err != nil {
			return nil, err
		}
	}
	var err error
	o.Statement, err = Parse(o.Text)
	return o, err
}

func (o *Opened) unseal(text []byte) error {
	var e struct {
		PayloadType string `json:"payloadType"`
		Payload     string `json:"payload"`
		Signatures  []struct {
			KeyID string `json:"keyid"`
			Sig   string `json:"sig"`
		} `json:"signatures"`
	}
	if err := strict(text, &e); err != nil {
		return err
	}
	if e.PayloadType != payloadType {
		return fmt.Errorf("payloadType is %q, not %q", e.PayloadType, payloadType)
	}
	if len(e.Signatures) == 0 {
		return errors.New("the envelope has no signature")
	}
	// Without Strict, other characters would decode to the same bytes.
	var err error
	if o.Text, err = base64.StdEncoding.Strict().DecodeString(e.Payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	for _, s := range e.Signatures {
		sig, err := base64.StdEncoding.Strict().DecodeString(s.Sig)
		if err != nil {
			return fmt.Errorf("sig: %w", err)
		}
		key, err := sshsig.Verify(sig, namespace, Encode(o.Text))
		if err == nil && s.KeyID != ssh.FingerprintSHA256(key) {
			err = fmt.Errorf("its keyid is %q, and it was made with %s", s.KeyID, ssh.FingerprintSHA256(key))
		}
		if err != nil {
			return fmt.Errorf("a signature is not good: %w", err)
		}
		o.Keys, o.Signatures = append(o.Keys, key), append(o.Signatures, sig)
	}
	return nil
}
