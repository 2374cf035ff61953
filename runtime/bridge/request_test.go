package bridge

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// bad are requests that a jail makes to reach more, or something else.
var bad = map[string]string{
	"nothing":            ``,
	"no JSON":            `open https://example.org`,
	"two":                `{"bridge":"notify","title":"a"}{"bridge":"notify","title":"b"}`,
	"another bridge":     `{"bridge":"exec"}`,
	"an unknown field":   `{"bridge":"clipboard","type":"image/png","target":"TARGETS"}`,
	"mixed":              `{"bridge":"notify","title":"a","url":"https://example.org"}`,
	"mixed clipboard":    `{"bridge":"clipboard","type":"image/png","body":"x"}`,
	"a list":             `[{"bridge":"clipboard"}]`,
	"text":               `{"bridge":"clipboard","type":"text/plain"}`,
	"all targets":        `{"bridge":"clipboard","type":"TARGETS"}`,
	"an option":          `{"bridge":"clipboard","type":"--watch"}`,
	"an image with more": `{"bridge":"clipboard","type":"image/png\n"}`,
	"svg":                `{"bridge":"clipboard","type":"image/svg+xml"}`,
	"no title":           `{"bridge":"notify","body":"x"}`,
	"control":            `{"bridge":"notify","title":"a\u001b[2Jb"}`,
	"lines":              `{"bridge":"notify","title":"a\nb"}`,
	"turned":             `{"bridge":"notify","title":"a\u202eb"}`,
	"a long title":       `{"bridge":"notify","title":"` + strings.Repeat("x", maxTitle+1) + `"}`,
	"a long text":        `{"bridge":"notify","title":"x","body":"` + strings.Repeat("x", maxBody+1) + `"}`,
	"a long end":         `{"bridge":"clipboard"}` + strings.Repeat(" ", MaxRequest),
	"too long":           `{"bridge":"open","url":"https://example.org/` + strings.Repeat("x", MaxRequest) + `"}`,
}

// badPages are addresses that are not opened.
var badPages = []string{
	"", "https://", "https:///etc/passwd", "http://example.org/", "HTTPS://example.org/", "file:///etc/passwd", "javascript:alert(1)", "data:text/html,x",
	"vscode://file/etc/passwd", "ssh://-oProxyCommand=x/", "x-man-page://1", "about:config", "view-source:https://example.org/", "//example.org/", "example.org",
	"-", "--help", "-https://example.org/", "--new-window https://example.org/", " https://example.org/", "https://example.org/ --profile x", "https://example.org/\n-x", "https://example.org/\x00",
	"https://user@example.org/", "https://user:secret@example.org/", "https://good.org@evil.org/", "https://good.org%40evil.org/", "https://good.org\\@evil.org/", "https://good.org\\.evil.org/",
	"https://@example.org/", "https://[::1]/", "https://[fe80::1%25lo]/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://example.0x1/", "https://1.2.3.4.5/",
	"https://localhost/", "https://router/", "https://printer.local/", "https://db.corp.internal/", "https://nas.lan/", "https://a.localhost/", "https://1.0.0.127.in-addr.arpa/",
	"https://exa mple.org/", "https://example.org:/", "https://example.org:0/", "https://example.org:99999/", "https://example.org:+443/", "https://example.org:0443/", "https://example.org:443:1/",
	"https://ex%61mple.org/", "https://exämple.org/", "https://example.org./", "https://Example.org/", "https://example..org/", "https://-x.org/", "https://.org/",
	"https://example.org/\u202egro.live", "https://example.org/\"x", "https://example.org/`id`", "https://example.org/'x", "https://example.org/<x>", "https://example.org/{x}", "https://example.org/|x", "https://example.org/^x",
	"https://example.org/%zz", "https://example.org/" + strings.Repeat("x", maxURL),
}

