package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const teaSchema = `{
	"type": "object",
	"required": ["tea"],
	"properties": {
		"tea": {"type": "string", "description": "Which tea"},
		"cups": {"type": "integer"},
		"strength": {"type": "number"},
		"milk": {"type": "boolean"},
		"guests": {"type": "array", "items": {"type": "string"}},
		"pot": {"type": "object"},
		"note": {"type": ["string", "null"]},
		"sugar": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
		"size": {"enum": ["small", "large"]},
		"time": {"$ref": "#/$defs/minutes"},
		"loop": {"$ref": "#/$defs/loop"},
		"any": {}
	},
	"$defs": {"minutes": {"type": "integer"}, "loop": {"$ref": "#/$defs/loop"}}
}`

func TestValuesAreTypedBySchema(t *testing.T) {
	schema := readSchema(json.RawMessage(teaSchema))
	dir := t.TempDir()
	note, data := filepath.Join(dir, "note.txt"), filepath.Join(dir, "pot.json")
	require.NoError(t, os.WriteFile(note, []byte("12\n"), 0o600))
	require.NoError(t, os.WriteFile(data, []byte("{\"of\": \"clay\"}\n"), 0o600))
	for word, want := range map[string]string{
		"tea=green":                 `"green"`,
		"tea=12":                    `"12"`,
		"tea=true":                  `"true"`,
		`tea={"a":1}`:               `"{\"a\":1}"`,
		"tea=":                      `""`,
		"tea=a=b":                   `"a=b"`,
		"cups=3":                    `3`,
		"cups=12345678901234567890": `12345678901234567890`,
		"strength=0.5":              `0.5`,
		"milk=true":                 `true`,
		`guests=["Ann", "Bob"]`:     `["Ann","Bob"]`,
		`pot={"of":"clay"}`:         `{"of":"clay"}`,
		"note=null":                 `"null"`,
		"note:=null":                `null`,
		"sugar=2":                   `2`,
		"sugar=two":                 `"two"`,
		`sugar="2"`:                 `"\"2\""`,
		"size=small":                `"small"`,
		"time=4":                    `4`,
		"loop=5":                    `5`,
		"any=5":                     `5`,
		"any=x":                     `"x"`,
		`tea:="x"`:                  `"x"`,
		"cups:=[1]":                 `[1]`,
		"unknown:=1":                `1`,
		"tea=@" + note:              `"12\n"`,
		"cups=@" + note:             `12`,
		"pot:=@" + data:             `{"of":"clay"}`,
	} {
		got, err := pairArguments([]string{word}, &schema)
		require.NoError(t, err, word)
		var value map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(got, &value), word)
		require.Len(t, value, 1)
		for _, v := range value {
			require.JSONEq(t, want, string(v), word)
			require.Equal(t, typeOfValue([]byte(want)), typeOfValue(v), word)
		}
	}
	got, err := pairArguments([]string{"tea=a", "cups=1"}, &schema)
	require.NoError(t, err)
	require.Equal(t, `{"tea":"a","cups":1}`, string(got))
	got, err = pairArguments(nil, &schema)
	require.NoError(t, err)
	require.Equal(t, `{}`, string(got))
	got, err = pairArguments([]string{"a=1", "b=x"}, nil)
	require.NoError(t, err)
	require.Equal(t, `{"a":1,"b":"x"}`, string(got), "without a schema, values that parse as JSON are JSON")
}

func TestBadValuesAreExplained(t *testing.T) {
	schema := readSchema(json.RawMessage(teaSchema))
	for _, c := range []struct{ word, cause, hint string }{
		{"taa=x", "the tool has no argument taa", "did you mean tea?"},
		{"zzzzzz=x", "the tool has no argument zzzzzz", schema.summary()},
		{"cups=many", `argument cups: expected integer, got "many"`, "for example cups=5"},
		{"milk=yes", `argument milk: expected boolean, got "yes"`, "for example milk=true"},
		{"guests=Ann", `argument guests: expected array of string, got "Ann"`, `for example guests='["a", "b"]'`},
		{"pot=clay", `argument pot: expected object, got "clay"`, `for example pot='{"a": 1}'`},
		{"cups:=many", "argument cups is not JSON: column 1: invalid character 'm' looking for beginning of value", "name:=value takes JSON, name=value takes text"},
		{"nothing", `invalid argument "nothing"`, "write name=value, name:=JSON, name=@file, or all arguments as one JSON object"},
		{"=x", `invalid argument "=x"`, "write name=value, name:=JSON, name=@file, or all arguments as one JSON object"},
	} {
		_, err := pairArguments([]string{c.word}, &schema)
		var f *failure
		require.True(t, errors.As(err, &f), c.word)
		require.Equal(t, failure{exitUsage, c.cause, c.hint}, *f, c.word)
	}
	_, err := pairArguments([]string{"guests=a", "guests=b"}, &schema)
	require.EqualError(t, err, "duplicate argument guests")
	_, err = pairArguments([]string{"tea=@" + filepath.Join(t.TempDir(), "none")}, &schema)
	require.ErrorContains(t, err, "argument tea: open ")
}

func TestUnknownArgumentsOfAnOpenSchemaAreSent(t *testing.T) {
	for _, open := range []string{
		`{"type":"object"}`, `true`, `{"properties":{"a":{}},"additionalProperties":true}`,
		`{"properties":{"a":{}},"additionalProperties":{"type":"string"}}`, `{"properties":{"a":{}},"patternProperties":{"^x":{}}}`,
	} {
		schema := readSchema(json.RawMessage(open))
		got, err := pairArguments([]string{"x=1"}, &schema)
		require.NoError(t, err, open)
		require.Equal(t, `{"x":1}`, string(got))
	}
}

func TestJSONErrorsHaveTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": b}`:          "column 7: invalid character 'b' looking for beginning of value",
		"{\n  \"a\": 1,\n}": "line 3, column 1: invalid character '}' looking for beginning of object key string",
		`{"ä": x}`:          "column 7: invalid character 'x' looking for beginning of value",
		`{"a": 1`:           "column 7: unexpected end",
		`{} {}`:             "unexpected data after the document",
		``:                  "no input",
	} {
		require.ErrorContains(t, checkJSON([]byte(text)), want, text)
	}
	require.NoError(t, checkJSON([]byte(" {\"a\": [1, null]}\n")))
}

func TestSchemasOfAnyShapeAreRead(t *testing.T) {
	for _, raw := range []string{``, `null`, `[]`, `{"properties": 5}`, `{"properties": {"a": 5, "b": null}}`, `{"required": "x", "properties": {"a": {"type": 7}}}`} {
		schema := readSchema(json.RawMessage(raw))
		require.NotEmpty(t, schema.summary(), raw)
	}
	schema := readSchema(json.RawMessage(teaSchema))
	require.Equal(t, "tea", schema.names()[0], "in the server's order")
	require.Equal(t, "cups", schema.names()[1])
	require.Equal(t, "small|large", schema.find("size").kind())
}

func TestClosest(t *testing.T) {
	names := []string{"search", "fetch", "brew_tea", "list"}
	for name, want := range map[string]string{
		"serach": "search", "Search": "search", "brewtea": "brew_tea", "lsit": "list", "quux": "", "": "",
	} {
		require.Equal(t, want, closest(name, names), name)
	}
}
