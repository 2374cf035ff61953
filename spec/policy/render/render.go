package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// TOML is a policy as policy.Parse reads it. What has no value is left out.
func TOML(p policy.Policy) ([]byte, error) {
	brokers := p.Brokers
	p.Brokers = nil
	text, err := policy.Canonical(p)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, err
	}
	document := map[string]any{"version": policy.Version}
	for name, v := range values {
		i := slices.IndexFunc(policy.Keys(), func(k policy.Key) bool { return k.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s is no key of a policy", name)
		}
		section, key, _ := strings.Cut(name, ".")
		table, ok := document[section].(map[string]any)
		if !ok {
			table = map[string]any{}
			document[section] = table
		}
		if table[key], err = number(v, policy.Keys()[i].Type); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, b := range brokers {
		list, _ := document["broker"].([]map[string]any)
		document["broker"] = append(list, broker(b))
	}
	return toml.Marshal(document)
}

// number turns numbers of JSON into those of TOML: a size is a string, and other
// numbers are whole unless they are not.
func number(v any, t key.Type) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if t == key.Size {
			return v.String(), nil
		}
		if n, err := v.Int64(); err == nil && t != key.Number {
			return n, nil
		}
		return v.Float64()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = number(v[i], t); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return v, nil
}

// broker is a [[broker]] of a policy.
func broker(b network.Broker) map[string]any {
	m := map[string]any{}
	for name, v := range map[string]string{"name": b.Name, "host": b.Host, "upstream": b.Upstream, "header": b.Header, "from": b.From, "ttl": b.TTL, "login": b.LogIn, "env": b.Env, "url-env": b.URLEnv} {
		if v != "" {
			m[name] = v
		}
	}
	for name, v := range map[string][]string{"paths": b.Paths, "allow": b.Allow, "upgrade": b.Upgrade} {
		if len(v) > 0 {
			m[name] = v
		}
	}
	return m
}
