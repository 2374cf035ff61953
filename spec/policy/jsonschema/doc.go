// Package jsonschema has the part of JSON Schema that describes a policy.
//
// What does not belong here: which keys a policy has (package policy), and
// checking a document against a schema.
package jsonschema
