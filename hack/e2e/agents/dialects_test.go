package agents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// made is the file that each turn makes by a tool, and command makes it, after it
// ran the project's script, if it has one.
const (
	made    = "made-by-agent.txt"
	script  = "agent-script"
	command = "if [ -f " + script + " ]; then sh " + script + " >" + script + ".out; fi; echo made >" + made
)

// call is one of a tool; nil is none: the model says something instead.
type call struct {
	name string
	args object
}

func (c *call) text() string {
	text, _ := json.Marshal(c.args)
	return string(text)
}

// shells are the names that agents have for a tool that runs a command, and
// answered what a request has that tells what came of one.
var (
	shells   = regexp.MustCompile(`^(bash|Bash|shell|shell_command|exec_command|run_shell_command|run_commands|execute_command|run_terminal_command)$`)
	answered = [][]byte{[]byte("function_call_output"), []byte(`"tool_call_id"`), []byte("tool_result"), []byte("functionResponse")}
)

// wanted is the call that a model makes in answer to a request: of its tool for
// commands, if it has one that was not called yet.
func wanted(body []byte) *call {
	if slices.ContainsFunc(answered, func(a []byte) bool { return bytes.Contains(body, a) }) {
		return nil
	}
	var v any
	_ = json.Unmarshal(body, &v)
	return toolIn(v)
}

// heard is what a model of OpenAI's newer form got of its call; empty before that.
func heard(body []byte) string {
	var q struct {
		Input []struct{ Type, Output string }
	}
	_ = json.Unmarshal(body, &q)
	for _, i := range q.Input {
		if i.Type == "function_call_output" {
			return i.Output
		}
	}
	return ""
}

// typed are the user's own words in a request of OpenAI's newer form, those of the
// session so far too: what an agent adds by itself begins with a tag or a heading.
func typed(body []byte) (texts []string) {
	var q struct {
		Input []struct {
			Role    string
			Content []struct{ Text string }
		}
	}
	_ = json.Unmarshal(body, &q)
	for _, i := range q.Input {
		for _, c := range i.Content {
			if i.Role == "user" && c.Text != "" && !strings.ContainsAny(c.Text[:1], "<#") {
				texts = append(texts, c.Text)
			}
		}
	}
	return texts
}

// toolIn looks for a tool for commands in a request, whatever its form: an object
// with a name, and the schema of its arguments in it or beside it.
func toolIn(v any) *call {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if c := toolIn(e); c != nil {
				return c
			}
		}
	case map[string]any:
		if name, ok := v["name"].(string); ok && shells.MatchString(name) {
			for _, key := range []string{"parameters", "input_schema", "parametersJsonSchema"} {
				if schema, ok := v[key].(map[string]any); ok {
					return &call{name, arguments(schema)}
				}
			}
		}
		for _, key := range []string{"tools", "function", "functionDeclarations", "request"} {
			if c := toolIn(v[key]); c != nil {
				return c
			}
		}
	}
	return nil
}

// arguments are those of a call of the command, by the schema of a tool.
func arguments(schema map[string]any) object {
	args := object{}
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		kind, _ := p.(map[string]any)["type"].(string)
		switch {
		case name == "cmd" || name == "command" || name == "commands":
			args[name] = command
			if kind == "array" || kind == "" {
				args[name] = []string{command}
				if name == "command" {
					args[name] = []string{"sh", "-c", command}
				}
			}
		case !slices.Contains(required, any(name)):
		case kind == "boolean":
			args[name] = false
		case kind == "integer" || kind == "number":
			args[name] = 10000
		default:
			args[name] = "x"
		}
	}
	return args
}

