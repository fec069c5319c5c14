package toolspec_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/schema"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// repairs are schemas and what becomes of them.
var repairs = []struct{ story, schema, want string }{
	{"a root without a type", `{}`, `{"type":"object","properties":{}}`},
	{"a root that may be null", `{"type":["object","null"]}`, `{"type":"object","properties":{}}`},
	{"numbers keep their digits", `{"properties":{"a":{"minimum":12345678901234567890.10}}}`,
		`{"type":"object","properties":{"a":{"minimum":12345678901234567890.10}}}`},
	{"markup is not escaped", `{"properties":{"a":{"title":"<b> & \u003ci>"}}}`, `{"type":"object","properties":{"a":{"title":"<b> & <i>"}}}`},
	{"unknown members stay", `{"x-order":["b"],"properties":{}}`, `{"x-order":["b"],"type":"object","properties":{}}`},
	{"a required property is listed", `{"required":["a","a"]}`, `{"type":"object","properties":{"a":{}},"required":["a"]}`},
	{"all branches require a",
		`{"anyOf":[{"required":["a","b"]},{"required":["c","a"]}],"properties":{"b":{"type":"string"}}}`,
		`{"type":"object","properties":{"a":{},"b":{"type":"string"},"c":{}},"required":["a"]}`},
	{"a property of all branches keeps its schemas",
		`{"oneOf":[{"properties":{"kind":{"const":"a"}}},{"properties":{"kind":{"const":"b"}}},{"properties":{"kind":{"const":"a"}}}]}`,
		`{"type":"object","properties":{"kind":{"anyOf":[{"const":"a"},{"const":"b"}]}}}`},
	{"a property that another branch leaves open becomes a description",
		`{"anyOf":[{"properties":{"a":{"type":"string","description":"name"}}},{"properties":{"b":{"type":"number"}},"additionalProperties":false}]}`,
		`{"type":"object","properties":{"a":{"type":"string","description":"name"},"b":{"description":"Schema: {\"type\":\"number\"}"}}}`},
	{"branches that accept no object do not count",
		`{"anyOf":[{"type":"string"},{"properties":{"a":{"type":"string"}},"required":["a"]}]}`,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`},
	{"parts that all apply are merged",
		`{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}],"required":["b"]}`,
		`{"type":"object","properties":{"a":{"type":"string"},"b":{}},"required":["b","a"]}`},
	{"the root's own schema of a property wins", `{"properties":{"a":{"type":"string"}},"allOf":[{"properties":{"a":{"minLength":1}}}]}`,
		`{"type":"object","properties":{"a":{"type":"string"}}}`},
	{"a closed root gets no properties", `{"additionalProperties":false,"properties":{"a":{}},"anyOf":[{"properties":{"b":{}}}]}`,
		`{"type":"object","additionalProperties":false,"properties":{"a":{}}}`},
	{"conditions", `{"if":{"required":["a"]},"then":{"properties":{"b":{"type":"null"}}},"properties":{"a":{}}}`,
		`{"type":"object","properties":{"a":{},"b":{"description":"Schema: {\"type\":\"null\"}"}}}`},
	{"unevaluated properties may be those of a branch", `{"allOf":[{"patternProperties":{"^a":{}}}],"unevaluatedProperties":false}`,
		`{"type":"object","properties":{}}`},
	{"recursion keeps its original",
		`{"properties":{"next":{"$ref":"#"}},"not":{"required":["x"]}}`,
		`{"type":"object","properties":{"next":{"$ref":"#/$defs/root"}},
			"$defs":{"root":{"properties":{"next":{"$ref":"#/$defs/root"}},"not":{"required":["x"]}}}}`},
	{"recursion of an unchanged root", `{"type":"object","properties":{"next":{"$ref":"#"}}}`,
		`{"type":"object","properties":{"next":{"$ref":"#"}}}`},
	{"draft 7: siblings of a reference do not count",
		`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/x","maxLength":1,"title":"t"}},"definitions":{"x":{}}}`,
		`{"type":"object","properties":{"a":{"$ref":"#/definitions/x","title":"t"}},"definitions":{"x":{}}}`},
	{"draft 4: bounds, tuples and dependencies",
		`{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/","properties":{"a":{"minimum":1,"exclusiveMinimum":true,"const":3},
			"b":{"items":[{}],"additionalItems":false}},"dependencies":{"a":["b"],"b":{"required":["a"]}}}`,
		`{"type":"object","properties":{"a":{"exclusiveMinimum":1},"b":{"prefixItems":[{}],"items":false}},
			"dependentRequired":{"a":["b"]},"dependentSchemas":{"b":{"required":["a"]}}}`},
	{"invalid keywords are removed",
		`{"properties":{"a":{"type":"any","required":true,"minLength":-1,"maxLength":1.5,"enum":"x","pattern":1,"anyOf":[],"uniqueItems":0},"b":null},"title":7}`,
		`{"type":"object","properties":{"a":{},"b":{}}}`},
	{"a property may have the name of a keyword", `{"properties":{"type":{"type":"string"},"$ref":{"type":"string"},"enum":{}}}`,
		`{"properties":{"type":{"type":"string"},"$ref":{"type":"string"},"enum":{}}}`},
}

