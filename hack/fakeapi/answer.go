package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// object is a JSON object.
type object = map[string]any

// answer is one turn in the API's own form.
type answer struct {
	id, model, stop string
	blocks          []object
	usage           object
}

func newAnswer(t turn, n int, model string, input int) answer {
	a := answer{
		id: fmt.Sprintf("msg_fake_%d", n), model: model, stop: "end_turn",
		usage: object{"input_tokens": input, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
	}
	if t.Text != "" {
		a.blocks = append(a.blocks, object{"type": "text", "text": t.Text})
	}
	for i, call := range t.Tools {
		input := call.Input
		if input == nil {
			input = object{}
		}
		a.blocks = append(a.blocks, object{"type": "tool_use", "id": fmt.Sprintf("toolu_fake_%d_%d", n, i), "name": call.Name, "input": input})
		a.stop = "tool_use"
	}
	return a
}

// message is the answer in one piece.
func (a answer) message() object {
	return object{
		"id": a.id, "type": "message", "role": "assistant", "model": a.model,
		"content": a.blocks, "stop_reason": a.stop, "stop_sequence": nil, "usage": a.usage,
	}
}

// stream sends the answer as server-sent events, each flushed on its own.
func (a answer) stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flush := http.NewResponseController(w)
	send := func(name string, data object) {
		data["type"] = name
		text, _ := json.Marshal(data) // plain maps and strings
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text)
		_ = flush.Flush() // the client may be gone
	}

	start := a.message()
	start["content"], start["stop_reason"] = []any{}, nil
	send("message_start", object{"message": start})
	for i, block := range a.blocks {
		// A block starts empty and gets its contents in a delta.
		empty := maps.Clone(block)
		var delta object
		if block["type"] == "text" {
			empty["text"] = ""
			delta = object{"type": "text_delta", "text": block["text"]}
		} else {
			input, _ := json.Marshal(block["input"]) // it came from JSON
			empty["input"] = object{}
			delta = object{"type": "input_json_delta", "partial_json": string(input)}
		}
		send("content_block_start", object{"index": i, "content_block": empty})
		send("content_block_delta", object{"index": i, "delta": delta})
		send("content_block_stop", object{"index": i})
	}
	send("message_delta", object{"delta": object{"stop_reason": a.stop, "stop_sequence": nil}, "usage": object{"output_tokens": 20}})
	send("message_stop", object{})
}
