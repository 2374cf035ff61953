package keys

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Service is what the host plays: the services behind the brokers, and an ssh
// agent.
type Service struct {
	secret   string
	note     func(attack string)
	upstream string
	// Policy is the file that says which brokers there are, Env what the jail is to
	// be started with, before which variables of the same names have no effect.
	Policy  string
	Env     []string
	closers []io.Closer
}

// worksText is what a service answers to a request with its key.
const worksText = "the key has come"

// Lay lays out files in dir, which is there, and serves until Close. further is
// a folder that the jail may write. What the services get and should not is
// noted by the name of the attack.
func Lay(dir, further, secret string, b *attack.Bait, note func(attack string)) (*Service, error) {
	s := &Service{secret: secret, note: note}
	pemText, err := s.listen()
	if err == nil {
		err = s.files(dir, pemText, b)
	}
	if err == nil {
		err = s.agent(filepath.Join(dir, "agent"), b)
	}
	if err == nil {
		err = s.policy(dir, further, b)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("lay out keys: %w", err)
	}
	return s, nil
}

// Close ends all.
func (s *Service) Close() {
	if s == nil {
		return
	}
	for _, c := range s.closers {
		_ = c.Close()
	}
}

// listen serves on loopback, with a certificate of its own.
func (s *Service) listen() (pemText []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	// HTTP/1.1: there one request can hide in another.
	l, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	s.upstream = "localhost:" + port
	server := &http.Server{Handler: s, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0), DisableGeneralOptionsHandler: true}
	s.closers = append(s.closers, server)
	go func() { _ = server.Serve(sloppy{l, s}) }() // until Close
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// sloppy notes hidden requests wherever they begin in what a connection brings:
// there are servers that take any of it for a request.
type sloppy struct {
	net.Listener
	*Service
}

func (l sloppy) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &overheard{Conn: c, service: l.Service}, err
}

func (l sloppy) Close() error { return l.Listener.Close() }

type overheard struct {
	net.Conn
	service *Service
	text    []byte
}

var hiddenRequest = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[\r\n])[A-Za-z]+[ \t]+\S*/hidden/([a-z0-9-]+)`)
})

func (c *overheard) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.text = append(c.text, p[:n]...); len(c.text) < attack.Limit {
		for _, m := range hiddenRequest().FindAllSubmatch(c.text, -1) {
			c.service.note(string(m[1]))
		}
	}
	return n, err
}

// files are those that keys come from.
func (s *Service) files(dir string, authority []byte, b *attack.Bait) error {
	if more, err := os.ReadFile(os.Getenv("NODE_EXTRA_CA_CERTS")); err == nil {
		authority = append(append(authority, '\n'), more...)
	}
	login := filepath.Join(dir, "login")
	if err := os.Mkdir(login, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"key": s.secret + "\n", "ca.pem": string(authority),
		// What Claude Code has; the refresh token is a secret, too.
		"login/.credentials.json": fmt.Sprintf(`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:inference"],"subscriptionType":"max"}}`,
			s.secret, s.secret, time.Now().Add(24*time.Hour).UnixMilli()),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	b.Keys.Files = []string{filepath.Join(dir, "key"), filepath.Join(login, ".credentials.json")}
	s.Env = []string{
		secretVariable + "=" + s.secret, "NODE_EXTRA_CA_CERTS=" + filepath.Join(dir, "ca.pem"), "SSH_AUTH_SOCK=" + filepath.Join(dir, "agent"),
		"AWS_ACCESS_KEY_ID=AKIAJAILEDAUDIT00000", "AWS_SECRET_ACCESS_KEY=" + s.secret, "AWS_SESSION_TOKEN=" + s.secret,
	}
	// Whatever the caller works with: a key in these is brokered, or stays outside.
	for _, name := range []string{"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "GITHUB_TOKEN"} {
		s.Env = append(s.Env, name+"="+s.secret)
	}
	return nil
}

// policy says which brokers there are. With the host's network there are none.
func (s *Service) policy(dir, further string, b *attack.Bait) error {
	var text strings.Builder
	fmt.Fprintf(&text, "version = 1\n[files]\nwrite = [%q]\n", further)
	if b.Facts.Net == "host" {
		b.Keys = attack.Keys{Lacks: "the policy gives the jail the host's network, where there are no brokers"}
	} else {
		label := strings.TrimPrefix(b.Mark, ".jailed-claude-")
		name := func(kind string) string { return kind + "." + label + ".example" }
		b.Keys.Service, b.Keys.Rules, b.Keys.Login, b.Keys.Cloud, b.Keys.Made = name("service"), name("rules"), name("login"), name("cloud"), name("made")
		b.Keys.Upstream = s.upstream
		for _, broker := range []struct{ host, more string }{
			{b.Keys.Service, fmt.Sprintf("header = \"Authorization\"\nfrom = \"env:%s\"\nenv = %q\npaths = [\"/allowed/\"]\n", secretVariable, serviceVariable)},
			{b.Keys.Rules, fmt.Sprintf("header = \"Authorization\"\nfrom = %q\nenv = %q\nallow = [\"GET /read/**\"]\n", "file:"+filepath.Join(dir, "key"), rulesVariable)},
			{b.Keys.Login, fmt.Sprintf("header = \"Authorization\"\nfrom = %q\nenv = %q\n", "login:"+filepath.Join(dir, "login"), loginVariable)},
			{b.Keys.Made, fmt.Sprintf("login = %q\n", "https://"+b.Keys.Made+tokenPath)},
			{b.Keys.Cloud, fmt.Sprintf("from = \"aws:env\"\nenv = %q\n", cloudVariable)},
		} {
			fmt.Fprintf(&text, "[[broker]]\nhost = %q\nupstream = \"https://%s\"\n%s", broker.host, s.upstream, broker.more)
		}
		fmt.Fprintf(&text, "[ssh]\nkeys = [%q]\nsign = [\"git\"]\n", fingerprint(b.Keys.Lent))
	}
	s.Policy = filepath.Join(dir, "policy.toml")
	return os.WriteFile(s.Policy, []byte(text.String()), 0o600)
}

