package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const script = `[
	{"text": "look", "tools": [{"name": "Bash", "input": {"command": "id"}}, {"name": "Read"}]},
	{"text": "said: {{tool_result}}"},
	{"status": 529}
]`

// start serves s and returns its address and its log.
func start(t *testing.T, s *server) string {
	t.Helper()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h.URL
}

func scripted(t *testing.T, log io.Writer) *server {
	t.Helper()
	name := filepath.Join(t.TempDir(), "turns.json")
	if err := os.WriteFile(name, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	turns, err := loadScript(name)
	if err != nil {
		t.Fatal(err)
	}
	return newServer(turns, log)
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(url+"/v1/messages", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func TestMessages(t *testing.T) {
	const tools = `"tools": [{"name": "Bash"}]`
	const user = `{"role": "user", "content": "go"}`
	const asked = user + `, {"role": "assistant", "content": []}`
	for _, c := range []struct {
		name, body string
		status     int
		want       []string
		note       string
	}{
		{
			"first turn", `{` + tools + `, "messages": [` + user + `]}`, 200,
			[]string{`"text":"look"`, `"command":"id"`, `"stop_reason":"tool_use"`, `"input":{}`},
			`turn 0, tool "Read" was not offered`,
		},
		{
			"result as text", `{` + tools + `, "messages": [` + asked + `,
			{"role": "user", "content": [{"type": "tool_result", "content": "uid=7"}]}]}`, 200,
			[]string{`"text":"said: uid=7"`, `"stop_reason":"end_turn"`},
			"turn 1",
		},
		{
			"result as parts, the last one counts", `{` + tools + `, "messages": [` + asked + `,
			{"role": "user", "content": [{"type": "tool_result", "content": "old"},
			{"type": "tool_result", "content": [{"type": "text", "text": "new "}, {"type": "text", "text": "er"}]}]}]}`, 200,
			[]string{`"text":"said: new er"`},
			"turn 1",
		},
		{
			"scripted error", `{` + tools + `, "messages": [` + asked + `, {"role": "assistant", "content": []}]}`, 529,
			[]string{`"api_error"`},
			"turn 2",
		},
		{
			"past the script", `{` + tools + `, "messages": [` + strings.Repeat(`{"role": "assistant"},`, 3) + user + `]}`, 200,
			[]string{`"text":"done"`},
			"past the script (turn 3)",
		},
		{"no tools offered", `{"messages": [` + user + `]}`, 200, []string{`"text":"ok"`}, "side request"},
		{"not JSON", `{`, 400, []string{"invalid_request_error"}, "not a Messages request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			status, got := post(t, start(t, scripted(t, &log)), c.body)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("answer has no %s:\n%s", w, got)
				}
			}
			var e entry
			if err := json.Unmarshal(log.Bytes(), &e); err != nil {
				t.Fatalf("log %q: %v", log.String(), err)
			}
			if e.Note != c.note || e.URL != "/v1/messages" || e.Method != http.MethodPost || len(e.Body) == 0 {
				t.Errorf("log entry %+v, want note %q", e, c.note)
			}
		})
	}
}

// A client that puts the deltas of the stream together must get the message
// that it would have got in one piece.
func TestStream(t *testing.T) {
	body := `{"stream": true, "model": "m", "tools": [{"name": "Bash"}, {"name": "Read"}], "messages": []}`
	resp, err := http.Post(start(t, scripted(t, io.Discard))+"/v1/messages", "", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var events, deltas []string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, data, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			events = append(events, data)
		case "data":
			var v struct {
				Delta struct {
					Text string `json:"text"`
					JSON string `json:"partial_json"`
					Stop string `json:"stop_reason"`
				} `json:"delta"`
			}
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			deltas = append(deltas, v.Delta.Text+v.Delta.JSON+v.Delta.Stop)
		}
	}
	block := " content_block_start content_block_delta content_block_stop"
	if got, want := strings.Join(events, " "), "message_start"+strings.Repeat(block, 3)+" message_delta message_stop"; got != want {
		t.Errorf("events %s\nwant %s", got, want)
	}
	if got, want := strings.Join(deltas, "|"), `||look|||{"command":"id"}|||{}||tool_use|`; got != want {
		t.Errorf("deltas %s, want %s", got, want)
	}
}

