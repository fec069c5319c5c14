package form

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/wire"
)

func ptr[T any](v T) *T { return &v }

func mustForm(t testing.TB, schema string) *Form {
	t.Helper()
	form, err := Parse(json.RawMessage(schema))
	require.NoError(t, err)
	return form
}

// oneField parses a form with a single property and returns its field. property is the property's
// schema.
func oneField(t testing.TB, property string) Field {
	t.Helper()
	form := mustForm(t, `{"type":"object","properties":{"f":`+property+`}}`)
	require.Len(t, form.Fields, 1)
	return form.Fields[0]
}

func plainOptions(values ...string) (options []Option) {
	for _, v := range values {
		options = append(options, Option{Value: v, Title: v})
	}
	return options
}

var redGreen = []Option{{Value: "#f00", Title: "Red"}, {Value: "#0f0", Title: "Green"}}

func choiceOf(options []Option) Field { return Field{Kind: Choice, Options: options} }

var formFields = []struct {
	property string
	want     Field
}{
	// Properties that the protocol defines.
	{
		`{"type":"string","title":"T","description":"D","minLength":3,"maxLength":50,"format":"email","default":"user@example.com"}`,
		Field{Kind: String, Title: "T", Description: "D", MinLength: ptr(3), MaxLength: ptr(50), Format: "email", Default: "user@example.com"},
	},
	{
		`{"default":50,"type":"number","minimum":0,"maximum":1e2}`,
		Field{Kind: Number, Minimum: "0", Maximum: "1e2", Default: json.Number("50")},
	},
	{
		`{"type":"integer","minimum":-9007199254740993,"default":9007199254740993}`,
		Field{Kind: Integer, Minimum: "-9007199254740993", Default: json.Number("9007199254740993")},
	},
	{`{"type":"boolean","default":false}`, Field{Kind: Bool, Default: false}},
	{
		`{"type":"string","enum":["Red","Green"],"default":"Red"}`,
		Field{Kind: Choice, Options: plainOptions("Red", "Green"), Default: "Red"},
	},
	{`{"type":"string","oneOf":[{"const":"#f00","title":"Red"},{"const":"#0f0","title":"Green"}]}`, choiceOf(redGreen)},
	{`{"type":"string","enum":["#f00","#0f0","x"],"enumNames":["Red","Green"]}`, choiceOf(append(redGreen[:2:2], Option{"x", "x"}))},
	{
		`{"type":"array","minItems":1,"maxItems":2,"items":{"type":"string","enum":["a","b"]},"default":["b","a"]}`,
		Field{Kind: Choices, Options: plainOptions("a", "b"), MinItems: ptr(1), MaxItems: ptr(2), Default: []string{"b", "a"}},
	},
	{
		`{"type":"array","items":{"anyOf":[{"const":"#f00","title":"Red"},{"const":"#0f0","title":"Green"}]},"default":[]}`,
		Field{Kind: Choices, Options: redGreen, Default: []string{}},
	},
	// Properties that the protocol does not define but servers use.
	{`{"type":"string","anyOf":[{"const":"#f00","title":"Red"},{"const":"#0f0","title":"Green"}]}`, choiceOf(redGreen)},
	{`{"items":{"oneOf":[{"const":"#f00","title":"Red"},{"title":"Green","const":"#0f0"}]}}`, Field{Kind: Choices, Options: redGreen}},
	{`{"type":["string","null"],"default":null}`, Field{Kind: String}},
	{`{"type":["null","integer"],"minimum":null}`, Field{Kind: Integer}},
	{`{"type":["integer","number"]}`, Field{Kind: Number}},
	{`{"type":["integer","string"]}`, Field{Kind: String}},
	{`{"enum":["a","a","b",null]}`, choiceOf(plainOptions("a", "b"))},
	{`{"enum":[null,"a"],"enumNames":["none","A"]}`, choiceOf([]Option{{"a", "A"}})},
	{`{"const":"only"}`, choiceOf(plainOptions("only"))},
	{`{"oneOf":[{"const":"a"},{"const":null},{"const":"b","title":""}]}`, choiceOf(plainOptions("a", "b"))},
	{
		`{"title":"T","anyOf":[{"type":"string","maxLength":5,"title":"inner","description":"D"},{"type":"null"}],"default":null}`,
		Field{Kind: String, Title: "T", Description: "D", MaxLength: ptr(5)},
	},
	{`{"anyOf":[{"type":"integer","maximum":5},{"type":"null"}],"default":3}`, Field{Kind: Integer, Maximum: "5", Default: json.Number("3")}},
	{`{"anyOf":[{"enum":["a"]},{"type":"null"}]}`, choiceOf(plainOptions("a"))},
	{`{"anyOf":[{"type":"array","maxItems":1,"items":{"enum":["a"]}},{"type":"null"}]}`, Field{Kind: Choices, Options: plainOptions("a"), MaxItems: ptr(1)}},
	{`{}`, Field{Kind: String}},
	{`true`, Field{Kind: String}},
	{`{"minimum":1}`, Field{Kind: Number, Minimum: "1"}},
	{`{"type":"boolean","const":true}`, Field{Kind: Bool}},
	{`{"type":"string","format":"password","pattern":"^x$","x":{"y":[1]}}`, Field{Kind: String}},
	{`{"type":"string","minLength":-1,"maxLength":1e99}`, Field{Kind: String}},
	{`{"type":"string","minLength":2.0,"maxLength":0.2e2}`, Field{Kind: String, MinLength: ptr(2), MaxLength: ptr(20)}},
	{`{"type":"string","title":"old","title":"new","enum":["a"],"enum":["b"]}`, Field{Kind: Choice, Title: "new", Options: plainOptions("b")}},
	// Exclusive bounds.
	{`{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10.0}`, Field{Kind: Integer, Minimum: "1", Maximum: "9"}},
	{`{"type":"integer","exclusiveMinimum":0.5,"exclusiveMaximum":1e500}`, Field{Kind: Integer, Minimum: "0.5", Maximum: "1e500"}},
	{`{"type":"integer","minimum":5,"exclusiveMinimum":2,"maximum":9,"exclusiveMaximum":7}`, Field{Kind: Integer, Minimum: "5", Maximum: "6"}},
	{`{"type":"number","exclusiveMinimum":0}`, Field{Kind: Number, Minimum: "0"}},
}

