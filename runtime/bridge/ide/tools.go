package ide

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// tool is one of the editor's that a jail can have.
type tool struct {
	// mode is the least that has it.
	mode string
	// args are what the editor is given of the jail's arguments.
	args func(s *session, in map[string]json.RawMessage) (map[string]any, error)
	// local answers without the editor; nil for those that it is asked.
	local func(s *session) json.RawMessage
	// result is what the jail gets of the texts of an answer.
	result func(s *session, c *call, texts []string) ([]string, error)
}

// tools are all that there are for jails. What executes (executeCode), writes or
// opens files of the host (saveDocument, openFile), or is not known, is not here.
var tools = map[string]*tool{
	"getDiagnostics":      {network.IDEContext, uriArg, nil, diagnostics},
	"getCurrentSelection": {network.IDEContext, noArgs, nil, selected},
	"getLatestSelection":  {network.IDEContext, noArgs, nil, selected},
	"getOpenEditors":      {network.IDEContext, noArgs, nil, editors},
	"getWorkspaceFolders": {network.IDEContext, noArgs, folders, nil},
	"checkDocumentDirty":  {network.IDEContext, fileArg, nil, dirty},
	"openDiff":            {network.IDEDiffs, diffArgs, nil, diffed},
	"close_tab":           {network.IDEDiffs, tabArg, nil, fixed("TAB_CLOSED")},
	"closeAllDiffTabs":    {network.IDEDiffs, noArgs, closeAll, nil},
}

var errFile = errors.New("not a file that the jail has of the host")

