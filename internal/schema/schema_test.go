package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func compile(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Compile(json.RawMessage(text))
	require.NoError(t, err)
	return s
}

// problems validates a value and returns its mismatches, or nil.
func problems(t *testing.T, schema, value string) []Problem {
	t.Helper()
	err := compile(t, schema).Validate(json.RawMessage(value))
	if err == nil {
		return nil
	}
	var e *Error
	require.ErrorAs(t, err, &e, "%v", err)
	require.NotEmpty(t, e.Problems)
	return e.Problems
}

const draft7 = `"$schema":"http://json-schema.org/draft-07/schema#",`

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		schema, value string
		want          string // the first problem; "" if the value matches
	}{
		{`true`, `1`, ""},
		{`false`, `1`, "is not allowed"},
		{`{"minimum":9007199254740993}`, `9007199254740992`, "is less than 9007199254740993"},
		{`{"minimum":9007199254740993}`, `9007199254740993`, ""},
		{`{"maximum":0.25}`, `0.26`, "is greater than 0.25"},
		{`{"enum":[9007199254740993]}`, `9007199254740992`, "is not one of the allowed values"},
		{`{"enum":[9007199254740993]}`, `9007199254740993.0`, ""},
		{`{"const":9007199254740993}`, `9007199254740992`, "is not the allowed value"},
		{`{"const":{"a":[1,-0]}}`, `{"a":[10e-1,0.0]}`, ""},
		{`{"const":"1"}`, `1`, "is not the allowed value"},
		{`{"enum":[]}`, `1`, "is not one of the allowed values"},
		{`{"multipleOf":2}`, `9007199254740993`, "is not a multiple of 2"},
		{`{"multipleOf":0.01}`, `0.07`, ""},
		{`{"type":"integer"}`, `1.0`, ""},
		{`{"type":"integer"}`, `1.5`, "is of type number, expected integer"},
		{`{"type":["string","null"]}`, `1`, "is of type number, expected null or string"},
		{`{"minLength":5}`, `12`, ""},
		{`{"uniqueItems":true}`, `[1,{"a":1,"b":2},{"b":2.0,"a":1}]`, "has duplicate items"},
		{`{"uniqueItems":true}`, `[1,"1",true,"true",null,"n"]`, ""},
		{`{"format":"email"}`, `"no"`, ""},
		{`{` + draft7 + `"format":"email"}`, `"no"`, ""},
		{`{` + draft7 + `"items":[{"type":"string"}],"additionalItems":false}`, `["a",1]`, "has 1 items too many"},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `["a"]`, ""},
		{`{` + draft7 + `"definitions":{"a":{"type":"string"}},"$ref":"#/definitions/a"}`, `1`, "is of type number, expected string"},
		{`{` + draft7 + `"definitions":{"a":{"enum":[1]}},"properties":{"x":{"$ref":"#/definitions/a"}}}`, `{"x":2}`, "/x: is not one of the allowed values"},
		{`{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, `{"a":1,"b":2}`, "/b: is not allowed"},
		{`{"properties":{"a~/b":{"items":{"type":"string"}}}}`, `{"a~/b":["x",1]}`, "/a~0~1b/1: is of type number, expected string"},
		{`{"required":["a","b"]}`, `{}`, `lacks "a", "b"`},
		{`{"additionalProperties":false}`, `{"x":1}`, `must not have "x"`},
		{`{"anyOf":[{"type":"object","required":["a"]},{"type":"null"}]}`, `{}`, `lacks "a"`},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{}`, `matches none of 2 alternatives`},
		{`{"oneOf":[{"type":"number"},{"type":"integer"}]}`, `1`, `matches more than one of the alternatives`},
		{`{"not":{"enum":[1]}}`, `1`, "matches a schema that it must not match"},
		{`{"pattern":"^a+$"}`, `"b"`, `does not match the pattern "^a+$"`},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, `must not have a member named "ab"`},
		{`{"$id":"https://example.com/a","$defs":{"x":{"$id":"b","type":"string"}},"$ref":"b"}`, `1`, "is of type number, expected string"},
		{`{"$anchor":"top","properties":{"a":{"$ref":"#top"},"b":{"type":"null"}}}`, `{"a":{"a":{"b":1}}}`, "/a/a/b: is of type number, expected null"},
		{`{"x-unknown":{"$ref":"https://example.com"},"type":"string"}`, `"a"`, ""},
		{dynamicTree, `{"data":1,"children":[{"data":2,"children":[{"daat":3}]}]}`, "/children/0/children/0/daat: is not allowed"},
		{dynamicTree, `{"data":1,"children":[{"data":2}]}`, ""},
	} {
		got := problems(t, c.schema, c.value)
		if c.want == "" {
			require.Empty(t, got, "%s of %s", c.value, c.schema)
			continue
		}
		require.NotEmpty(t, got, "%s of %s", c.value, c.schema)
		require.Equal(t, c.want, got[0].String(), "%s of %s", c.value, c.schema)
	}
}