func TestRepair(t *testing.T) {
	for _, test := range repairs {
		got, reason := encodeOne(t, toolspec.Anthropic, test.schema)
		if strings.Contains(reason, "$ref") { // Anthropic refuses this name
			got, reason = encodeOne(t, toolspec.Bedrock, test.schema)
			test.want = strings.Replace(test.want, "{", `{"type":"object",`, 1)
		}
		require.Empty(t, reason, test.story)
		require.JSONEq(t, test.want, string(got), test.story)
	}
	got, _ := encodeOne(t, toolspec.Anthropic, `{"properties":{"a":{"minimum":12345678901234567890.10}}}`)
	require.Contains(t, string(got), "12345678901234567890.10")
}

// Gemini gets no references, unless a schema is recursive.
func TestReferencesForGemini(t *testing.T) {
	for _, test := range []struct{ story, schema, want string }{
		{"a reference", `{"$defs":{"x":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/x"}}}`,
			`{"type":"object","properties":{"a":{"type":"string"}}}`},
		{"a description beside it", `{"$defs":{"x":{"type":"string","title":"t"}},"properties":{"a":{"$ref":"#/$defs/x","description":"d"}}}`,
			`{"type":"object","properties":{"a":{"type":"string","title":"t","description":"d"}}}`},
		{"a constraint beside it", `{"$defs":{"x":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/x","maxLength":3}}}`,
			`{"type":"object","properties":{"a":{"allOf":[{"type":"string"}],"maxLength":3}}}`},
		{"a reference to a reference", `{"$defs":{"x":{"$ref":"#/$defs/y"},"y":true},"properties":{"a":{"items":{"$ref":"#/$defs/x"}}}}`,
			`{"type":"object","properties":{"a":{"items":{}}}}`},
		{"recursion", `{"$defs":{"x":{"properties":{"n":{"$ref":"#/$defs/x","title":"t"}}}},"properties":{"a":{"$ref":"#/$defs/x"}}}`,
			`{"type":"object","properties":{"a":{"properties":{"n":{"allOf":[{"$ref":"#/$defs/x"}],"title":"t"}}}},
				"$defs":{"x":{"properties":{"n":{"properties":{"n":{"allOf":[{"$ref":"#/$defs/x"}],"title":"t"}},"title":"t"}}}}}`},
		{"a name, not a reference", `{"properties":{"a":{"enum":[{"$ref":"#"}],"default":{"$ref":"x"}}}}`,
			`{"type":"object","properties":{"a":{"enum":[{"$ref":"#"}],"default":{"$ref":"x"}}}}`},
	} {
		got, reason := encodeOne(t, toolspec.Gemini, test.schema)
		require.Empty(t, reason, test.story)
		require.JSONEq(t, test.want, string(got), test.story)
	}
}

// Thirty references, each to two of the next, would double thirty times.
func TestInliningIsBounded(t *testing.T) {
	defs := []string{`"x30":{"type":"object"}`}
	for i := range 30 {
		defs = append(defs, fmt.Sprintf(`"x%d":{"properties":{"a":{"$ref":"#/$defs/x%d"},"b":{"$ref":"#/$defs/x%d"}}}`, i, i+1, i+1))
	}
	all := strings.Join(defs, ",")
	got, reason := encodeOne(t, toolspec.Gemini, `{"$defs":{`+all+`},"properties":{"a":{"$ref":"#/$defs/x0"}}}`)
	require.Empty(t, reason)
	require.Less(t, len(got), 1<<20)
	got, reason = encodeOne(t, toolspec.Gemini, strings.ReplaceAll(`{"$defs":{`+all+`},"$ref":"#/$defs/x0"}`, `"properties":{"a":`, `"anyOf":[{"$ref":"#/$defs/x30"}],"properties":{"a":`))
	require.Empty(t, reason)
	require.Less(t, len(got), 1<<20)
}

