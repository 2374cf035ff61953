package bridges

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// editorAt is where a jail has its editor. Tests have another one.
var editorAt = "127.0.0.1:28911"

// editor is a connection to it that has said hello.
type editor struct {
	*websocket.Socket
	e    *attack.Env
	next int
	// name is what the window calls itself, heard all that came.
	name  string
	heard []byte
}

// dialEditor connects, with these lines in the header, and asks for a path or an
// address.
func dialEditor(e *attack.Env, to string, more ...string) (*editor, error) {
	c, err := net.DialTimeout("tcp", editorAt, patience)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(soon())
	s, said, err := upgrade(c, to, more...)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	ed := &editor{Socket: s, e: e, heard: []byte(said)}
	text, err := ed.ask("initialize", map[string]any{"protocolVersion": "2025-03-26"})
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	var hello struct {
		Result struct {
			ServerInfo struct{ Name string } `json:"serverInfo"`
		} `json:"result"`
	}
	_ = json.Unmarshal(text, &hello)
	ed.name = hello.Result.ServerInfo.Name
	return ed, nil
}

// ask asks, and returns the answer to that.
func (ed *editor) ask(method string, params any) ([]byte, error) {
	ed.next++
	if err := ed.Say(encode(map[string]any{"jsonrpc": "2.0", "id": ed.next, "method": method, "params": params})); err != nil {
		return nil, err
	}
	for {
		text, err := ed.Hear()
		if err != nil {
			return nil, err
		}
		ed.heard = append(ed.heard, text...)
		var m message
		if json.Unmarshal(text, &m) == nil && string(m.ID) == strconv.Itoa(ed.next) {
			return text, nil
		}
	}
}

func tool(name string, arguments map[string]any) map[string]any {
	return map[string]any{"name": name, "arguments": arguments}
}

// refused is why an answer is none; empty if it is one.
func refused(answer []byte) string {
	var m struct {
		Error  *struct{ Message string } `json:"error"`
		Result struct {
			IsError bool                    `json:"isError"`
			Content []struct{ Text string } `json:"content"`
		} `json:"result"`
	}
	switch err := json.Unmarshal(answer, &m); {
	case err != nil:
		return err.Error()
	case m.Error != nil:
		return m.Error.Message
	case m.Result.IsError && len(m.Result.Content) > 0:
		return m.Result.Content[0].Text
	case m.Result.IsError:
		return "it is an error"
	}
	return ""
}

// does has the editor do something that no jail may have done.
func does(method string, params func(e *attack.Env) any) func(*attack.Env) attack.Result {
	return func(e *attack.Env) attack.Result {
		ed, err := dialEditor(e, "/")
		if err != nil {
			return attack.Failure("there is no editor: %v", err)
		}
		defer ed.Close()
		text, err := ed.ask(method, params(e))
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		if why := refused(text); why != "" && !e.IsSecret(text) {
			return attack.HeldBy("%s", why)
		}
		return attack.Through("the editor does it")
	}
}

// reads asks for what is allowed, and looks for what is not in the answer, and in all
// that comes before it.
func reads(method string, params func(e *attack.Env) any) func(*attack.Env) attack.Result {
	return func(e *attack.Env) attack.Result {
		ed, err := dialEditor(e, "/")
		if err != nil {
			return attack.Failure("there is no editor: %v", err)
		}
		defer ed.Close()
		if _, err := ed.ask(method, params(e)); err != nil {
			return attack.Failure("the editor does not answer: %v", err)
		}
		if e.IsSecret(ed.heard) {
			return attack.Through("the editor says what is in a file that the jail has not")
		}
		return attack.HeldBy("the answer has nothing of it")
	}
}

func call(name string, arguments func(e *attack.Env) map[string]any) func(*attack.Env) any {
	return func(e *attack.Env) any {
		if arguments == nil {
			return tool(name, map[string]any{})
		}
		return tool(name, arguments(e))
	}
}

func of(key, value string) func(*attack.Env) map[string]any {
	return func(*attack.Env) map[string]any { return map[string]any{key: value} }
}

// diff is one of two paths.
func diff(from, to func(e *attack.Env) string) func(*attack.Env) any {
	return func(e *attack.Env) any {
		return tool("openDiff", map[string]any{"old_file_path": from(e), "new_file_path": to(e), "new_file_contents": attack.MarkerText, "tab_name": ownTab})
	}
}

func outside(e *attack.Env) string { return e.Desk.Outside }

// below is a path of the project.
func below(p string) func(*attack.Env) string {
	return func(e *attack.Env) string { return e.Desk.Project + p }
}

