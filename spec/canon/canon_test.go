package canon_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/canon"
)

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"empty", map[string]any{}, `{}`},
		{"no HTML escapes", "<a href='&'>", `"<a href='&'>"`},
		{"line separators as they are", "\u2028\u2029\u0091", "\"\u2028\u2029\u0091\""},
		{"control characters", "\x00\b\t\n\v\f\r\x1f\x7f", `"\u0000\b\t\n\u000b\f\r\u001f` + "\x7f\""},
		{"quotes", `a"b\c/`, `"a\"b\\c/"`},
		// The example of RFC 8785, 3.2.3.
		{
			"order of names",
			map[string]any{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7},
			"{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001f600\":5,\"\ufb33\":3}",
		},
		{"nested", map[string]any{"b": []any{1, true, nil}, "a": map[string]string{"y": "1", "x": "2"}}, `{"a":{"x":"2","y":"1"},"b":[1,true,null]}`},
		{"struct", struct {
			B int `json:"b"`
			A int `json:"a,omitempty"`
		}{B: 1}, `{"b":1}`},
		{"large integer in full", int64(math.MaxInt64), `9223372036854775807`},
		{"large unsigned", uint64(math.MaxUint64), `18446744073709551615`},
		// RFC 8785, appendix B.
		{"float", 1.5, `1.5`},
		{"float 4.5", json.Number("4.50"), `4.5`},
		{"float exponent", 1e21, `1e+21`},
		{"float small", 1e-27, `1e-27`},
		{"float large", 333333333.33333329, `333333333.3333333`},
		{"negative zero", json.Number("-0"), `0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := canon.JSON(c.v)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestJSONRefusesWhatItWouldChange(t *testing.T) {
	for _, v := range []any{"\xff", map[string]any{"a": "\xff"}, []string{"\xff"}, map[string]any{"a": map[string]string{"\xff": ""}}} {
		if _, err := canon.JSON(v); !errors.Is(err, canon.ErrText) {
			t.Errorf("%q: got %v, want ErrText", v, err)
		}
	}
}

// FuzzJSON: canonical text is JSON, of the same value, and canonical.
func FuzzJSON(f *testing.F) {
	f.Add(`{"b":[1,2.50,{"z":"\u0000","a":null}],"a":true}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			t.Skip()
		}
		one, err := canon.JSON(v)
		if err != nil {
			t.Fatal(err)
		}
		var w any
		if err := json.Unmarshal(one, &w); err != nil {
			t.Fatalf("%q: %v", one, err)
		}
		if !reflect.DeepEqual(v, w) {
			t.Fatalf("%#v became %#v", v, w)
		}
		two, err := canon.JSON(w)
		if err != nil || string(one) != string(two) {
			t.Fatalf("%q, then %q (%v)", one, two, err)
		}
	})
}