func TestOtherPaths(t *testing.T) {
	var log bytes.Buffer
	url := start(t, scripted(t, &log))
	for path, want := range map[string]int{
		"/api/hello": 200, "/v1/models": 200, "/v1/messages/count_tokens": 200, "/elsewhere": 404,
	} {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("%d requests logged, want 4", n)
	}
}

func TestScriptIsStrict(t *testing.T) {
	name := filepath.Join(t.TempDir(), "turns.json")
	if err := os.WriteFile(name, []byte(`[{"txt": "typo"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadScript(name); err == nil || !strings.Contains(err.Error(), "txt") {
		t.Errorf("a misspelt key is accepted: %v", err)
	}
}

// The scripts that the repository ships must load.
func TestShippedScripts(t *testing.T) {
	names, err := filepath.Glob("turns/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range names {
		if turns, err := loadScript(name); err != nil || len(turns) == 0 {
			t.Errorf("%s: %d turns, %v", name, len(turns), err)
		}
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		var stderr bytes.Buffer
		if status := run([]string{"-addr", addr}, &stderr, nil); status != 1 || !strings.Contains(stderr.String(), "not a loopback address") {
			t.Errorf("-addr %s: status %d, %s", addr, status, stderr.String())
		}
		if status := run([]string{"-tls", addr, "-ca", filepath.Join(t.TempDir(), "ca")}, &stderr, nil); status != 1 {
			t.Errorf("-tls %s: status %d", addr, status)
		}
	}
}

func TestProxyRefusesTheOutside(t *testing.T) {
	var log bytes.Buffer
	proxy, err := url.Parse(start(t, scripted(t, &log)))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	resp, err := client.Get("http://example.test/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("absolute URL: %s", resp.Status)
	}
	if _, err = client.Get("https://example.test/"); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("CONNECT: %v", err)
	}
	for _, note := range []string{"proxy request refused", "CONNECT refused"} {
		if !strings.Contains(log.String(), note) {
			t.Errorf("log has no %q:\n%s", note, log.String())
		}
	}
}

// The whole program: addresses and CA in files, TLS under a real host's name
// through its own proxy, and an end on request.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	stop := make(chan os.Signal, 1)
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- run([]string{
			"-script", "turns/hello.json", "-addrfile", file("addr"), "-log", file("log"),
			"-tls", "127.0.0.1:0", "-ca", file("ca"), "-tlsaddrfile", file("tls"),
		}, &stderr, stop)
	}()
	addr := waitFor(t, file("addr"))
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(waitFor(t, file("ca")))) {
		t.Fatal("no CA certificate")
	}
	client := &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: addr}),
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	resp, err := client.Get("https://api.anthropic.com/api/hello")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("over TLS: %s", resp.Status)
	}
	client.CloseIdleConnections()
	if status, got := post(t, "http://"+addr, `{"tools": [{"name": "Bash"}]}`); status != 200 || !strings.Contains(got, "hello from the script") {
		t.Errorf("%d %s", status, got)
	}
	stop <- os.Interrupt
	if status := <-ended; status != 0 {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	log, err := os.ReadFile(file("log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CONNECT joined", `"tls":true`, `"note":"turn 0"`} {
		if !strings.Contains(string(log), want) {
			t.Errorf("log has no %s:\n%s", want, log)
		}
	}
}

func waitFor(t *testing.T, name string) string {
	t.Helper()
	for range 500 {
		if data, err := os.ReadFile(name); err == nil {
			return string(data)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not appear", name)
	return ""
}
