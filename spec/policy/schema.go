package policy

//go:generate go test ./jsonschema -run ^TestFile$ -update

import (
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/suggest"
)

// Key is one key of the policy file. Strict decoding, the suggestions for
// misspelt keys, merging and the documentation all follow from the list that
// Keys returns.
type Key = key.Key

// Keys returns the schema of the policy file, in the order in which it is
// documented. The result is a fresh value.
func Keys() []Key {
	rs := rows()
	keys := make([]Key, len(rs))
	for i, r := range rs {
		keys[i] = r.Key
	}
	return keys
}

// row is a Key together with the fields that hold it.
type row struct {
	Key
	// layer and policy return pointers to the fields of the key; nil for
	// "version", which has none.
	//
	//	type         layer                policy
	//	string       **string             *string
	//	strings      *[]string            *[]string
	//	integers     *[]int64             *[]int64
	//	table        *map[string]string   *map[string]string
	//	size         **int64              *int64
	//	integer      **int64              *int64
	//	number       **float64            *float64
	//	boolean      **bool               *bool
	//	rows         *[]agent.Defined     *[]agent.Defined
	layer  func(*Layer) any
	policy func(*Policy) any
	// broker returns a pointer to the key's field of a broker, a *string or
	// a *[]string, for keys of [[broker]]. They have no layer and no policy.
	broker func(*network.Broker) any

	// own: the key is for the user's own policy and flags alone.
	own bool
	// check returns what is wrong with a string, or with one of a list, and ""
	// if nothing is; nil for keys with values of their own or rules that need
	// the whole layer (checker).
	check func(string) string
	// change says what a change of the value means.
	change change.Meaning
}

// findRow returns the row of the key called name.
func findRow(name string) (row, bool) {
	for _, r := range rows() {
		if r.Name == name {
			return r, true
		}
	}
	return row{}, false
}

// known are the keys of all sections.
func known() suggest.Keys {
	k := suggest.Keys{Tables: brokerSection}
	for _, r := range rows() {
		k.Names = append(k.Names, r.Name)
	}
	return k
}
