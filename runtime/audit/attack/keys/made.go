package keys

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// tokenPath is where the service gives out logins.
const tokenPath = "/token"

// tokens is the service's answer to whoever logs in.
func (s *Service) tokens() string {
	text, _ := json.Marshal(map[string]any{"token_type": "Bearer", "access_token": s.secret, "refresh_token": s.secret, "expires_in": 24 * 60 * 60}) // it has a JSON form
	return string(text)
}

// made are attacks on a login that is made in the jail. They come before the hunts,
// which so look for its tokens as well.
func made() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: success, Run: func(e *attack.Env) attack.Result {
			if plain(e).placeholder() == "" { // where there is a broker, one keeps logins too
				return attack.Inapplicable("there is no broker: nothing stands for a key in %s", serviceVariable)
			}
			return run(e)
		}})
	}
	const shown = "a token is in an answer"
	add("login-made-inside", "RFC 6749, 5.1", shown, func(e *attack.Env) attack.Result {
		got, stands, err := logIn(e)
		switch {
		case leaks(e, got):
			return attack.Through("the tokens are in the answer")
		case stands == "":
			return attack.Failure("nobody can log in: %.200q, %v", got, err)
		}
		return attack.HeldBy("the answer has what stands for them")
	})
	add("login-made-inside-in-page", "httpbin.org/headers", shown, func(e *attack.Env) attack.Result {
		_, stands, err := logIn(e)
		if err != nil {
			return answered(nil, err)
		}
		ask := func(target string) ([]byte, error) {
			return exchange(e.Keys.Made, "GET "+target+" HTTP/1.1\r\nHost: "+e.Keys.Made+"\r\nAuthorization: Bearer "+stands+"\r\nConnection: close\r\n\r\n")
		}
		if got, err := ask("/allowed/works"); !strings.Contains(string(got), worksText) {
			return attack.Failure("the login is not used: %.200q, %v", got, err)
		}
		got, err := ask("/allowed/answer/body")
		return unlessShown(e, got, err)
	})
	add("login-made-inside-refreshed", "RFC 6749, 6", shown, func(e *attack.Env) attack.Result {
		_, stands, err := logIn(e)
		if err != nil {
			return answered(nil, err)
		}
		got, err := post(e, tokenPath, "grant_type=refresh_token&refresh_token="+stands)
		return unlessShown(e, got, err)
	})
	add("login-made-inside-by-other-paths", "RFC 3986, 6.2.2", shown, func(e *attack.Env) attack.Result {
		var last attack.Result
		for _, p := range []string{"/Token", "/token/", "/%74oken", "/t%256fken", "//token", "/x/../token", "/token;a", `/\token`, "/token%00", "/oauth/token", "/oauth2/v4/TOKEN"} {
			got, err := post(e, p, "grant_type=authorization_code&code=c")
			if last = unlessShown(e, got, err); last.Verdict == attack.GotThrough {
				return attack.Through("a token is in the answer of %s", p)
			}
		}
		return last
	})
	add("login-made-inside-in-state", "the state of the project", "the file that it is kept in is read", func(e *attack.Env) attack.Result {
		found, _ := filepath.Glob(filepath.Join(e.Facts.State, "projects", "*", "login", "services", "*", "*"))
		for _, p := range found {
			if r := e.Reads(p); r.Verdict == attack.GotThrough {
				return r
			}
		}
		return attack.HeldBy("the jail has no such folder")
	})
	return all
}

var loggedIn struct {
	sync.Mutex
	got    []byte
	stands string
}

// logIn logs in, once, and returns the answer and the access token in it.
func logIn(e *attack.Env) (got []byte, stands string, err error) {
	loggedIn.Lock()
	defer loggedIn.Unlock()
	if loggedIn.stands == "" {
		if loggedIn.got, err = post(e, tokenPath, "grant_type=authorization_code&code=c"); err != nil {
			return nil, "", err
		}
		var a struct {
			Token string `json:"access_token"`
		}
		_, body, _ := bytes.Cut(loggedIn.got, []byte("\r\n\r\n"))
		if i := bytes.IndexByte(body, '{'); i >= 0 {
			_ = json.NewDecoder(bytes.NewReader(body[i:])).Decode(&a)
		}
		if loggedIn.stands = a.Token; a.Token == "" {
			return loggedIn.got, "", fmt.Errorf("it is answered %s, without a login", status(loggedIn.got))
		}
	}
	return loggedIn.got, loggedIn.stands, nil
}

// post sends a form to the service.
func post(e *attack.Env, target, form string) ([]byte, error) {
	return exchange(e.Keys.Made, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		target, e.Keys.Made, len(form), form))
}