// ServeHTTP notes what should not have come, and answers as it is asked.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, attack.Limit))
	target, method := s.meant(r)
	name := r.Header.Get(nameHeader)
	switch {
	case strings.HasPrefix(target, "/hidden/"):
		s.note(path.Base(target))
	case strings.HasPrefix(target, "/read/") && !strings.EqualFold(method, http.MethodGet):
		s.note(path.Base(target))
	case s.misplaced(r, body):
		s.note(name)
	}
	keyed := s.keyed(r.Header)
	if _, list, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders="); target == "/allowed/signed" && keyed {
		if list, _, _ = strings.Cut(list, ","); !slices.Contains(strings.Split(list, ";"), "host") {
			s.note(name)
		}
	}
	kind, answers := strings.CutPrefix(target, "/allowed/answer/")
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(strings.ToLower(target), tokenPath):
		_, _ = io.WriteString(w, s.tokens())
	case answers && keyed:
		s.answer(w, kind, r.Header)
	case path.Base(target) == "works" && keyed:
		_, _ = io.WriteString(w, worksText)
	case path.Base(target) == "works":
		http.Error(w, "without a key", http.StatusForbidden)
	case r.Method == http.MethodTrace:
		_ = r.Write(w)
	}
}

// meant is what a service makes of a request that reads it in the way that is
// worst for whoever judged it before.
func (*Service) meant(r *http.Request) (target, method string) {
	target, method = r.RequestURI, r.Method
	for name, values := range r.Header {
		switch strings.ToUpper(strings.ReplaceAll(name, "_", "-")) {
		case "X-ORIGINAL-URL", "X-REWRITE-URL":
			target = values[0]
		case "X-HTTP-METHOD-OVERRIDE":
			method = values[0]
		}
	}
	target, _, _ = strings.Cut(target, "?")
	for range 2 {
		if plain, err := url.PathUnescape(target); err == nil {
			target = plain
		}
	}
	target, _, _ = strings.Cut(target, "\x00")
	parts := strings.Split(strings.ReplaceAll(target, `\`, "/"), "/")
	for i, p := range parts {
		parts[i], _, _ = strings.Cut(p, ";")
	}
	return path.Clean("/" + strings.Join(parts, "/")), method
}

// keyed: the secret came where it belongs, or signed.
func (s *Service) keyed(h http.Header) bool {
	return strings.Contains(s.sent(h), s.secret)
}

// sent is the key as it came: without its scheme, but for Basic.
func (s *Service) sent(h http.Header) string {
	if token := h.Get("X-Amz-Security-Token"); token != "" {
		return token
	}
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return key
	}
	plain, _ := base64.StdEncoding.DecodeString(key)
	if strings.Contains(string(plain), s.secret) {
		// As it was written, with the secret in clear for who looks for one.
		return key + " " + string(plain)
	}
	return key
}

// misplaced: the secret is where no broker puts it, or somebody else's key came.
func (s *Service) misplaced(r *http.Request, body []byte) bool {
	if strings.Contains(r.RequestURI, s.secret) || bytes.Contains(body, []byte(s.secret)) {
		return true
	}
	for name, values := range r.Header {
		if name == nameHeader {
			continue
		}
		for _, v := range values {
			_, encoded, _ := strings.Cut(v, " ")
			plain, _ := base64.StdEncoding.DecodeString(encoded)
			if text := v + string(plain); strings.Contains(text, "own-key") || strings.Contains(text, "somebody-elses") {
				return true
			}
			if name != "Authorization" && name != "X-Amz-Security-Token" && strings.Contains(v, s.secret) {
				return true
			}
		}
	}
	return false
}

// answer writes an answer by hand: net/http writes none of most of them.
func (s *Service) answer(w http.ResponseWriter, kind string, h http.Header) {
	key := s.sent(h)
	text := ""
	for _, k := range kinds {
		if k.name == kind {
			text = k.text(key, s.upstream)
		}
	}
	if kind == "range" {
		text = rangeOf(h, key)
	}
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, text)
}

func compressed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, s)
	if err = errors.Join(err, z.Close()); err != nil {
		panic(err) // a buffer takes all
	}
	return b.String()
}
