package agents

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOpenAI: only who has the key and ran the command gets to the end of a turn.
func TestOpenAI(t *testing.T) {
	s := httptest.NewServer(openAI("k"))
	defer s.Close()
	const tool = `{"tools":[{"name":"exec_command"}]`
	const done = `,"input":[{"type":"function_call_output","call_id":"call1","output":`
	for _, c := range []struct {
		what, path, key, upgrade, body string
		status                         int
		want                           string
	}{
		{"the call", "/v1/responses", "k", "", tool + "}", 200, `"call_id":"call1"`},
		{"its answer", "/v1/responses", "k", "", tool + done + `"-rw .envrc"}]}`, 200, last},
		{"another answer", "/v1/responses", "k", "", tool + done + `"no such file"}]}`, 400, "did not run"},
		{"no tool", "/v1/responses", "k", "", "{}", 400, "no tool"},
		{"a placeholder", "/v1/responses", "placeholder", "", tool + "}", 401, "another key"},
		{"a websocket", "/v1/responses", "k", "websocket", "", 426, ""},
		{"models", "/backend-api/codex/models", "k", "", "", 200, `"models":[]`},
		{"another path", "/v1/files", "k", "", "", 404, ""},
	} {
		r, err := http.NewRequest(http.MethodPost, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.key)
		if c.upgrade != "" {
			r.Header.Set("Upgrade", c.upgrade)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: %d %s", c.what, resp.StatusCode, text)
		}
	}
}