func same(p func(*attack.Env) string) func(*attack.Env) any { return diff(p, p) }

// linked is a path below a symlink of the project that leads out.
func linked(e *attack.Env) string {
	at := e.Desk.Project + link
	_ = os.Symlink(filepath.Dir(e.Desk.Outside), at)
	return at + "/" + filepath.Base(e.Desk.Outside)
}

// editorAttacks are on the editor that a jail has been given a window of, with
// "diffs".
func editorAttacks() []desktopAttack {
	nothing := func(*attack.Env) any { return map[string]any{} }
	return []desktopAttack{
		{"token", "CVE-2025-52882: PORT.lock", token},
		{"port", "CVE-2025-52882: the port itself", portItself},
		{"execute", "a notebook's kernel", does("tools/call", call("executeCode", of("code", "1")))},
		{"open-file", "tasks and formatters run as the caller", does("tools/call", call("openFile", func(e *attack.Env) map[string]any { return map[string]any{"filePath": e.Desk.Outside} }))},
		{"save", "the same", does("tools/call", call("saveDocument", func(e *attack.Env) map[string]any { return map[string]any{"filePath": e.Desk.Project + "/x"} }))},
		{"spelling", "names that a list overlooks", does("tools/call", call("executeCode\u0000", nil))},
		{"unknown-tool", "a list of what is forbidden", does("tools/call", call("runCommand", nil))},
		{"method", "MCP has more than tools", does("resources/read", func(e *attack.Env) any { return map[string]any{"uri": "file://" + e.Desk.Outside} })},
		{"list", "what there is to be called", reads("tools/list", nothing)},
		{"diff-outside", "an editor saves what it shows", does("tools/call", same(outside))},
		{"diff-dots", "CWE-22", does("tools/call", same(func(e *attack.Env) string {
			return e.Desk.Project + "/.." + strings.TrimPrefix(e.Desk.Outside, filepath.Dir(e.Desk.Project))
		}))},
		{"diff-link", "CWE-59", does("tools/call", same(linked))},
		{"diff-protected", "what the host executes", does("tools/call", same(below("/.git/config")))},
		{"diff-of-two", "one is checked, the other is saved", does("tools/call", diff(below("/x"), outside))},
		{"close-other", "tabs of the caller's", does("tools/call", call("close_tab", of("tab_name", "main.go")))},
		{"diagnostics-outside", "CWE-22", does("tools/call", call("getDiagnostics", func(e *attack.Env) map[string]any { return map[string]any{"uri": "file://" + e.Desk.Outside} }))},
		{"dirty-outside", "CWE-22", does("tools/call", call("checkDocumentDirty", func(e *attack.Env) map[string]any { return map[string]any{"filePath": e.Desk.Outside} }))},
		{"diagnostics-all", "what is open in the editor", reads("tools/call", call("getDiagnostics", nil))},
		{"selection", "what is marked in another file", reads("tools/call", call("getCurrentSelection", nil))},
		{"selection-latest", "what is marked in another file", reads("tools/call", call("getLatestSelection", nil))},
		{"editors", "what is open in the editor", reads("tools/call", call("getOpenEditors", nil))},
		{"error", "an error says more than an answer", reads("tools/call", call("getDiagnostics", func(e *attack.Env) map[string]any { return map[string]any{"uri": "file://" + e.Desk.Project + fails} }))},
		{"pushed", "what the editor says by itself", reads("tools/call", call("checkDocumentDirty", func(e *attack.Env) map[string]any { return map[string]any{"filePath": e.Desk.Project + "/x"} }))},
		{"planted", "a PORT.lock of the jail's own", plants},
		{"other-window", "the token opens every window", otherWindow},
		{"origin", "CVE-2025-52882: a page in a browser", withOrigin},
		{"header", "CWE-93", withHeader},
		{"flood", "CWE-770", floods},
		{"huge", "CWE-770", huge},
		{"asked-other", "what reaches the editor", func(*attack.Env) attack.Result { return attack.HeldBy("the editor says what it was asked") }},
	}
}

// token looks for the editor's wherever Claude Code does, and in the answer.
func token(e *attack.Env) attack.Result {
	var found []byte
	for _, dir := range []string{e.Facts.Home + "/.claude", os.Getenv("CLAUDE_CONFIG_DIR"), e.Desk.Project + "/.claude", e.Desk.Config} {
		files, _ := filepath.Glob(filepath.Join(dir, "ide", "*"))
		for _, f := range files {
			text, _ := os.ReadFile(f)
			found = append(found, text...)
		}
	}
	found = append(found, strings.Join(os.Environ(), "\n")...)
	if c, err := net.Dial("tcp", editorAt); err == nil {
		_ = c.SetDeadline(soon())
		_, said, _ := upgrade(c, "/", "Origin: http://audit.example")
		found = append(found, said...)
		_ = c.Close()
	}
	if e.IsSecret(found) {
		return attack.Through("the jail has the editor's token")
	}
	return attack.HeldBy("there is no token")
}