// A root with thousands of parts. What is beyond the bound counts as open.
func TestUnitingIsBounded(t *testing.T) {
	many := func(n int, format string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = strings.ReplaceAll(format, "N", fmt.Sprint(i))
		}
		return strings.Join(items, ",")
	}
	large := `{"type":"object","properties":{` + many(5_000, `"pN":{"type":"string","maxLength":N}`) + `},"required":["p0"]}`
	for _, hostile := range []string{
		`{"$defs":{"x":` + large + `},"anyOf":[` + many(5_000, `{"$ref":"#/$defs/x"}`) + `]}`,
		`{"anyOf":[` + many(5_000, `{"properties":{"aN":{"const":N},"bN":{"const":N},"c":{"const":N}},"required":["aN","c"]}`) + `]}`,
		`{"required":[` + many(30_000, `"aN"`) + `],"allOf":[` + many(5_000, `{"required":["aN","bN"]}`) + `]}`,
		`{"$defs":{"x":{"anyOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/x"}]}},"$ref":"#/$defs/x"}`,
	} {
		sent, reason := encodeOne(t, toolspec.Gemini, hostile)
		require.Empty(t, reason)
		require.Less(t, len(sent), 4<<20)
	}
	sent, reason := encodeOne(t, toolspec.Anthropic, strings.Replace(large, `{"type"`, `{"allOf":[{"required":["q"]}],"type"`, 1))
	require.Empty(t, reason)
	require.Contains(t, string(sent), `"p4999":{"maxLength":4999`, "the root's own properties stay, however many there are")
	require.Contains(t, string(sent), `"required":["p0","q"]`)
}

// grammar makes schemas and objects with the same few names, so that an object often matches.
type grammar struct {
	random *rand.Rand
	draft  string
}

func (g *grammar) pick(options ...string) string { return options[g.random.IntN(len(options))] }

func (g *grammar) list(n int, item func() string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item()
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (g *grammar) value(depth int) string {
	switch {
	case depth > 0 && g.random.IntN(4) == 0:
		return g.list(g.random.IntN(3), func() string { return g.value(depth - 1) })
	case depth > 0 && g.random.IntN(3) == 0:
		return g.object(depth - 1)
	}
	return g.pick(`null`, `true`, `1`, `2.5`, `1.0`, `"a"`, `"b"`, `[]`, `{}`)
}

func (g *grammar) object(depth int) string {
	var members []string
	for _, name := range []string{"a", "b", "c"} {
		if g.random.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, g.value(depth)))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *grammar) schema(depth int) string {
	if depth <= 0 {
		return g.pick(`{}`, `{"type":"string"}`, `{"type":"object"}`, `{"type":"array"}`, `{"const":1}`, `{"enum":["a",null]}`,
			`{"type":["integer","null"]}`, `{"$ref":"#/$defs/x"}`, `{"$ref":"#"}`, `true`, `{"required":["a"]}`, `{"type":"number","minimum":2}`)
	}
	sub := func() string { return g.schema(depth - 1 - g.random.IntN(2)) }
	members := map[string]string{}
	for range 1 + g.random.IntN(4) {
		g.keyword(members, sub)
	}
	var text []string
	for name, value := range members {
		text = append(text, fmt.Sprintf("%q:%s", name, value))
	}
	slices.Sort(text)
	return "{" + strings.Join(text, ",") + "}"
}

