package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// turn is one scripted answer of the assistant.
type turn struct {
	// Text may hold {{tool_result}}, the text of the last tool result.
	Text  string `json:"text"`
	Tools []tool `json:"tools"`
	// Status, if set, is an HTTP error to answer with instead.
	Status int `json:"status"`
	// DelayMS is waited before the answer starts.
	DelayMS int `json:"delay_ms"`
}

// tool is a call that the assistant makes.
type tool struct {
	Name  string         `json:"name"`
	Input map[string]any `json:"input"`
}

// request is what matters of a Messages API request.
type request struct {
	Model    string    `json:"model"`
	Stream   bool      `json:"stream"`
	Tools    []offered `json:"tools"`
	Messages []message `json:"messages"`
}

type offered struct {
	Name string `json:"name"`
}

type message struct {
	Role string `json:"role"`
	// Content is a string or a list of blocks.
	Content json.RawMessage `json:"content"`
}

func loadScript(name string) ([]turn, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields() // a misspelt key would be a silent "ok"
	var script []turn
	if err := d.Decode(&script); err != nil {
		return nil, fmt.Errorf("script %q: %w", name, err)
	}
	return script, nil
}

// next is the turn that answers req, its number, and a note for the log.
func next(script []turn, req request) (t turn, n int, note string) {
	for _, m := range req.Messages {
		if m.Role == "assistant" {
			n++
		}
	}
	switch {
	case len(req.Tools) == 0:
		return turn{Text: "ok"}, n, "side request"
	case n >= len(script):
		return turn{Text: "done"}, n, fmt.Sprintf("past the script (turn %d)", n)
	}
	t, note = script[n], fmt.Sprintf("turn %d", n)
	for _, call := range t.Tools {
		if !offers(req, call.Name) {
			note += fmt.Sprintf(", tool %q was not offered", call.Name)
		}
	}
	t.Text = strings.ReplaceAll(t.Text, "{{tool_result}}", lastToolResult(req.Messages))
	return t, n, note
}

func offers(req request, name string) bool {
	for _, o := range req.Tools {
		if o.Name == name {
			return true
		}
	}
	return false
}

// lastToolResult is the text of the last tool result of a conversation.
func lastToolResult(messages []message) string {
	type block struct {
		Type    string          `json:"type"`
		Text    string          `json:"text"`
		Content json.RawMessage `json:"content"`
	}
	for _, message := range slices.Backward(messages) {
		var blocks []block
		if json.Unmarshal(message.Content, &blocks) != nil {
			continue // a plain string
		}
		for _, block0 := range slices.Backward(blocks) {
			if block0.Type != "tool_result" {
				continue
			}
			var text string
			if json.Unmarshal(block0.Content, &text) == nil {
				return text
			}
			var parts []block
			if json.Unmarshal(block0.Content, &parts) != nil {
				return ""
			}
			var all strings.Builder
			for _, p := range parts {
				all.WriteString(p.Text)
			}
			return all.String()
		}
	}
	return ""
}
