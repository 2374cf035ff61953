package agents

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// said is what every model answers.
const said = "hello from the script"

// told is what the text about its jail begins with, for agents that have a way to be told.
const told = "You run in a jail (jailed-claude)"

// event is a server-sent event with a name, if it has a type.
func event(w io.Writer, v map[string]any) {
	if t, ok := v["type"]; ok {
		fmt.Fprintf(w, "event: %s\n", t)
	}
	text, _ := json.Marshal(v)
	fmt.Fprintf(w, "data: %s\n\n", text)
}

type object = map[string]any

// models is the part "models": services of several companies, as far as one turn
// of each agent asks them. A request that is not about tokens has to carry the
// secret of the second argument, whose tokens have a number; the third is the log.
func models(args []string) int {
	secret := args[1]
	log, err := os.OpenFile(args[2], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 1
	}
	var mu sync.Mutex
	refreshed := 0
	return world.ServePart(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		given := r.Header.Get("Authorization") + r.Header.Get("X-Goog-Api-Key") + r.Header.Get("X-Api-Key")
		fmt.Fprintf(log, "%s %s%s %s\n", r.Method, r.Host, r.URL.Path, given)
		if text := heard(body); text != "" {
			fmt.Fprintf(log, "heard %q\n", text)
		}
		if texts := typed(body); len(texts) > 0 {
			fmt.Fprintf(log, "typed %q\n", texts)
		}
		if strings.Contains(string(body), told) {
			fmt.Fprintln(log, told)
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/oauth/token" || r.URL.Path == "/token" {
			if !strings.Contains(string(body), fmt.Sprintf("%s-r%d", secret, refreshed)) {
				http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
				return
			}
			refreshed++
			_ = json.NewEncoder(w).Encode(object{
				"access_token": fmt.Sprintf("%s-a%d", secret, refreshed), "refresh_token": fmt.Sprintf("%s-r%d", secret, refreshed),
				"id_token": "e30.e30.e30", "expires_in": 3600, "token_type": "Bearer",
			})
			return
		}
		if strings.HasSuffix(r.Host, ".example") {
			fmt.Fprint(w, `"`+page+`"`)
			return
		}
		if !strings.Contains(given, secret) {
			http.Error(w, `{"error":{"message":"who are you?"}}`, http.StatusUnauthorized)
			return
		}
		if len(args) > 3 && ends(r, "enerateContent") {
			fmt.Fprintf(log, "said %s\n", body)
			fetches(w, r, body, args[3])
			return
		}
		answer(w, r, body)
	}))
}

func ends(r *http.Request, s string) bool { return strings.HasSuffix(r.URL.Path, s) }

// page is what a site outside says.
const page = "what the page says"

// fetches is Google's model that calls web_fetch, and that does not fetch by itself,
// so that the agent does.
func fetches(w http.ResponseWriter, r *http.Request, body []byte, url string) {
	switch text := string(body); {
	case strings.Contains(text, "functionResponse"):
		contents(w, r, nil)
	case strings.Contains(text, "authorized_urls"):
		http.Error(w, `{"error":{"code":400,"message":"not here"}}`, http.StatusBadRequest)
	case strings.Contains(text, `"web_fetch"`):
		contents(w, r, &call{"web_fetch", object{"prompt": "what does " + url + " say?"}})
	default:
		contents(w, r, nil)
	}
}

// answer is what the services say to whoever has the secret.
func answer(w http.ResponseWriter, r *http.Request, body []byte) {
	say := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	ends := func(s string) bool { return ends(r, s) }
	switch {
	case ends("/api/internal"): // of Amp
		say(object{"ok": true, "result": object{"id": "u", "email": "ada@example.org", "username": "ada", "features": []any{}}})
	case ends("/accounts/check"):
		say(object{"default_account_id": "acc", "accounts": []object{{"id": "acc", "workspace_backend_origin": "https://chatgpt.com", "account_routing_override": "NO_CONSTRAINT"}}})
	case ends("/copilot_internal/user"):
		say(object{"login": "ada", "copilot_plan": "individual", "chat_enabled": true, "endpoints": object{"api": "https://api.individual.githubcopilot.com"}})
	case ends("/models"):
		var known []object
		for _, id := range []string{"gpt-5.4", "gpt-4.1"} {
			known = append(known, object{
				"id": id, "name": id, "object": "model", "model_picker_enabled": true, "vendor": "x", "version": id, "policy": object{"state": "enabled"},
				"capabilities": object{
					"family": id, "type": "chat", "object": "model_capabilities", "tokenizer": "o200k_base", "supports": object{"streaming": true, "tool_calls": true},
					"limits": object{"max_context_window_tokens": 128000, "max_prompt_tokens": 128000, "max_output_tokens": 16000},
				},
			})
		}
		say(object{"models": []any{}, "data": known})
	case ends("/responses") && r.Header.Get("Upgrade") != "":
		w.WriteHeader(http.StatusUpgradeRequired)
	case ends("/responses"):
		responses(w, wanted(body))
	case ends("/messages"):
		messages(w, wanted(body))
	case ends("/chat/completions"):
		completions(w, body, wanted(body))
	case ends("enerateContent"):
		contents(w, r, wanted(body))
	case ends(":loadCodeAssist"):
		say(object{"currentTier": object{"id": "standard-tier", "name": "x"}, "cloudaicompanionProject": "p"})
	case ends("/tokeninfo"):
		say(object{"expires_in": 3000, "email": "ada@example.org"})
	case ends("/userinfo"):
		say(object{"email": "ada@example.org"})
	case strings.Contains(r.URL.Path, "v1internal"):
		say(object{})
	default:
		http.Error(w, `{}`, http.StatusNotFound)
	}
}
