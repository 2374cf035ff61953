package broker

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/egress/sigv4"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const (
	awsSecret = "aws-secret-0123456789"
	awsToken  = "aws-token-0123456789"
)

// signing makes the broker one for AWS.
func signing(b *network.Broker, o *Options, _ *httptest.Server) {
	b.Header, b.From, b.Paths, b.URLEnv = "Authorization", network.FromAWS+"work", nil, ""
	o.Source = fixed(sigv4.Key("AKIDREAL", awsSecret, awsToken))
}

// TestAWS: what is signed with the placeholder is signed again, whatever the
// form of its body; everything else is refused before a key is used.
func TestAWS(t *testing.T) {
	var got *http.Request
	var body string
	n := newNamed(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		_, _ = io.WriteString(w, r.Header.Get("X-Amz-Security-Token")+" "+r.Header.Get("Authorization"))
	}, signing)
	signed := func(key string) string {
		return "AWS4-HMAC-SHA256 Credential=" + key + "/20261129/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=00"
	}
	ours := signed(n.b.Placeholder())
	for _, hash := range []string{"", "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", strings.Repeat("a", 64)} {
		for _, version := range []int{1, 2} {
			got = nil
			header := []string{"Authorization", ours, "X-Amz-Security-Token", "of-the-jail", "Range", "bytes=0-1"}
			if hash != "" {
				header = append(header, "X-Amz-Content-Sha256", hash)
			}
			r, text := n.ask(version, http.MethodPut, "/b/a%20file+x?list-type=2&prefix=", "the body", header...)
			if r.StatusCode != http.StatusOK || got == nil {
				t.Fatalf("%q: %s %s", hash, r.Status, text)
			}
			if a := got.Header.Get("Authorization"); !strings.Contains(a, "Credential=AKIDREAL/") || !strings.Contains(a, "/eu-central-1/s3/aws4_request") || strings.Contains(a, "Signature=00") {
				t.Errorf("%q: %s", hash, a)
			}
			if got.Header.Get("X-Amz-Security-Token") != awsToken || got.Header.Get("Range") == "" || body != "the body" || got.URL.EscapedPath() != "/b/a%20file+x" {
				t.Errorf("%q: %+v %q", hash, got, body)
			}
			if strings.Contains(text, awsToken) {
				t.Errorf("the token came back: %s", text)
			}
		}
	}
	for name, c := range map[string]struct {
		path   string
		header []string
	}{
		"another key":     {"/", []string{"Authorization", signed("AKIDOTHER")}},
		"a bearer":        {"/", []string{"Authorization", "Bearer " + n.b.Placeholder()}},
		"two":             {"/", []string{"Authorization", ours, "Authorization", ours}},
		"signed chunks":   {"/", []string{"Authorization", ours, "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}},
		"an unknown hash": {"/", []string{"Authorization", ours, "X-Amz-Content-Sha256", "x"}},
		"presigned":       {"/?X-Amz-Signature=00&X-Amz-Credential=" + n.b.Placeholder(), nil},
	} {
		got = nil
		if r, text := n.ask(1, http.MethodGet, c.path, "", c.header...); r.StatusCode != http.StatusForbidden || !strings.Contains(text, "<Message>jailed-claude broker: ") || got != nil {
			t.Errorf("%s: %s %s", name, r.Status, text)
		}
	}
	if r, text := n.ask(1, http.MethodPut, "/", strings.Repeat("x", maxHashed+1), "Authorization", ours); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: %s %s", r.Status, text)
	}
	// One that is not signed at all goes on so.
	if r, text := n.ask(1, http.MethodGet, "/", ""); r.StatusCode != http.StatusOK || strings.Contains(text, "AWS4") {
		t.Errorf("unsigned: %s %s", r.Status, text)
	}
}

// TestBelow: a broker of all names below a domain is none of others.
func TestBelow(t *testing.T) {
	b := network.Broker{Host: "*.amazonaws.com", From: "aws:work"}.Complete()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"s3.amazonaws.com": true, "a.b.amazonaws.com": true, "amazonaws.com": false, "evilamazonaws.com": false, "amazonaws.com.example": false, "": false} {
		if b.Serves(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	for _, bad := range []network.Broker{
		{Host: "*.example.com", From: "env:X", Header: "Authorization"}, {Host: "*.com", From: "aws:work"}, {Host: "*", From: "aws:work"},
		{Host: "s3.*.amazonaws.com", From: "aws:work"}, {Upstream: "https://s3.amazonaws.com", Name: "s", From: "aws:work"}, {Host: "s3.amazonaws.com", From: "aws:"},
		{Host: "s3.amazonaws.com", From: "aws:work", Header: "X-Api-Key"},
	} {
		if err := bad.Complete().Check(); err == nil {
			t.Errorf("%+v is no broker", bad)
		}
	}
}