// portItself goes to the editor without the bridge.
func portItself(e *attack.Env) attack.Result {
	var results []attack.Result
	for _, host := range []string{"127.0.0.1", "::1", "0.0.0.0", "localhost", "host"} {
		results = append(results, func() attack.Result {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(e.Desk.Port)), patience)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			defer c.Close()
			_ = c.SetDeadline(soon())
			if _, said, err := upgrade(c, "/"); said == "" {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			return attack.Through("the editor answers at %s", host)
		}())
	}
	return attack.FirstThrough(results...)
}

// leads is where a connection came out.
func leads(e *attack.Env, to string, more ...string) attack.Result {
	ed, err := dialEditor(e, to, more...)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer ed.Close()
	return leadsTo(ed)
}

func leadsTo(ed *editor) attack.Result {
	if ed.name != ours {
		return attack.Through("it is the window %q", ed.name)
	}
	return attack.HeldBy("it is the window that it was")
}

// plants says in files of the jail that the project is in another window.
func plants(e *attack.Env) attack.Result {
	// Nobody asks about a process that is not named.
	text := encode(map[string]any{"workspaceFolders": []string{e.Desk.Project}, "ideName": "audit", "transport": "ws", "authToken": "x"})
	for _, dir := range []string{e.Facts.Home + "/.claude/ide", os.Getenv("CLAUDE_CONFIG_DIR") + "/ide", e.Desk.Project + "/.claude/ide", e.Facts.Project + "/.claude/ide"} {
		if !filepath.IsAbs(dir) || strings.HasPrefix(dir, "/ide") {
			continue
		}
		_ = os.MkdirAll(dir, 0o700)
		p := filepath.Join(dir, fmt.Sprintf("%d.lock", e.Desk.Planted))
		if os.WriteFile(p, text, 0o600) == nil {
			defer os.Remove(p)
		}
	}
	ed, err := dialEditor(e, "/")
	if err != nil {
		return attack.Failure("there is no editor: %v", err)
	}
	defer ed.Close()
	return leadsTo(ed)
}

func otherWindow(e *attack.Env) attack.Result {
	at := fmt.Sprintf("127.0.0.1:%d", e.Desk.Other)
	return attack.FirstThrough(leads(e, "http://"+at+"/", "Host: "+at), leads(e, "/?port="+strconv.Itoa(e.Desk.Other), "Host: "+at))
}

func withOrigin(e *attack.Env) attack.Result {
	ed, err := dialEditor(e, "/", "Origin: http://audit.example")
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	_ = ed.Close()
	return attack.Through("a page may speak to the editor")
}

// withHeader: the editor says whether it got it.
func withHeader(e *attack.Env) attack.Result {
	ed, err := dialEditor(e, "/", "X-Audit: x")
	if err != nil {
		return attack.Failure("there is no editor: %v", err)
	}
	_ = ed.Close()
	return attack.HeldBy("the header is not passed on")
}

// floods asks for more than anybody waits for: the editor says how much it got.
func floods(e *attack.Env) attack.Result {
	ed, err := dialEditor(e, "/")
	if err != nil {
		return attack.Failure("there is no editor: %v", err)
	}
	defer ed.Close()
	for range 2 * tooMany {
		ed.next++
		if err := ed.Say(encode(map[string]any{"jsonrpc": "2.0", "id": ed.next, "method": "tools/call", "params": tool("checkDocumentDirty", map[string]any{"filePath": e.Desk.Project + never})})); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
	}
	// What comes next is behind all of these.
	text, err := ed.ask("tools/list", nil)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	if why := refused(text); why != "" {
		return attack.HeldBy("%s", why)
	}
	return attack.HeldBy("it is answered")
}

func huge(e *attack.Env) attack.Result {
	ed, err := dialEditor(e, "/")
	if err != nil {
		return attack.Failure("there is no editor: %v", err)
	}
	defer ed.Close()
	text, err := ed.ask("tools/list", map[string]any{"x": strings.Repeat("x", 9<<20)})
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	if why := refused(text); why != "" {
		return attack.HeldBy("%s", why)
	}
	return attack.Through("9 MiB are taken")
}
