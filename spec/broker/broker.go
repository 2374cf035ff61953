package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Outside is what the caller has outside of the jail, and what may be used of
// it. No secret is in it.
type Outside struct {
	// Keys are the variables in which the caller has a key for a service of the
	// agent's. The keys themselves stay outside.
	Keys []string
	// Login is the folder of the login that is used where there is no key: the
	// host's own, or that of this project. It stays outside as well. Empty for
	// none.
	Login string
	// Keep is the folder for a login that is made in the jail. Empty where that
	// is the jail's own matter. LogIn says that the jail is for logging in, and
	// gets there whatever its network may reach.
	Keep  string
	LogIn bool
	// Logins are the folders of the logins of the agent's row that are used, in
	// its order; empty for one that is not.
	Logins []string
}

// Wanted is what the brokers of a jail follow from.
type Wanted struct {
	Agent  agent.Agent
	Policy policy.Policy
	Outside
	// Services is the folder of logins that programs of the jail make at services.
	Services string
	// Certificates: the host has some, so that services are verified, and
	// brokers can stand for them by their names.
	Certificates bool
}

// Of are the brokers of a jail whose network, without them, is in: those of the
// policy and, first, the one that is made of the caller's own key. Of two keys
// for one service the agent uses the first.
func Of(in *network.Config, w Wanted) ([]network.Broker, error) {
	c := *in
	c.Brokers = nil
	for _, k := range w.Agent.Keys {
		taken := slices.ContainsFunc(c.Brokers, func(o network.Broker) bool { return o.Name == k.Broker })
		if !taken && w.ownKey(k) {
			o := k.For("env:" + k.Variable)
			if k.ByName && w.Certificates {
				o.URLEnv = ""
			}
			c.Brokers = append(c.Brokers, o)
			if !w.Certificates {
				continue
			}
			more := k.More(o.From)
			if err := opened(&c, more, k.Also); err != nil {
				return nil, err
			}
			c.Brokers = append(c.Brokers, more...)
		}
	}
	if k, ok := w.ownLogin(); ok && len(c.Brokers) == 0 {
		logins, err := w.loginBrokers(&c, k)
		if err != nil {
			return nil, err
		}
		c.Brokers = append(c.Brokers, logins...)
	}
	if err := w.otherLogins(&c); err != nil {
		return nil, err
	}
	if w.LogIn && !slices.ContainsFunc(c.Brokers, func(o network.Broker) bool { return o.Tokens != nil }) {
		return nil, errors.New("the login could not be kept outside: by the policy another broker stands for the service, or there are no certificates")
	}
	for _, o := range w.Policy.Brokers {
		made, err := w.service(o)
		if err != nil {
			return nil, err
		}
		c.Brokers = append(c.Brokers, made...)
	}
	return c.Brokers, nil
}

// Why says what a broker is for.
func Why(o network.Broker) string {
	why := "no key"
	if o.From != "" {
		from := o.From
		if o.TTL != "" {
			from += ", which is asked again after " + o.TTL
		}
		why = fmt.Sprintf("key from %s, added outside as %s", from, o.Header)
	}
	why += "; inside it is "
	if o.Host != "" {
		why += "https://" + o.Host + " and "
	}
	why += o.URL()
	if o.Keep != "" {
		why += "; a login that is made inside is kept in " + o.Keep
	}
	if o.Tokens != nil {
		why += "; the tokens that it gives out stay outside"
	}
	if len(o.Paths) > 0 {
		why += ", for " + strings.Join(o.Paths, " ")
	}
	if len(o.Allow) > 0 {
		why += ", for " + strings.Join(o.Allow, ", ")
	}
	if o.Open {
		why += "; requests without its placeholder pass as they are"
	}
	if len(o.Upgrade) > 0 {
		why += ", with " + strings.Join(o.Upgrade, " ")
	}
	return why
}

// ownKey: the jail gets a broker for the key in the caller's environment.
func (w *Wanted) ownKey(k agent.Key) bool {
	if w.Policy.Agent.Key != policy.KeyAuto || !slices.Contains(w.Keys, k.Variable) || w.says(k.Variable) || w.says(k.URL) || !k.Sent(w.Policy.Env.Set[k.Elsewhere]) || w.says(k.Inside) {
		return false // what is passed of Elsewhere is in Keys
	}
	if k.URL == "" && !w.Certificates {
		return false // it comes by the service's own name, which needs certificates
	}
	return !slices.ContainsFunc(w.Policy.Brokers, func(o network.Broker) bool {
		return o.Name == k.Broker || o.Env == k.Variable || k.Inside != "" && o.Env == k.Inside || k.URL != "" && o.URLEnv == k.URL
	})
}

// ownLogin is the key that a login stands for, if the jail uses one or can get
// one.
func (w *Wanted) ownLogin() (agent.Key, bool) {
	for _, k := range w.Agent.Keys {
		if !k.ByName || w.Login+w.Keep == "" || !w.Certificates || w.Policy.Agent.Config != policy.ConfigPrivate {
			continue
		}
		with := *w
		with.Keys = []string{k.Variable}
		return k, with.ownKey(k)
	}
	return agent.Key{}, false
}

// says: the policy passes or sets the variable.
func (w *Wanted) says(name string) bool {
	_, set := w.Policy.Env.Set[name]
	return set || slices.Contains(w.Policy.Env.Pass, name)
}
