package toolspec

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hawser-mcp/hawser/internal/schema"
)

// grammar makes schemas and objects of the same few names, so that the one often fits the other.
type grammar struct {
	random *rand.Rand
	draft  string
}

func (g *grammar) pick(options ...string) string { return options[g.random.IntN(len(options))] }

func (g *grammar) name() string { return g.pick("a", "b", "c") }

func (g *grammar) list(n int, item func() string) string {
	out := ""
	for i := range n {
		if i > 0 {
			out += ","
		}
		out += item()
	}
	return out
}

func (g *grammar) value(depth int) string {
	kinds := []string{`null`, `true`, `1`, `2.5`, `1.0`, `"a"`, `"b"`, `[]`, `{}`}
	if depth > 0 && g.random.IntN(2) == 0 {
		if g.random.IntN(2) == 0 {
			return "[" + g.list(g.random.IntN(3), func() string { return g.value(depth - 1) }) + "]"
		}
		return g.object(depth - 1)
	}
	return g.pick(kinds...)
}

func (g *grammar) object(depth int) string {
	out := "{"
	for _, name := range []string{"a", "b", "c"} {
		if g.random.IntN(2) == 0 {
			if out != "{" {
				out += ","
			}
			out += fmt.Sprintf("%q:%s", name, g.value(depth))
		}
	}
	return out + "}"
}

func (g *grammar) schema(depth int) string {
	if depth <= 0 {
		return g.pick(`{}`, `{"type":"string"}`, `{"type":"object"}`, `{"type":"array"}`, `{"const":1}`, `{"enum":["a",null]}`,
			`{"type":["integer","null"]}`, `{"$ref":"#/$defs/x"}`, `{"$ref":"#"}`, `true`, `{"required":["a"]}`, `{"type":"number","minimum":2}`)
	}
	members := map[string]string{}
	for range 1 + g.random.IntN(4) {
		sub := func() string { return g.schema(depth - 1 - g.random.IntN(2)) }
		switch g.random.IntN(22) {
		case 0, 1, 2:
			members["properties"] = fmt.Sprintf(`{%q:%s,"b":%s}`, g.pick("a", "c"), sub(), sub())
		case 3:
			members["required"] = "[" + fmt.Sprintf("%q", g.name()) + "]"
		case 4:
			members["additionalProperties"] = g.pick("false", "true", sub())
		case 5, 6:
			members["anyOf"] = "[" + g.list(1+g.random.IntN(3), sub) + "]"
		case 7, 8:
			members["oneOf"] = "[" + g.list(1+g.random.IntN(3), sub) + "]"
		case 9, 10:
			members["allOf"] = "[" + g.list(1+g.random.IntN(2), sub) + "]"
		case 11:
			members["not"] = sub()
		case 12:
			members["if"], members["then"], members["else"] = sub(), sub(), sub()
		case 13:
			members["$ref"] = g.pick(`"#"`, `"#/$defs/x"`, `"#/properties/b"`, `"#/definitions/y"`)
		case 14:
			members["type"] = g.pick(`"object"`, `["object","null"]`, `"string"`)
		case 15:
			members["items"] = g.pick(sub(), "["+sub()+"]")
			members["additionalItems"] = sub()
		case 16:
			members["dependencies"] = fmt.Sprintf(`{"a":["b"],"b":%s}`, sub())
		case 17:
			members["unevaluatedProperties"] = g.pick("false", sub())
		case 18:
			members["patternProperties"] = fmt.Sprintf(`{"^a":%s}`, sub())
		case 19:
			members["contains"], members["minContains"] = sub(), "0"
		case 20:
			members["dependentSchemas"] = fmt.Sprintf(`{"a":%s}`, sub())
			members["dependentRequired"] = `{"b":["c"]}`
		case 21:
			members["minimum"], members["exclusiveMinimum"] = "1", g.pick("true", "false", "2")
		}
	}
	out := ""
	for name, value := range members {
		out += fmt.Sprintf("%q:%s,", name, value)
	}
	if out == "" {
		return "{}"
	}
	return "{" + out[:len(out)-1] + "}"
}

func (g *grammar) document() string {
	body := g.schema(3)
	if body == "true" || body == "{}" {
		body = `{"type":"object"}`
	}
	head := fmt.Sprintf(`"$defs":{"x":%s},"definitions":{"y":%s}`, g.schema(2), g.schema(1))
	if g.draft != "" {
		head += `,"$schema":"` + g.draft + `"`
	}
	return "{" + head + "," + body[1:]
}

func checkRepair(t *testing.T, document string, objects []string) (compared, misfits int) {
	t.Helper()
	before, err := schema.Compile(json.RawMessage(document))
	r, rerr := repair(json.RawMessage(document))
	if rerr != nil {
		return 0, 1
	}
	text := encode(r.schema)
	after, aerr := schema.Compile(text)
	if aerr != nil {
		if err != nil {
			return 0, 0
		}
		t.Fatalf("schema %s\nrepaired %s\ndoes not compile: %v", document, text, aerr)
	}
	if err != nil {
		return 0, 0
	}
	for _, object := range objects {
		if before.Validate(json.RawMessage(object)) != nil {
			continue
		}
		compared++
		if err := after.Validate(json.RawMessage(object)); err != nil {
			t.Fatalf("schema   %s\nrepaired %s\nobject   %s\nrefused: %v", document, text, object, err)
		}
	}
	return compared, 0
}

var drafts = []string{"", "", "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#",
	"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema"}

func TestRepairScratch(t *testing.T) {
	total, mis := 0, 0
	for seed := range uint64(6000) {
		g := &grammar{random: rand.New(rand.NewPCG(seed, 1)), draft: drafts[seed%uint64(len(drafts))]}
		doc := g.document()
		var objs []string
		for range 8 {
			objs = append(objs, g.object(2))
		}
		c, m := checkRepair(t, doc, objs)
		total += c
		mis += m
	}
	t.Log(total, mis)
}