// list is what the jail is told of the tools.
func (s *session) list(r json.RawMessage) (json.RawMessage, error) {
	var got struct {
		Tools []struct {
			Name        string          `json:"name"`
			Description string          `json:"description,omitempty"`
			InputSchema json.RawMessage `json:"inputSchema,omitempty"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(r, &got); err != nil {
		return nil, errors.New("the editor's answer is malformed")
	}
	kept := got.Tools[:0]
	for _, t := range got.Tools {
		if known := tools[t.Name]; known != nil && (known.mode == network.IDEContext || s.Mode == network.IDEDiffs) {
			kept = append(kept, t)
		}
	}
	got.Tools = kept
	return encode(got), nil
}

// file is the path of a file in the words of editors; empty for none of the host.
func file(uri string) string {
	p := uri
	switch {
	case strings.HasPrefix(uri, "file://"):
		u, err := url.Parse(uri)
		if err != nil || u.Host != "" {
			return ""
		}
		p = u.Path
	case strings.HasPrefix(uri, diffScheme):
		p = strings.TrimPrefix(uri, diffScheme)
	}
	if !path.IsAbs(p) || path.Clean(p) != p {
		return ""
	}
	return p
}

// diffScheme is that of the right side of a diff.
const diffScheme = "_claude_fs_right:"

// shows: the editor may speak of a file.
func (s *session) shows(uri string) bool {
	p := file(uri)
	return p != "" && s.Shows(p)
}

func text(in map[string]json.RawMessage, name string) (v string, err error) {
	if len(in[name]) == 0 || json.Unmarshal(in[name], &v) != nil {
		return "", fmt.Errorf("%s is no text", name)
	}
	return v, nil
}

func noArgs(*session, map[string]json.RawMessage) (map[string]any, error) {
	return map[string]any{}, nil
}

func (s *session) pathArg(in map[string]json.RawMessage, name string) (map[string]any, error) {
	v, err := text(in, name)
	if err != nil {
		return nil, err
	}
	if !s.shows(v) {
		return nil, errFile
	}
	return map[string]any{name: v}, s.Real(s.ctx, file(v))
}

func uriArg(s *session, in map[string]json.RawMessage) (map[string]any, error) {
	if len(in["uri"]) == 0 || string(in["uri"]) == "null" {
		return map[string]any{}, nil // of all files
	}
	return s.pathArg(in, "uri")
}

func fileArg(s *session, in map[string]json.RawMessage) (map[string]any, error) {
	return s.pathArg(in, "filePath")
}

// diffArgs: a diff is of one file, to which the jail could write itself, on the
// host: an editor may save it.
func diffArgs(s *session, in map[string]json.RawMessage) (map[string]any, error) {
	args := map[string]any{}
	for _, name := range []string{"old_file_path", "new_file_path", "new_file_contents", "tab_name"} {
		v, err := text(in, name)
		if err != nil {
			return nil, err
		}
		args[name] = v
	}
	p, _ := args["old_file_path"].(string)
	tab, _ := args["tab_name"].(string)
	switch {
	case args["new_file_path"] != p || file(p) != p:
		return nil, errors.New("a diff is of one file")
	case !s.Changes(p):
		return nil, errors.New("not a file that the jail writes on the host")
	case tab == "" || len(tab) > 1024:
		return nil, errors.New("a tab has a name")
	}
	if err := s.Real(s.ctx, p); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tabs) >= maxPending {
		return nil, errors.New("too many diffs are open")
	}
	s.tabs[tab] = true
	return args, nil
}

// tabArg: only tabs of the jail's own are closed.
func tabArg(s *session, in map[string]json.RawMessage) (map[string]any, error) {
	tab, err := text(in, "tab_name")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tabs[tab] {
		return nil, errors.New("not a tab of this jail")
	}
	delete(s.tabs, tab)
	return map[string]any{"tab_name": tab}, nil
}

// closeAll closes the jail's own diffs.
func closeAll(s *session) json.RawMessage {
	s.mu.Lock()
	tabs := s.tabs
	s.tabs = map[string]bool{}
	s.mu.Unlock()
	for tab := range tabs {
		if s.ask(&call{}, "tools/call", map[string]any{"name": "close_tab", "arguments": map[string]any{"tab_name": tab}}) != nil {
			break
		}
	}
	return says(false, fmt.Sprintf("CLOSED_%d_DIFF_TABS", len(tabs)))
}

// folders is the window as the jail has it.
func folders(s *session) json.RawMessage {
	p := s.ProjectDir()
	one := map[string]string{"name": path.Base(p), "uri": (&url.URL{Scheme: "file", Path: p}).String(), "path": p}
	return says(false, string(encode(map[string]any{"success": true, "folders": []any{one}, "rootPath": p})))
}

func fixed(word string) func(*session, *call, []string) ([]string, error) {
	return func(*session, *call, []string) ([]string, error) { return []string{word}, nil }
}

// diffed is the user's answer to a diff: the text as it shall be is theirs.
func diffed(_ *session, _ *call, texts []string) ([]string, error) {
	if len(texts) == 0 || len(texts) > 2 {
		return nil, errAnswer
	}
	switch texts[0] {
	case "FILE_SAVED":
		if len(texts) == 2 {
			return texts, nil
		}
	case "DIFF_REJECTED", "TAB_CLOSED":
		return texts[:1], nil
	}
	return nil, errAnswer
}

var errAnswer = errors.New("the editor's answer is not one of this tool")

// object is what a tool says that answers with one of JSON.
func object(texts []string, v any) error {
	if len(texts) != 1 || json.Unmarshal([]byte(texts[0]), v) != nil {
		return errAnswer
	}
	return nil
}

// diagnostics keeps those of files that the jail has.
func diagnostics(s *session, _ *call, texts []string) ([]string, error) {
	type of struct {
		URI         string            `json:"uri"`
		Diagnostics []json.RawMessage `json:"diagnostics"`
	}
	var all []of
	switch err := object(texts, &all); {
	case len(texts) == 0:
		all = nil
	case err != nil:
		var one of
		if object(texts, &one) != nil {
			return nil, errAnswer
		}
		all = []of{one}
	}
	kept := []of{}
	for _, o := range all {
		if s.shows(o.URI) {
			kept = append(kept, o)
		}
	}
	return []string{string(encode(kept))}, nil
}

// selection is where the cursor is, and what is marked.
type selection struct {
	Success   *bool           `json:"success,omitempty"`
	Text      string          `json:"text"`
	FilePath  string          `json:"filePath"`
	FileURL   string          `json:"fileUrl,omitempty"`
	Selection json.RawMessage `json:"selection"`
}

// nowhere is what the jail is told of a selection in a file that it has not.
func nowhere() map[string]any {
	at := map[string]int{"line": 0, "character": 0}
	return map[string]any{"text": "", "selection": map[string]any{"start": at, "end": at, "isEmpty": true}}
}

func selected(s *session, _ *call, texts []string) ([]string, error) {
	var v selection
	if err := object(texts, &v); err != nil {
		return nil, err
	}
	if v.FilePath == "" || !s.shows(v.FilePath) {
		return []string{`{"success":false,"message":"no selection in a file that the jail has"}`}, nil
	}
	v.FileURL = ""
	return []string{string(encode(v))}, nil
}

// editors keeps the tabs of files that the jail has.
func editors(s *session, _ *call, texts []string) ([]string, error) {
	type tab struct {
		URI      string `json:"uri"`
		IsActive bool   `json:"isActive"`
		Label    string `json:"label"`
		Language string `json:"languageId,omitempty"`
		IsDirty  bool   `json:"isDirty"`
	}
	var v struct {
		Tabs []tab `json:"tabs"`
	}
	if err := object(texts, &v); err != nil {
		return nil, err
	}
	kept := []tab{}
	for _, t := range v.Tabs {
		if s.shows(t.URI) {
			t.Label = path.Base(file(t.URI))
			kept = append(kept, t)
		}
	}
	v.Tabs = kept
	return []string{string(encode(v))}, nil
}

func dirty(_ *session, c *call, texts []string) ([]string, error) {
	var v struct {
		Success    bool `json:"success"`
		IsDirty    bool `json:"isDirty"`
		IsUntitled bool `json:"isUntitled"`
	}
	if err := object(texts, &v); err != nil {
		return nil, err
	}
	return []string{string(encode(map[string]any{"success": v.Success, "filePath": c.file, "isDirty": v.IsDirty, "isUntitled": v.IsUntitled}))}, nil
}

// notification is what the editor says by itself.
func (s *session) notification(m message) error {
	switch m.Method {
	case "selection_changed":
		var v selection
		if json.Unmarshal(m.Params, &v) != nil {
			return nil //nolint:nilerr // the editor says nothing to anybody else
		}
		if v.FilePath == "" || !s.shows(v.FilePath) {
			return send(s.jail, message{Method: m.Method, Params: encode(nowhere())}) // the last one does not hold
		}
		v.Success, v.FileURL = nil, ""
		return send(s.jail, message{Method: m.Method, Params: encode(v)})
	case "at_mentioned":
		var v struct {
			FilePath  string `json:"filePath"`
			LineStart *int   `json:"lineStart,omitempty"`
			LineEnd   *int   `json:"lineEnd,omitempty"`
		}
		if json.Unmarshal(m.Params, &v) == nil && s.shows(v.FilePath) {
			return send(s.jail, message{Method: m.Method, Params: encode(v)})
		}
	}
	return nil // what it counts, and what is not known
}
