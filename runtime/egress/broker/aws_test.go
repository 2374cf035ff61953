package broker

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
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
			header := []string{"Authorization", ours, "X-Amz-Security-Token", "of-the-jail", "Range", "bytes=0-1", "Accept-Encoding", "br"}
			if hash != "" {
				header = append(header, "X-Amz-Content-Sha256", hash)
			}
			r, text := n.ask(version, http.MethodPut, "/b/a%20file+x?list-type=2&prefix=", "the body", header...)
			if r.StatusCode != http.StatusOK || got == nil {
				t.Fatalf("%q: %s %s", hash, r.Status, text)
			}
			if a := got.Header.Get("Authorization"); !strings.Contains(a, "Credential=AKIDREAL/") || !strings.Contains(a, "/eu-central-1/s3/aws4_request") || strings.HasSuffix(a, "Signature=00") {
				t.Errorf("%q: %s", hash, a)
			}
			if got.Header.Get("X-Amz-Security-Token") != awsToken || got.Header.Get("Range") == "" || got.Header.Get("Accept-Encoding") != "identity" || body != "the body" || got.URL.EscapedPath() != "/b/a%20file+x" {
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
	if r, text := n.ask(1, http.MethodGet, "/", "", "X-Amz-Security-Token", "of-the-jail"); r.StatusCode != http.StatusOK || strings.Contains(text, "AWS4") || strings.Contains(text, "of-the-jail") {
		t.Errorf("unsigned: %s %s", r.Status, text)
	}
}

// TestAWSNames: a broker of all names below a domain asks the one that the
// program looked up, by whatever name a request says, and none where it has none.
func TestAWSNames(t *testing.T) {
	n := newNamed(t, nil, func(b *network.Broker, o *Options, s *httptest.Server) {
		signing(b, o, s)
		b.Host, b.Upstream = "*.cloud.example", "https://cloud.example"
	})
	dialled := func() []string {
		n.mu.Lock()
		defer n.mu.Unlock()
		defer func() { n.dialled = nil }()
		return n.dialled
	}
	ask := func(c net.Conn, host string) int {
		t.Helper()
		defer c.Close()
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.StatusCode
	}
	dial := func(name string) net.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", n.at, &tls.Config{RootCAs: n.roots, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		if names := c.ConnectionState().PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != name {
			t.Errorf("the certificate of %s is of %q", name, names)
		}
		return c
	}
	for _, host := range []string{"b.cloud.example", "x.a.cloud.example", "cloud.example", "example.com"} {
		if status := ask(dial("a.cloud.example"), host); status != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", host, status)
		}
	}
	if all := dialled(); len(all) > 0 {
		t.Errorf("dialled %q", all)
	}
	for _, name := range []string{"a.cloud.example", "b.a.cloud.example"} {
		ask(dial(name), name) // the service's certificate is another's
		if all := dialled(); len(all) == 0 || all[0] != name+":443" {
			t.Errorf("%s: dialled %q", name, all)
		}
	}
	resp, err := http.Get("http://" + n.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if all := dialled(); resp.StatusCode != http.StatusMisdirectedRequest || len(all) > 0 {
		t.Errorf("by the broker's name: %s, dialled %q", resp.Status, all)
	}
}
