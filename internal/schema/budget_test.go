package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func list(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }

func nested(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// members returns n members of an object.
func members(value string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":%s`, i, value)
	}
	return b.String()[1:]
}

// All work of the library for a sub-schema, a value or a pair of values is counted, even work
// before, or instead of, visiting the value.
func TestAllWorkIsCounted(t *testing.T) {
	names := `"` + strings.Trim(strings.ReplaceAll(members(``, 2000), `:,"`, `,"`), `":`) + `"`
	for name, c := range map[string]struct{ schema, value string }{
		"types":                   {`{"items":{"anyOf":[` + list(`{"type":"string"}`, 1000) + `]}}`, `[` + list("1", 2000) + `]`},
		"false":                   {`{"items":{"anyOf":[` + list(`false`, 1000) + `]}}`, `[` + list("1", 2000) + `]`},
		"true":                    {`{"items":{"allOf":[` + list(`true`, 1000) + `]}}`, `[` + list("1", 2000) + `]`},
		"dependencies":            {`{` + draft7 + `"items":{"dependencies":{` + members(`[]`, 2000) + `}}}`, `[` + list("{}", 1000) + `]`},
		"dependent names":         {`{` + draft7 + `"items":{"dependencies":{"a":[` + names + `]}}}`, `[` + list(`{"a":1}`, 1000) + `]`},
		"dependentRequired":       {`{"items":{"dependentRequired":{` + members(`[]`, 2000) + `}}}`, `[` + list("{}", 1000) + `]`},
		"dependentRequired names": {`{"items":{"dependentRequired":{"a":[` + names + `]}}}`, `[` + list(`{"a":1}`, 1000) + `]`},
		"required":                {`{"items":{"required":[` + names + `]}}`, `[` + list("{}", 1000) + `]`},
		"patterns":                {`{"items":{"patternProperties":{` + members(`{}`, 20) + `}}}`, `[` + list(`{`+members("1", 10)+`}`, 2000) + `]`},
		"pattern of names":        {`{"patternProperties":{"(x{50}){10}$":{}}}`, `{` + strings.ReplaceAll(members("1", 1000), `m`, strings.Repeat("x", 99)) + `}`},
		"comparisons":             {`{"items":{"anyOf":[` + list(`{"enum":[1]}`, 50) + `]}}`, `[` + list(`"`+strings.Repeat("x", 2000)+`"`, 500) + `]`},
		"numbers":                 {`{"items":{"multipleOf":1e-999,"minimum":1e-999}}`, `[` + list("1e999", 10_000) + `]`},
		"dynamic": {`{"$dynamicAnchor":"n",` + nested(`"allOf":[{`, `"items":{"$dynamicRef":"#n"}`, `}]`, 90) + `}`,
			nested(`[`, list("1", 1000), `]`, 400)},
		"recursive": {`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,` +
			nested(`"allOf":[{`, `"items":{"$recursiveRef":"#"}`, `}]`, 90) + `}`, nested(`[`, list("1", 1000), `]`, 400)},
		"unevaluated": {`{"unevaluatedProperties":false,"anyOf":[` + list(`false`, 1000) + `]}`, `{` + members(`1`, 2000) + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, compile(t, c.schema).Validate(json.RawMessage(c.value)), errTooCostly)
		})
	}
}

// Validating a large value against an ordinary schema stays within the limits.
func TestLargeValues(t *testing.T) {
	s := compile(t, `{"$defs":{"row":{"type":"object","required":["a","b"],"additionalProperties":false,"properties":{
		"a":{"type":"integer","minimum":0},"b":{"anyOf":[{"type":"string"},{"type":"null"}]}}}},
		"type":"array","items":{"$ref":"#/$defs/row"}}`)
	row := `{"a":9007199254740993,"b":null}`
	require.NoError(t, s.Validate(json.RawMessage(`[`+list(row, 200_000)+`]`)))
	rows := list(row, 50_000)
	require.EqualError(t, s.Validate(json.RawMessage(`[`+rows+`,{"a":1,"b":"x","c":0}]`)), `/50000: must not have "c"`)
}

// Each mismatch needs memory, and a deeper mismatch needs more. If there are too many mismatches,
// the error does not list them.
func TestMismatchesAreBounded(t *testing.T) {
	deep := compile(t, `{"type":"array","items":{"$ref":"#"}}`)
	for name, value := range map[string]string{
		"deep": nested(`[`, list("1", 20_000), `]`, 500),
		"many": `[` + list(`[1]`, 330_000) + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, deep.Validate(json.RawMessage(value)), "does not match the schema")
		})
	}
	require.EqualError(t, deep.Validate(json.RawMessage(nested(`[`, `1`, `]`, 20))), strings.Repeat("/0", 20)+": is of type number, expected array")
}

// The library reports every invalid value in a schema before it has compiled any of it, and it
// follows composition at each step. Both costs are limited.
func TestCostlySchemas(t *testing.T) {
	chain := func(n int) string {
		s := `{"$ref":"#/$defs/m2","$defs":{`
		for i := 2; i < n; i++ {
			s += fmt.Sprintf(`"m%d":{"$ref":"#/$defs/m%d"},`, i, i+1)
		}
		return s + fmt.Sprintf(`"m%d":{}}}`, n)
	}
	compile(t, chain(MaxChain))
	for name, c := range map[string]struct{ schema, want string }{
		"deep":  {nested(`{"not":`, `{"allOf":[`+list("1", 2000)+`]}`, `}`, 400), "too many values"},
		"many":  {`{"allOf":[` + list("1", 200_000) + `]}`, "too many values"},
		"chain": {chain(MaxChain + 1), "composition chain of more than 100 steps"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(json.RawMessage(c.schema))
			require.ErrorAs(t, err, new(*CompileError))
			require.ErrorContains(t, err, c.want)
		})
	}
}
