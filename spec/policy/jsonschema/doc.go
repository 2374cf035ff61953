// Package jsonschema writes the JSON Schema of the policy file, which editors
// and the Nix side read.
//
// What does not belong here: which keys a policy has (package policy), and
// checking a document against a schema.
package jsonschema