func TestFormFields(t *testing.T) {
	for _, tt := range formFields {
		tt.want.Name = "f"
		require.Equal(t, tt.want, oneField(t, tt.property), tt.property)
	}
}

func TestFormInvalidDefaultsAreDropped(t *testing.T) {
	for _, property := range []string{
		`{"type":"string","default":1}`,
		`{"type":"string","minLength":3,"default":"ab"}`,
		`{"type":"string","format":"email","default":"nobody"}`,
		`{"type":"number","default":"1"}`,
		`{"type":"integer","default":1.5}`,
		`{"type":"integer","maximum":10,"default":11}`,
		`{"type":"integer","maximum":10,"default":1e999999999}`,
		`{"type":"boolean","default":"true"}`,
		`{"enum":["a"],"default":"b"}`,
		`{"type":"array","items":{"enum":["a"]},"default":"a"}`,
		`{"type":"array","items":{"enum":["a"]},"default":[1]}`,
		`{"type":"array","items":{"enum":["a"]},"default":["a",null]}`,
		`{"type":"array","items":{"enum":["a"]},"default":["a","a"]}`,
		`{"type":"array","minItems":1,"items":{"enum":["a"]},"default":[]}`,
	} {
		require.Nil(t, oneField(t, property).Default, property)
	}
}

func TestFormKeepsOrderAndRequired(t *testing.T) {
	schema := ` {"required":["b","b","nobody"],"$schema":"x","properties":{"z":{"type":"string"},"b":{},"a":{},"z":{"type":"boolean"},"":{}}} `
	form := mustForm(t, schema)
	var got []string
	for _, f := range form.Fields {
		got = append(got, fmt.Sprintf("%s %d %v", f.Name, f.Kind, f.Required))
	}
	require.Equal(t, []string{"z 4 false", "b 1 true", "a 1 false", " 1 false"}, got)
	require.Equal(t, schema, string(form.Schema))

	for _, schema := range []string{`{}`, `{"type":"object"}`, `{"type":["object","null"],"properties":null,"required":null}`} {
		require.Empty(t, mustForm(t, schema).Fields)
		require.NoError(t, mustForm(t, schema).Validate(nil))
	}
}

