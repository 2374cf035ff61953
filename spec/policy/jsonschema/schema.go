package jsonschema

// draft is the dialect that the schema is written in.
const draft = "https://json-schema.org/draft/2020-12/schema"

// Schema is the part of JSON Schema that a policy needs. The Nix side
// (spec/nix/check.nix) reads the same keywords and no others.
type Schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type"`
	Enum        []any              `json:"enum,omitempty"`
	Default     any                `json:"default,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// AdditionalProperties is false for a section, whose keys are all known,
	// and a schema for a table whose names are the writer's.
	AdditionalProperties any `json:"additionalProperties,omitempty"`
}
