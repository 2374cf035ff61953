package agents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

type object = map[string]any

// last is what the model says at the end.
const last = "that is all there is"

// callID is the number of the one call, and ran what the answer to it has if it was
// run: a file of the project.
const callID, ran = "call1", ".envrc"

// openAI plays OpenAI's API for whoever has the key: the first answer of the model is
// one call of the tool for commands.
func openAI(key string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil || r.Header.Get("Authorization") != "Bearer "+key:
			http.Error(w, `{"error":{"message":"another key"}}`, http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/models"):
			_, _ = io.WriteString(w, `{"models":[],"data":[]}`)
		case r.URL.Path != "/v1/responses":
			http.NotFound(w, r)
		case r.Header.Get("Upgrade") != "":
			// Codex asks for a websocket first.
			w.WriteHeader(http.StatusUpgradeRequired)
		default:
			item, err := answer(body)
			if err != nil {
				http.Error(w, fmt.Sprintf(`{"error":{"message":%q}}`, err), http.StatusBadRequest)
				return
			}
			stream(w, item)
		}
	})
}

// answer is the item that the model answers a request with.
func answer(body []byte) (object, error) {
	if !bytes.Contains(body, []byte(`"function_call_output"`)) {
		args, err := json.Marshal(object{"cmd": "git status --short; ls -la; git log -1"})
		if err == nil && !bytes.Contains(body, []byte(`"exec_command"`)) {
			err = fmt.Errorf("no tool for commands is offered")
		}
		return object{"type": "function_call", "id": "f1", "call_id": callID, "status": "completed", "name": "exec_command", "arguments": string(args)}, err
	}
	var q struct {
		Input []struct {
			Type   string          `json:"type"`
			CallID string          `json:"call_id"`
			Output json.RawMessage `json:"output"`
		} `json:"input"`
	}
	err := json.Unmarshal(body, &q)
	for _, i := range q.Input {
		if i.Type == "function_call_output" && i.CallID == callID && !bytes.Contains(i.Output, []byte(ran)) {
			err = fmt.Errorf("the command did not run: %s", i.Output)
		}
	}
	return object{
		"type": "message", "role": "assistant", "id": "m1", "status": "completed",
		"content": []object{{"type": "output_text", "text": last, "annotations": []any{}}},
	}, err
}

// stream sends an answer of one item, in the form of the Responses API.
func stream(w http.ResponseWriter, item object) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for _, event := range []object{
		{"type": "response.created", "response": object{"id": "r1", "created_at": 1, "model": "m"}},
		{"type": "response.output_item.added", "output_index": 0, "item": item},
		{"type": "response.output_item.done", "output_index": 0, "item": item},
		{"type": "response.completed", "response": object{
			"id": "r1", "status": "completed", "output": []object{item},
			"usage": object{"input_tokens": 1, "input_tokens_details": nil, "output_tokens": 1, "output_tokens_details": nil, "total_tokens": 2},
		}},
	} {
		text, _ := json.Marshal(event) // plain maps and strings
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event["type"], text)
		_ = flush.Flush() // the client may be gone
	}
}
