package key

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/credential"
	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/runtime/login"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Sources are what keys of a jail that runs come from again.
type Sources struct {
	// Brokers are those of the jail, and Keys what All has read for them.
	Brokers []network.Broker
	Keys    map[string]string
	// Roots and Proxy are how services that refresh logins are reached.
	Roots []byte
	Proxy func(*http.Request) (*url.URL, error)
	// Ask asks the command of a broker again.
	Ask func(broker string) (string, error)
}

// Make makes the sources of brokers whose keys change, and those who keep the
// logins that are made in the jail. What All has for a broker of a login is the
// folder of that; it has nothing where there is none yet.
func (s Sources) Make() (map[string]broker.Source, map[string]broker.Keeper) {
	sources, keepers := map[string]broker.Source{}, map[string]broker.Keeper{}
	// Brokers of one login share it: it is refreshed once.
	type place struct{ format, dir string }
	made := map[place]*login.Login{}
	at := func(format, dir, what string) *login.Login {
		f, _ := credential.Named(format) // config.json was checked
		p := place{f.Name, dir}
		if made[p] == nil {
			made[p] = &login.Login{Format: f, Dir: dir, What: what, Transport: login.NewTransport(s.Roots, s.Proxy)}
		}
		return made[p]
	}
	for _, b := range s.Brokers {
		if b.Signs() && b.From != network.AWSEnv {
			sources[b.Name] = &aws{File: s.Keys[b.Name], Profile: strings.TrimPrefix(b.From, network.FromAWS)}
		}
		if b.TTL != "" {
			sources[b.Name] = newCommand(b, s.Keys[b.Name], s.Ask)
		}
		format, _, ok := b.Login()
		if !ok {
			continue
		}
		var before *login.Login
		if dir := s.Keys[b.Name]; dir != "" && dir != b.Keep {
			before = at(format, dir, "the login of the host")
		}
		if b.Keep == "" {
			sources[b.Name] = before
			continue
		}
		if b.LogIn != "" {
			at(format, b.Keep, fmt.Sprintf("the login of broker %q", b.Name)).Endpoint = b.LogIn
		}
		k := &login.Kept{Own: at(format, b.Keep, "the login of this project"), Before: before, Anew: b.LogIn != ""}
		sources[b.Name], keepers[b.Name] = k, k
	}
	return sources, keepers
}
