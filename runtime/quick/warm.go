package quick

import "encoding/json"

// Warm is trick "warm" (7 % of a start at 37 paths, 2 % at 300; 2026-11-28): it
// makes, beside the thread that makes a container, what package json makes of a
// type when it first meets it, which for all that libcontainer writes takes a
// while. The value is one of the largest of these types.
//
// Relies on: a processor that is idle.
func Warm(value any) {
	if !Without("warm") {
		go func() { _, _ = json.Marshal(value) }()
	}
}
