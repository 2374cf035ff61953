package broker

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/sigv4"
)

// maxHashed is the longest body that is read to be signed, where the request
// does not say what its hash is. S3's says.
const maxHashed = 8 << 20

// payloadHeader says what of a body is signed.
const payloadHeader = "X-Amz-Content-Sha256"

// resigned is a request to AWS that was signed with the placeholder, signed
// again with the host's keys. One that was not signed at all goes on as it is.
func (b *Broker) resigned(r *http.Request, target *url.URL) (*forward, *refusal) {
	out := (&http.Request{Method: r.Method, URL: target, Host: target.Host, Header: b.headers(r, false)}).WithContext(r.Context())
	out.Header.Del("X-Amz-Security-Token")
	f := &forward{Request: out, redact: newRedactor(nil)}
	if r.ContentLength != 0 {
		f.sent = &counter{ReadCloser: r.Body}
		out.Body, out.ContentLength = f.sent, r.ContentLength
	}
	values := r.Header.Values("Authorization")
	switch {
	case len(values) > 1:
		return nil, refuse(http.StatusForbidden, "there is more than one header Authorization")
	case r.URL.Query().Has("X-Amz-Signature"):
		return nil, refuse(http.StatusForbidden, "a presigned URL cannot be used: it is signed by what stands for the key of broker %q", b.Name)
	case len(values) == 0:
		return f, nil
	}
	scope, ok := sigv4.Parse(values[0])
	if !ok || scope.KeyID != b.Placeholder() {
		return nil, refuse(http.StatusForbidden, "the request is not signed by AWS4-HMAC-SHA256 with %q. This broker takes no other key: requests are signed again outside of the jail", b.Placeholder())
	}
	hash, no := payload(r, f)
	if no != nil {
		return nil, no
	}
	// What comes back is searched for the token, and seen only as it is.
	out.Header.Set("Accept-Encoding", "identity")
	key, err := b.source.Key(r.Context())
	if err == nil {
		err = sigv4.Sign(out, scope, key, hash, time.Now())
	}
	if err != nil {
		no := refuse(http.StatusForbidden, "the keys of broker %q cannot be had; the session log on the host has the reason", b.Name)
		no.why, no.keyless = err.Error(), true
		return nil, no
	}
	// A service shows no signature that is of use twice, but it may show a
	// token.
	if token := out.Header.Get("X-Amz-Security-Token"); token != "" {
		f.redact = newRedactor([]string{token})
	}
	return f, nil
}

// payload is what stands for the body in the signature.
func payload(r *http.Request, f *forward) (string, *refusal) {
	hash := r.Header.Get(payloadHeader)
	switch {
	case len(hash) == sha256.Size*2 || hash == "UNSIGNED-PAYLOAD" || hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
		return hash, nil
	case strings.HasPrefix(hash, "STREAMING-"):
		return "", refuse(http.StatusForbidden, "each chunk of the body is signed (%s), and cannot be signed again: have it sent unsigned over TLS, payload_signing_enabled = false", clip(hash))
	case hash != "":
		return "", refuse(http.StatusForbidden, "the header %s is %q, which means nothing", payloadHeader, clip(hash))
	case f.sent == nil:
		sum := sha256.Sum256(nil)
		return hex.EncodeToString(sum[:]), nil
	}
	body, err := io.ReadAll(io.LimitReader(f.sent, maxHashed+1))
	switch {
	case err != nil:
		return "", refuse(http.StatusBadRequest, "the body of the request breaks off, or its chunks are malformed")
	case len(body) > maxHashed:
		return "", refuse(http.StatusRequestEntityTooLarge, "the body has more than %d MiB and no header %s: it would have to be read to be signed", maxHashed>>20, payloadHeader)
	}
	sum := sha256.Sum256(body)
	// What was counted stays counted.
	f.Body, f.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return hex.EncodeToString(sum[:]), nil
}
