package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Scope is what a signature is for.
type Scope struct{ KeyID, Region, Service string }

// algorithm is the only one.
const algorithm = "AWS4-HMAC-SHA256"

// Parse reads the header Authorization of a signed request. Its signature is not
// looked at: it is by a key that is none.
func Parse(header string) (s Scope, ok bool) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return s, false
	}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if name != "Credential" {
			continue
		}
		parts := strings.Split(value, "/")
		if len(parts) != 5 || parts[4] != "aws4_request" || s.KeyID != "" || !isName(parts[2]) || !isName(parts[3]) {
			return Scope{}, false
		}
		s = Scope{parts[0], parts[2], parts[3]}
	}
	return s, s.KeyID != ""
}

// isName: regions and services are letters, digits and dashes.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// Key is the text of a key's id, a secret and, if there is one, a session token:
// what Sign reads.
func Key(id, secret, token string) string { return strings.TrimSpace(id + " " + secret + " " + token) }

// Sign signs r with a key as Key writes it. hash stands for the body.
func Sign(r *http.Request, s Scope, key, hash string, now time.Time) error {
	k := strings.Fields(key)
	if len(k) < 2 || len(k) > 3 {
		return errors.New("it is not an access key of AWS with its secret")
	}
	c := aws.Credentials{AccessKeyID: k[0], SecretAccessKey: k[1]}
	if len(k) == 3 {
		c.SessionToken = k[2]
	}
	return v4.NewSigner().SignHTTP(r.Context(), c, r, hash, s.Service, s.Region, now, func(o *v4.SignerOptions) {
		// S3 alone takes paths as they are (SigV4, "URI-encode").
		o.DisableURIPathEscaping = strings.HasPrefix(s.Service, "s3")
	})
}
