package keys

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Class of all attacks here.
const Class = "keys"

// The variables that stand for keys in the jail. Outside, secretVariable has the
// key itself.
const (
	secretVariable  = "JAILED_CLAUDE_AUDIT_KEY"
	serviceVariable = "JAILED_CLAUDE_AUDIT_SERVICE"
	rulesVariable   = "JAILED_CLAUDE_AUDIT_RULES"
	loginVariable   = "JAILED_CLAUDE_AUDIT_LOGIN"
	cloudVariable   = "JAILED_CLAUDE_AUDIT_CLOUD"
)

// nameHeader tells the service which attack a request belongs to.
const nameHeader = "X-Audit-Attack"

// Attacks hunt for keys, and misuse what puts them in.
func Attacks() []attack.Attack {
	all := slices.Concat(made(), hunts(), answers(), requests(), smuggling(), certificates(), cloud(), agents())
	for i, a := range all {
		all[i].Class, all[i].Promise, all[i].Apart = Class, attack.PromiseKeys, true
		all[i].Run = func(e *attack.Env) attack.Result {
			if e.Keys.Service == "" {
				return attack.Inapplicable("there is no jail with keys: %s", e.Keys.Lacks)
			}
			return a.Run(e)
		}
	}
	return all
}

// service is one of those that the host plays, as the attacker knows it.
type service struct{ host, variable string }

func plain(e *attack.Env) service { return service{e.Keys.Service, serviceVariable} }
func rules(e *attack.Env) service { return service{e.Keys.Rules, rulesVariable} }
func login(e *attack.Env) service { return service{e.Keys.Login, loginVariable} }

func (s service) placeholder() string { return os.Getenv(s.variable) }

func (s service) bearer() string { return "Authorization: Bearer " + s.placeholder() + "\r\n" }

// request is the text of one, with the placeholder.
func (s service) request(method, target, more string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: " + s.host + "\r\n" + s.bearer() + "Connection: close\r\n" + more + "\r\n"
}

var (
	works   = map[string]attack.Result{}
	worksMu sync.Mutex
)

// broken says why nothing can be tried at a service. An attack on a broker that
// puts no key in would prove nothing.
func broken(s service) *attack.Result {
	worksMu.Lock()
	defer worksMu.Unlock()
	r, known := works[s.host]
	if !known {
		r = try(s)
		works[s.host] = r
	}
	if r.Verdict == attack.GotThrough {
		return nil
	}
	return &r
}

func try(s service) attack.Result {
	if s.placeholder() == "" {
		return attack.Inapplicable("there is no broker: nothing stands for a key in %s", s.variable)
	}
	path := "/allowed/works"
	if s.variable == rulesVariable {
		path = "/read/works"
	}
	got, err := exchange(s.host, s.request("GET", path, ""))
	switch {
	case err != nil:
		return attack.Failure("the broker cannot be spoken to: %s", attack.Plain(err))
	case !strings.Contains(string(got), worksText):
		return attack.Failure("the broker does not put the key in: %.200q", got)
	}
	return attack.Through("it works")
}

// at makes an attack on a service that works.
func at(s func(*attack.Env) service, run func(e *attack.Env, s service) attack.Result) func(*attack.Env) attack.Result {
	return func(e *attack.Env) attack.Result {
		if r := broken(s(e)); r != nil {
			return *r
		}
		return run(e, s(e))
	}
}

// arrives judges an attack by what the service got.
func arrives(name string) func(attack.Witness, attack.Result) attack.Result {
	return func(w attack.Witness, r attack.Result) attack.Result {
		if w.Arrived(name) {
			return attack.Through("the service got it")
		}
		return r
	}
}

// status of an answer that begins as HTTP does.
func status(answer []byte) string {
	words := strings.SplitN(string(answer), " ", 3)
	if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") {
		return ""
	}
	return words[1]
}

// answered is how a broker stopped a request.
func answered(answer []byte, err error) attack.Result {
	switch s := status(answer); {
	case s != "":
		return attack.HeldBy("it is answered %s", s)
	case err != nil:
		return attack.HeldBy("%s", attack.Plain(err))
	}
	return attack.HeldBy("it is not answered")
}

// unlessTaken is for requests that no service should see.
func unlessTaken(answer []byte, err error) attack.Result {
	if status(answer) == "200" {
		return attack.Through("the service took it")
	}
	return answered(answer, err)
}

// hidden is a target that no rule lets pass. The service notes it by its end.
func hidden(name string) string { return fmt.Sprintf("/hidden/%s", name) }