// dynamicTree is the extensible recursive schema of the specification. Each node must match the
// stricter schema, which only a dynamic reference finds.
const dynamicTree = `{"$id":"https://example.com/strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,
	"$defs":{"tree":{"$id":"tree","$dynamicAnchor":"node","type":"object",
	"properties":{"data":true,"children":{"type":"array","items":{"$dynamicRef":"#node"}}}}}}`

// Compile returns a CompileError for every schema that cannot be used.
func TestCompileRefuses(t *testing.T) {
	chain := func(n int, keyword string) string {
		var b strings.Builder
		b.WriteString(`{"$defs":{`)
		for i := range n {
			fmt.Fprintf(&b, `"d%d":{"%s":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, keyword, i+1, i+1)
		}
		fmt.Fprintf(&b, `"d%d":{"type":"integer"}},"$ref":"#/$defs/d0"}`, n)
		return b.String()
	}
	// The dynamic reference resolves to {}, unless a schema in its dynamic scope has the same
	// anchor.
	inScope := func(top, x string) string {
		return `{"$id":"https://example.com/o",` + top + `"$ref":"inner","$defs":{"x":` + x +
			`,"inner":{"$id":"inner","$dynamicRef":"#n","$defs":{"n":{"$dynamicAnchor":"n"}}}}}`
	}
	long := strings.Repeat("k", 100_000)
	for name, c := range map[string]struct{ schema, want string }{
		"not JSON":         {`{`, "invalid JSON"},
		"two values":       {`{} {}`, "invalid JSON"},
		"a number":         {`1`, "is of type number"},
		"unknown type":     {`{"type":"foo"}`, "not a valid schema"},
		"text as number":   {`{"minimum":"1"}`, "/minimum: is of type string, expected number"},
		"http":             {`{"$ref":"http://127.0.0.1:1/x"}`, "outside the document"},
		"file":             {`{"$ref":"file:///etc/hostname"}`, "outside the document"},
		"relative":         {`{"$ref":"other.json"}`, "outside the document"},
		"meta":             {`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, "outside the document"},
		"nested meta":      {`{"properties":{"a":{"items":{"$ref":"http://json-schema.org/draft-07/schema#/definitions/x"}}}}`, ""},
		"dialect":          {`{"$schema":"https://example.com/dialect"}`, "outside the document"},
		"dangling":         {`{"$ref":"#/$defs/none"}`, "not found"},
		"loop":             {`{"$ref":"#"}`, "applies to its own place"},
		"loop of two":      {`{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"}`, "applies to its own place"},
		"unused loop":      {`{"properties":{"a":{"anyOf":[{"$ref":"#/properties/a"}]}}}`, "applies to its own place"},
		"dynamic loop":     {`{"$dynamicAnchor":"x","allOf":[{"$dynamicRef":"#x"}]}`, "applies to its own place"},
		"loop in scope":    {inScope(`"$dynamicAnchor":"n",`, `{}`), "applies to its own place"},
		"loop elsewhere":   {inScope(``, `{"$dynamicAnchor":"n","allOf":[{"$ref":"#/$defs/x"}]}`), "applies to its own place"},
		"bomb allOf":       {chain(40, "allOf"), "more than 10000 sub-schemas"},
		"bomb oneOf":       {chain(40, "oneOf"), "more than 10000 sub-schemas"},
		"number":           {`{"minimum":1e1000000000}`, "exponent"},
		"small number":     {`{"enum":[1e-1000000000]}`, "exponent"},
		"long number":      {`{"minimum":` + strings.Repeat("1", MaxNumber+1) + `}`, "characters"},
		"huge exponent":    {`{"minimum":1e99999999999999999999}`, "exponent"},
		"too long":         {`{"title":"` + strings.Repeat("x", MaxBytes) + `"}`, "bytes"},
		"too deep":         {strings.Repeat(`{"not":`, MaxDepth+1) + `true` + strings.Repeat(`}`, MaxDepth+1), "deep"},
		"too many":         {`{"anyOf":[` + strings.Repeat(`true,`, MaxSubschemas) + `true]}`, "sub-schemas"},
		"long places":      {`{"properties":{"` + long + `":{"anyOf":[` + strings.Repeat(`{},`, 1000) + `{}]}}}`, "locations"},
		"lookahead":        {`{"pattern":"^(?=a)"}`, "(?="},
		"large pattern":    {`{"pattern":"((a{10}){10}){10}(((bc{10}){10}){10}){10}"}`, ""},
		"thousand strings": {`{"pattern":"` + strings.Repeat("(abcdefghij){1000}", 20) + `"}`, "instructions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(json.RawMessage(c.schema))
			var e *CompileError
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, c.want)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

// A composition may be cheap for one value. It is too costly if it repeats at each level of a
// nested value.
func TestRecursionIsBounded(t *testing.T) {
	for name, schema := range map[string]string{
		"properties": `{"anyOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}],"allOf":[{"properties":{"a":{"$ref":"#"}}}]}`,
		"items":      `{"not":{"minItems":9,"contains":{"$ref":"#"},"items":{"$ref":"#"}}}`,
		"hidden":     `{"$defs":{"x":{"minItems":9,"contains":{"$ref":"#/$defs/x"},"items":{"$ref":"#/$defs/x"}}},"not":{"$ref":"#/$defs/x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			open, end := `{"a":`, `}`
			if name != "properties" {
				open, end = `[`, `]`
			}
			s := compile(t, schema)
			err := s.Validate(json.RawMessage(strings.Repeat(open, 400) + `0` + strings.Repeat(end, 400)))
			require.ErrorIs(t, err, errTooCostly)
			_ = s.Validate(json.RawMessage(`1`)) // the schema can still be used
		})
	}
}

// Validation stays cheap even if a schema has a large enumeration or long strings and the value is
// large.
func TestCostlyComparisons(t *testing.T) {
	var enum, value strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&enum, "%d,", i)
		value.WriteString(`0.5,`)
	}
	s := compile(t, `{"items":{"enum":[`+enum.String()+`0]},"uniqueItems":true}`)
	require.Error(t, s.Validate(json.RawMessage(`[`+value.String()+`0]`)))
	p := compile(t, `{"pattern":"(abc|abd|(x{50}){10})*$"}`)
	require.ErrorIs(t, p.Validate(json.RawMessage(`"`+strings.Repeat("a", 4<<20)+`"`)), errTooCostly)
}

func TestValuesThatCannotBeValidated(t *testing.T) {
	s := compile(t, `{"minimum":1}`)
	for _, value := range []string{``, `{`, `1 2`, `1e1000000000`, `-1e-99999`, strings.Repeat("1", MaxNumber+1),
		strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), `[` + strings.Repeat("1,", MaxValues) + `1]`} {
		err := s.Validate(json.RawMessage(value))
		require.ErrorContains(t, err, "cannot validate the value")
		require.NotErrorAs(t, err, new(*Error))
		require.Less(t, len(err.Error()), 300)
	}
}

// An error contains no value and no control characters, and at most MaxProblems problems.
func TestErrorsAreBounded(t *testing.T) {
	value := `{"` + strings.Repeat(`\u001b[31m`, 100) + `":["` + strings.Repeat("secret", 50) + `"` + strings.Repeat(`,1`, 100) + `]}`
	got := problems(t, `{"additionalProperties":{"items":{"type":"boolean"}}}`, value)
	require.Len(t, got, MaxProblems)
	for _, p := range got {
		require.NotContains(t, p.String(), "secret")
		require.NotContains(t, p.String(), "\x1b")
		require.LessOrEqual(t, len(p.Path), maxPath+3)
	}
	got = problems(t, `{"pattern":"^[0-9]+$","minLength":1000,"enum":["a"]}`, `"secret"`)
	require.NotContains(t, fmt.Sprint(got), "secret")
}

// Concurrent validations each count only their own steps.
func TestConcurrentUse(t *testing.T) {
	s := compile(t, `{"items":{"type":"integer","enum":[1,2,3]},"uniqueItems":true}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := s.Validate(json.RawMessage(`[1,2,3]`)); err != nil {
					t.Error(err)
				}
				if err := s.Validate(json.RawMessage(`[1,2,1.0]`)); err == nil {
					t.Error("matches")
				}
			}
		})
	}
	wg.Wait()
}

// FuzzSchema looks for panics, endless loops and errors of unbounded length.
func FuzzSchema(f *testing.F) {
	for _, s := range []string{`{"$ref":"#/a","a":{"items":[true]}}`, dynamicTree, `{"$recursiveRef":"#"}`, `{"enum":[1e3],"multipleOf":0}`,
		`{` + draft7 + `"dependencies":{"a":["b"],"c":{"$ref":"#"}}}`, `{"$id":"%zz","$anchor":"/"}`, `{"$vocabulary":{"x":true}}`} {
		f.Add([]byte(s), []byte(`{"a":[1,2e5,"x",null],"c":{}}`))
	}
	f.Fuzz(func(t *testing.T, schema, value []byte) {
		s, err := Compile(schema)
		if err != nil {
			require.ErrorAs(t, err, new(*CompileError))
			require.Less(t, len(err.Error()), 1000)
			return
		}
		if err := s.Validate(value); err != nil {
			require.NotErrorIs(t, err, errLibrary)
		}
	})
}