func TestFormRefusesUnsupportedProperties(t *testing.T) {
	for property, want := range map[string]string{
		`{"type":"object","properties":{"a":{"type":"string"}}}`: "properties.f: not a string",
		`{"properties":{"a":{}}}`:                                "not a string",
		`{"$ref":"#/$defs/x"}`:                                   "not a string",
		`{"allOf":[{"type":"string"}]}`:                          "not a string",
		`{"type":"strng"}`:                                       "not a string",
		`{"type":"null"}`:                                        "no value is valid",
		`{"type":["null"]}`:                                      "no value is valid",
		`{"const":null}`:                                         "no value is valid",
		`false`:                                                  "no value is valid",
		`{"enum":[]}`:                                            "no options",
		`{"enum":[null]}`:                                        "no options",
		`{"type":"integer","enum":[1,2]}`:                        "must be strings",
		`{"oneOf":[{"const":"a"},{"const":2}]}`:                  "must be strings",
		`{"type":"array"}`:                                       "no options",
		`{"type":"array","items":{"type":"string"}}`:             "no options",
		`{"type":"array","items":{"enum":[1]}}`:                  "must be strings",
		`{"type":"array","items":{"type":"object"}}`:             "not a string",
		`{"type":"array","items":[{"enum":["a"]}]}`:              "no options",
		`{"anyOf":[{"type":"string"},{"type":"integer"}]}`:       "not a string",
		`{"anyOf":[{"anyOf":[{"anyOf":[{"anyOf":[{}]}]}]}]}`:     "not a string",
		`"string"`:                  "properties.f: expected object, got string",
		`null`:                      "properties.f: expected object",
		`{"type":1}`:                "properties.f.type",
		`{"minLength":"3"}`:         "properties.f.minLength: expected number",
		`{"exclusiveMinimum":true}`: "properties.f.exclusiveMinimum: expected number",
		`{"enum":{"a":1}}`:          "properties.f.enum: expected array",
		`{"minimum":` + strings.Repeat("1", maxBound+1) + `}`: "properties.f.minimum: the server sent more",
	} {
		_, err := Parse(json.RawMessage(`{"type":"object","properties":{"f":` + property + `}}`))
		require.ErrorContains(t, err, want, property)
		require.ErrorContains(t, err, "properties.f", property)
	}
	for _, schema := range []string{``, `null`, `[]`, `{"type":"string"}`, `{"properties":[]}`, `{"required":[1]}`, `{"required":true}`, `{} {}`} {
		_, err := Parse(json.RawMessage(schema))
		require.Error(t, err, schema)
	}
	_, err := Parse(json.RawMessage(`{"properties":{"a\u001b[31m":{"$ref":"x"}}}`))
	require.EqualError(t, err, `properties."a\x1b[31m": not a string, a number, a boolean or a choice`)
}

func TestFormLimits(t *testing.T) {
	schema := func(fields, options int) json.RawMessage {
		enum := strings.TrimSuffix(strings.Repeat(`"a",`, options), ",")
		var b strings.Builder
		for i := range fields {
			fmt.Fprintf(&b, `"%d":{"type":"string"},`, i)
		}
		return json.RawMessage(`{"properties":{` + b.String() + `"0":{"enum":[` + enum + `]}}}`)
	}
	_, err := Parse(schema(maxFields, maxOptions))
	require.NoError(t, err)

	var limit *wire.LimitError
	_, err = Parse(schema(maxFields+1, 1))
	require.ErrorAs(t, err, &limit)
	require.Equal(t, wire.LimitError{What: "fields in a form", Limit: maxFields}, *limit)
	_, err = Parse(schema(1, maxOptions+1))
	require.ErrorAs(t, err, &limit)
	require.Equal(t, wire.LimitError{What: "options in a field", Limit: maxOptions}, *limit)
	alternatives := strings.TrimSuffix(strings.Repeat(`{},`, maxOptions+1), ",")
	_, err = Parse(json.RawMessage(`{"properties":{"a":{"anyOf":[` + alternatives + `]}}}`))
	require.ErrorAs(t, err, &limit)
}

func TestFormDefaultsAreFreshEachTime(t *testing.T) {
	form := mustForm(t, `{"properties":{"a":{"type":"string","default":""},"b":{"type":"string"},"n":{"type":"number","default":1.50},
		"c":{"type":"array","items":{"enum":["x","y"]},"default":["x"]},"e":{"type":"array","items":{"enum":["x"]},"default":[]}}}`)
	want := `{"a":"","c":["x"],"e":[],"n":1.50}`
	first := form.Defaults()
	got, err := json.Marshal(first)
	require.NoError(t, err)
	require.Equal(t, want, string(got))

	first["c"].([]string)[0] = "y"
	first["b"] = 1
	got, err = json.Marshal(form.Defaults())
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}