func TestParseRefuses(t *testing.T) {
	for name, line := range bad {
		if r, err := Parse([]byte(line)); err == nil {
			t.Errorf("%s: %s is taken for %+v", name, line, r)
		}
	}
	for _, page := range badPages {
		line, err := json.Marshal(Request{Bridge: "open", URL: page})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Parse(line); err == nil {
			t.Errorf("%q is opened: %+v", page, r)
		}
	}
}

func TestParse(t *testing.T) {
	login := "https://claude.ai/oauth/authorize?code=true&client_id=9d1c&redirect_uri=http%3A%2F%2Flocalhost%3A54545%2Fcallback&scope=user%3Aprofile&state=a_b-c"
	for line, want := range map[string]Page{
		`{"bridge":"open","url":"https://example.org"}`:                                       {URL: "https://example.org", Host: "example.org", Port: 443},
		`{"bridge":"open","url":"https://xn--bcher-kva.example.org:8443/a?b=c#d"}`:            {URL: "https://xn--bcher-kva.example.org:8443/a?b=c#d", Host: "xn--bcher-kva.example.org", Port: 8443},
		`{"bridge":"open","url":"` + login + `"}`:                                             {URL: login, Host: "claude.ai", Port: 443, Answer: 54545},
		`{"bridge":"open","url":"https://example.org/?redirect_uri=http://localhost:22/"}`:    {URL: "https://example.org/?redirect_uri=http://localhost:22/", Host: "example.org", Port: 443},
		`{"bridge":"open","url":"https://example.org/?redirect_uri=http://evil.org:8000/"}`:   {URL: "https://example.org/?redirect_uri=http://evil.org:8000/", Host: "example.org", Port: 443},
		`{"bridge":"open","url":"https://example.org/?redirect_uri=http://127.0.0.1:70000/"}`: {URL: "https://example.org/?redirect_uri=http://127.0.0.1:70000/", Host: "example.org", Port: 443},
	} {
		r, err := Parse([]byte(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got, err := ParsePage(r.URL); err != nil || got != want {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{`{"bridge":"clipboard"}`, `{"bridge":"clipboard","type":"image/png"}`, `{"bridge":"notify","title":"Fertig: ü","body":"a <b> & c"}`} {
		if _, err := Parse([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// FuzzParse: what is taken has one meaning, and nothing in it that a terminal or
// a program of the host could take for anything else.
func FuzzParse(f *testing.F) {
	for _, line := range bad {
		f.Add([]byte(line))
	}
	for _, page := range append(badPages, "https://example.org:8443/a?b=c#d") {
		line, err := json.Marshal(Request{Bridge: "open", URL: page})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Parse(line)
		if err != nil {
			if r != (Request{}) {
				t.Fatalf("%q: an error and %+v", line, r)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := Parse(again); err != nil || s != r {
			t.Fatalf("%q is %+v, and then %+v, %v", line, r, s, err)
		}
		for _, s := range []string{r.URL, r.Type, r.Title, r.Body} {
			if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x202e }) {
				t.Fatalf("%q holds %q", line, s)
			}
		}
		if r.URL == "" {
			return
		}
		u, err := url.Parse(r.URL)
		p, _ := ParsePage(r.URL)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() != p.Host || p.Host == "" || !strings.HasPrefix(r.URL, "https://"+p.Host) {
			t.Fatalf("%q is opened, as %+v", r.URL, p)
		}
	})
}

// TestIsImage: what begins as an image does, and no text.
func TestIsImage(t *testing.T) {
	for data, want := range map[string]bool{
		"\x89PNG\r\n\x1a\n": true, "\xff\xd8\xff\xe0": true, "GIF89a": true, "GIF87a": true, "RIFF\x10\x00\x00\x00WEBPVP8 ": true,
		"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x00\x02\x00\x00\x80\x01\x00\x00": true,
		"": false, "B": false, "BM": false, "BMW-and-some-more-of-a-password": false, "GIF": false, "RIFF1234": false, "RIFF1234WAVE": false, "PNG": false, "a password": false,
	} {
		if got := isImage([]byte(data)); got != want {
			t.Errorf("%q: %v", data, got)
		}
	}
}
