package bridges

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Class of all attacks here.
const Class = "bridges"

// socket is where programs of the jail ask. Tests have another.
var socket = "/run/jail/bridge"

// patience is more than the host takes for anything.
const patience = 10 * time.Second

// control is what the jail may ask for. It is asked for once.
const control = `{"bridge":"notify","title":"audit"}`

// say sends a line, and returns the answer, or what stands for it.
func say(line string) (answer string, done bool) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return attack.Plain(err), false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		return attack.Plain(err), false
	}
	text, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return attack.Plain(err), false
	}
	var a struct{ Error string }
	if json.Unmarshal([]byte(text), &a) != nil {
		return "it is answered with what is no JSON", true
	}
	return a.Error, a.Error == ""
}

var works = sync.OnceValue(func() attack.Result {
	if _, err := os.Lstat(socket); err != nil {
		return attack.Inapplicable("there are no bridges")
	}
	if why, done := say(control); !done {
		return attack.Failure("the bridge that is there does nothing: %s", why)
	}
	return attack.Through("it works")
})

// page asks for one.
func page(url string) string {
	text, err := json.Marshal(map[string]string{"bridge": "open", "url": url})
	if err != nil {
		return "" // a string can be marshalled
	}
	return string(text)
}

// request is a line to the broker.
type request struct{ name, source, line string }

// requests are what nobody may have done, with the bridges "open" (always) and
// "notify". One has a megabyte: they are made when they are asked for.
func requests() []request {
	return []request{
		{"open-file", "xdg-open(1)", page("file:///etc/passwd")},
		{"open-javascript", "URL schemes", page("javascript:alert(1)")},
		{"open-data", "URL schemes", page("data:text/html,x")},
		{"open-plain-http", "URL schemes", page("http://example.org/")},
		{"open-editor", "vscode://, CVE-2022-30129's kin", page("vscode://file/etc/passwd")},
		{"open-ssh", "CVE-2017-1000117: ssh://-oProxyCommand", page("ssh://-oProxyCommand=x/")},
		{"open-option", "CWE-88", page("--help")},
		{"open-option-before", "CWE-88", page("-P evil https://example.org/")},
		{"open-two-words", "CVE-2017-18266: xdg-open and BROWSER", page("https://example.org/ --profile x")},
		{"open-line-end", "CWE-93", page("https://example.org/\n--help")},
		{"open-escape", "what a terminal obeys", page("https://example.org/\x1b]0;x\x07")},
		{"open-quote", "CVE-2017-18266", page(`https://example.org/"$(id)`)},
		{"open-backquote", "CWE-78", page("https://example.org/`id`")},
		{"open-user", "RFC 3986, 7.6", page("https://example.org@evil.example/")},
		{"open-user-encoded", "RFC 3986, 7.6", page("https://example.org%40evil.example/")},
		{"open-backslash", "WHATWG URL and RFC 3986 differ", page(`https://evil.example\@example.org/`)},
		{"open-loopback", "the caller's services", page("https://127.0.0.1/")},
		{"open-loopback-short", "inet_aton(3)", page("https://0x7f.1/")},
		{"open-loopback-ipv6", "RFC 4291", page("https://[::1]/")},
		{"open-localhost", "the caller's services", page("https://localhost/")},
		{"open-router", "names of the caller's network", page("https://fritz.box.internal/")},
		{"open-answering", "RFC 8252, 7.3: a port of the caller's loopback", page("https://example.org/?redirect_uri=http://localhost:8000/")},
		{"open-long", "CWE-770", page("https://example.org/" + strings.Repeat("x", 5000))},
		{"open-and-more", "strict parsing", `{"bridge":"open","url":"https://example.org/","title":"x"}`},
		{"clipboard-off", "another bridge than the policy names", `{"bridge":"clipboard"}`},
		{"clipboard-image-off", "another bridge than the policy names", `{"bridge":"clipboard","type":"image/png"}`},
		{"clipboard-text", "xclip(1)", `{"bridge":"clipboard","type":"text/plain"}`},
		{"exec", "there is none", `{"bridge":"exec","url":"https://example.org/"}`},
		{"notify-escape", "what a terminal obeys", `{"bridge":"notify","title":"\u001b[2J"}`},
		{"notify-lines", "looking like another program", `{"bridge":"notify","title":"a\nb"}`},
		{"notify-turned", "CVE-2021-42574", `{"bridge":"notify","title":"a\u202eb"}`},
		{"notify-long", "CWE-770", `{"bridge":"notify","title":"` + strings.Repeat("x", 1000) + `"}`},
		{"two-requests", "request smuggling", `{"bridge":"notify","title":"audit"}{"bridge":"open","url":"file:///etc/passwd"}`},
		{"huge", "CWE-770", `{"bridge":"notify","title":"` + strings.Repeat("x", 1<<20) + `"}`},
		{"garbage", "strict parsing", "\x00\x01\xff"},
	}
}

// mayNotify is how many notifications a minute no person would miss.
const mayNotify = 20

// Attacks ask for more than the words of a policy say.
func Attacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(e *attack.Env) attack.Result) {
		all = append(all, attack.Attack{
			Name: "bridge-" + name, Class: Class, Promise: attack.PromiseServices, Source: source, Success: success, Apart: true,
			Run: func(e *attack.Env) attack.Result {
				if r := works(); r.Verdict != attack.GotThrough {
					return r
				}
				return run(e)
			},
		})
	}
	for _, r := range requests() {
		add(r.name, r.source, "the host does it", func(*attack.Env) attack.Result {
			why, done := say(r.line)
			if done {
				return attack.Through("it is done %s", why)
			}
			return attack.HeldBy("%s", why)
		})
	}
	add("flood", "CWE-770", "the host does it as often as it is asked", func(*attack.Env) attack.Result {
		n, last := 0, ""
		for range 200 {
			why, done := say(control)
			if last = why; done {
				n++
			}
		}
		if n > mayNotify {
			return attack.Through("%d times in a moment", n)
		}
		return attack.HeldBy("%s", last)
	})
	add("starts-other", "CWE-88", "a program of the host is called otherwise", func(*attack.Env) attack.Result {
		return attack.HeldBy("the programs of the host say how they were called")
	})
	last := &all[len(all)-1]
	last.Judge = func(w attack.Witness, r attack.Result) attack.Result {
		if w.Arrived(last.Name) {
			return attack.Through("a program was called with what nobody may ask for")
		}
		return r
	}
	return all
}