func (g *grammar) keyword(members map[string]string, sub func() string) {
	switch g.random.IntN(19) {
	case 0, 1, 2:
		members["properties"] = fmt.Sprintf(`{%q:%s,"b":%s}`, g.pick("a", "c"), sub(), sub())
	case 3:
		members["required"] = g.pick(`["a"]`, `["b","c"]`)
	case 4:
		members["additionalProperties"] = g.pick("false", "true", sub())
	case 5, 6, 7:
		members[g.pick("anyOf", "oneOf")] = g.list(1+g.random.IntN(3), sub)
	case 8, 9:
		members["allOf"] = g.list(1+g.random.IntN(2), sub)
	case 10:
		members["not"] = sub()
	case 11:
		members["if"], members["then"], members["else"] = sub(), sub(), sub()
	case 12:
		members["$ref"] = g.pick(`"#"`, `"#/$defs/x"`, `"#/properties/b"`, `"#/definitions/y"`)
	case 13:
		members["type"] = g.pick(`"object"`, `["object","null"]`, `"string"`)
	case 14:
		members["items"], members["additionalItems"] = g.pick(sub(), "["+sub()+"]"), sub()
	case 15:
		members["dependencies"] = fmt.Sprintf(`{"a":["b"],"b":%s}`, sub())
	case 16:
		members["unevaluatedProperties"], members["patternProperties"] = g.pick("false", sub()), fmt.Sprintf(`{"^a":%s}`, sub())
	case 17:
		members["contains"], members["minContains"] = sub(), "0"
	default:
		members["dependentSchemas"], members["dependentRequired"] = fmt.Sprintf(`{"a":%s}`, sub()), `{"b":["c"]}`
		members["minimum"], members["exclusiveMinimum"] = "1", g.pick("true", "false", "2")
	}
}

// document returns a whole schema.
func (g *grammar) document() string {
	members := []string{fmt.Sprintf(`"$defs":{"x":%s},"definitions":{"y":%s}`, g.schema(2), g.schema(1))}
	if g.draft != "" {
		members = append(members, fmt.Sprintf(`"$schema":%q`, g.draft))
	}
	members = append(members, strings.TrimPrefix(g.schema(3), "{"))
	return "{" + strings.Join(members, ",")
}

var drafts = []string{
	"", "", "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#",
	"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema",
}

// checkRepair fails if an API would get a schema that is stricter than the server's, or no schema at
// all. It returns how many objects the server accepts.
func checkRepair(t *testing.T, d toolspec.Dialect, document string, objects []string) (accepted int) {
	t.Helper()
	before, invalid := schema.Compile(json.RawMessage(document))
	sent, reason := encodeOne(t, d, document)
	if reason != "" {
		return 0
	}
	after, err := schema.Compile(sent)
	if invalid != nil {
		return 0 // the schema does not say what the server accepts
	}
	require.NoError(t, err, "schema %s\nsent   %s", document, sent)
	for _, object := range objects {
		if before.Validate(json.RawMessage(object)) != nil {
			continue
		}
		accepted++
		require.NoError(t, after.Validate(json.RawMessage(object)), "schema %s\nsent   %s\nobject %s", document, sent, object)
	}
	return accepted
}

func TestRepairIsNeverStricter(t *testing.T) {
	accepted := 0
	for seed := range uint64(60) {
		g := &grammar{random: rand.New(rand.NewPCG(seed, 1)), draft: drafts[seed%uint64(len(drafts))]}
		document, objects := g.document(), []string{`{}`}
		for range 8 {
			objects = append(objects, g.object(2))
		}
		accepted += checkRepair(t, []toolspec.Dialect{toolspec.Bedrock, toolspec.Gemini}[seed%2], document, objects)
	}
	require.Greater(t, accepted, 30, "the objects must match often enough to show something")
}

// FuzzRepair: whatever object the server's schema accepts, the schema for the model accepts as well.
// The first two arguments make a schema and objects; the others are a schema and an object as text.
func FuzzRepair(f *testing.F) {
	f.Add(uint64(1), uint64(2), `{"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{"a":1}`)
	f.Add(uint64(3), uint64(4), `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/x","definitions":{"x":{"type":"object"}}}`, `{}`)
	f.Add(uint64(5), uint64(6), `{"type":"object","properties":{"a":{"type":"array"}},"not":{"required":["c"]}}`, `{"a":[1]}`)
	f.Fuzz(func(t *testing.T, first, second uint64, document, object string) {
		g := &grammar{random: rand.New(rand.NewPCG(first, second)), draft: drafts[first%uint64(len(drafts))]}
		d := []toolspec.Dialect{toolspec.Bedrock, toolspec.Gemini}[second%2]
		checkRepair(t, d, g.document(), []string{g.object(2), g.object(2), g.object(1), `{}`})
		if strings.HasPrefix(strings.TrimSpace(object), "{") {
			checkRepair(t, d, document, []string{object})
		}
	})
}
