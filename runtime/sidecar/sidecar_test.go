package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

const secret = "sk-the-real-key-of-the-pod"

// serve starts brokers of one service, and returns the address of the first, and
// what ends them.
func serve(t *testing.T, log io.Writer, brokers ...network.Broker) (string, func() error) {
	t.Helper()
	text, err := json.Marshal(brokers)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "brokers.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	// A port that was free just now.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, at, file, log) }()
	return at, func() error { cancel(); return <-done }
}

// TestServe: the placeholder becomes the key on the way out; without it, on
// another path or with another key nothing goes out.
func TestServe(t *testing.T) {
	var seen []string
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get("X-Api-Key"))
		fmt.Fprint(w, "hello")
	}))
	defer service.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", roots) // read once, by the first who asks for the system's
	t.Setenv("TEST_KEY", secret)
	b := network.Broker{Name: "test", Upstream: service.URL, Header: "X-Api-Key", From: "env:TEST_KEY", Env: "TEST_KEY", URLEnv: "TEST_URL", Paths: []string{"/v1/"}}.Complete()
	var log bytes.Buffer
	at, end := serve(t, &log, b)
	get := func(path, key string) (int, string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+path, nil)
		r.Header.Set("X-Api-Key", key)
		for tries := 0; ; tries++ {
			answer, err := http.DefaultClient.Do(r)
			if err != nil && strings.Contains(err.Error(), "refused") && tries < 10000 {
				time.Sleep(time.Millisecond) // it is not there yet
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			return answer.StatusCode, string(text)
		}
	}
	if status, text := get("/v1/a", b.Placeholder()); status != 200 || text != "hello" {
		t.Fatalf("%d %s", status, text)
	}
	for path, key := range map[string]string{"/v2/a": b.Placeholder(), "/v1/b": "sk-somebody-elses", "/v1/../v2": b.Placeholder()} {
		if status, text := get(path, key); status < 400 || strings.Contains(text, secret) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if err := end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if len(seen) != 1 || seen[0] != "/v1/a "+secret {
		t.Errorf("the service saw %q", seen)
	}
	if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), `"/v1/a"`) {
		t.Errorf("the log is %s", log.String())
	}
}

// TestRefused: no key, no broker; and nothing of a broker that is not known.
func TestRefused(t *testing.T) {
	good := network.Broker{Name: "test", Upstream: "https://a.example", Header: "X-Api-Key", From: "env:TEST_KEY", Env: "TEST_KEY"}.Complete()
	file, plain := good, good
	file.From, plain.Upstream = "file:/etc/shadow", "http://a.example"
	for want, brokers := range map[string][]network.Broker{"TEST_KEY": {good}, "is not in a variable": {file}, "http://a.example": {plain}, "there are none": {}} {
		t.Setenv("TEST_KEY", "")
		_, end := serve(t, io.Discard, brokers...)
		if err := end(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte(`[{"name":"a","upstream":"https://a.example","from":"env:A","later":1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), "127.0.0.1:1", name, io.Discard); err == nil || !strings.Contains(err.Error(), "later") {
		t.Errorf("%v", err)
	}
}