var usage = object{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

// responses is OpenAI's newer form.
func responses(w http.ResponseWriter, c *call) {
	w.Header().Set("Content-Type", "text/event-stream")
	event(w, object{"type": "response.created", "response": object{"id": "r1", "created_at": 1, "model": "m"}})
	item := object{"type": "message", "role": "assistant", "id": "m1", "status": "completed", "content": []object{{"type": "output_text", "text": said, "annotations": []any{}}}}
	if c != nil {
		item = object{"type": "function_call", "id": "f1", "call_id": "call1", "status": "completed", "name": c.name, "arguments": c.text()}
		event(w, object{"type": "response.output_item.added", "output_index": 0, "item": object{"type": "function_call", "id": "f1", "call_id": "call1", "name": c.name, "arguments": ""}})
		event(w, object{"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "f1", "delta": c.text()})
		event(w, object{"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "f1", "arguments": c.text()})
	} else {
		event(w, object{"type": "response.output_item.added", "output_index": 0, "item": object{"type": "message", "role": "assistant", "id": "m1", "content": []any{}}})
		event(w, object{"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m1", "delta": said})
	}
	event(w, object{"type": "response.output_item.done", "output_index": 0, "item": item})
	event(w, object{"type": "response.completed", "response": object{
		"id": "r1", "status": "completed", "output": []object{item},
		"usage": object{"input_tokens": 1, "input_tokens_details": nil, "output_tokens": 1, "output_tokens_details": nil, "total_tokens": 2},
	}})
}

// completions is OpenAI's older form.
func completions(w http.ResponseWriter, body []byte, c *call) {
	var q struct {
		Stream bool `json:"stream"`
	}
	_ = json.Unmarshal(body, &q)
	message, end := object{"role": "assistant", "content": said}, "stop"
	if c != nil {
		message, end = object{"role": "assistant", "content": nil, "tool_calls": []object{{"index": 0, "id": "call1", "type": "function", "function": object{"name": c.name, "arguments": c.text()}}}}, "tool_calls"
	}
	one := object{"id": "c1", "created": 1, "model": "m"}
	if !q.Stream {
		one["object"], one["usage"] = "chat.completion", usage
		one["choices"] = []object{{"index": 0, "message": message, "finish_reason": end}}
		_ = json.NewEncoder(w).Encode(one)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	one["object"] = "chat.completion.chunk"
	for _, choices := range [][]object{
		{{"index": 0, "delta": message, "finish_reason": nil}}, {{"index": 0, "delta": object{}, "finish_reason": end}}, {},
	} {
		if one["choices"] = choices; len(choices) == 0 {
			one["usage"] = usage
		}
		event(w, one)
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// messages is Anthropic's form.
func messages(w io.Writer, c *call) {
	if h, ok := w.(http.ResponseWriter); ok {
		h.Header().Set("Content-Type", "text/event-stream")
	}
	none := object{"input_tokens": 1, "output_tokens": 1}
	event(w, object{"type": "message_start", "message": object{"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []any{}, "stop_reason": nil, "stop_sequence": nil, "usage": none}})
	block, delta, end := object{"type": "text", "text": ""}, object{"type": "text_delta", "text": said}, "end_turn"
	if c != nil {
		block, delta, end = object{"type": "tool_use", "id": "toolu_1", "name": c.name, "input": object{}}, object{"type": "input_json_delta", "partial_json": c.text()}, "tool_use"
	}
	event(w, object{"type": "content_block_start", "index": 0, "content_block": block})
	event(w, object{"type": "content_block_delta", "index": 0, "delta": delta})
	event(w, object{"type": "content_block_stop", "index": 0})
	event(w, object{"type": "message_delta", "delta": object{"stop_reason": end, "stop_sequence": nil}, "usage": none})
	event(w, object{"type": "message_stop"})
}

// contents is Google's form.
func contents(w http.ResponseWriter, r *http.Request, c *call) {
	part := object{"text": said}
	if c != nil {
		part = object{"functionCall": object{"name": c.name, "args": c.args}}
	}
	v := object{
		"candidates":    []object{{"index": 0, "finishReason": "STOP", "content": object{"role": "model", "parts": []object{part}}}},
		"usageMetadata": object{"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
	}
	if strings.Contains(r.URL.Path, "v1internal") {
		v = object{"response": v}
	}
	if !strings.HasSuffix(r.URL.Path, "streamGenerateContent") {
		_ = json.NewEncoder(w).Encode(v)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	event(w, v)
}
