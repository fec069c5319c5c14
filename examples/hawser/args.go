package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// jsonArguments reports whether words is a single JSON document, or "-" for stdin.
func jsonArguments(words []string) bool {
	if len(words) != 1 {
		return false
	}
	text := strings.TrimSpace(words[0])
	return text == "-" || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}

// documentArguments returns the arguments from a JSON document. The word is the document, or "-"
// for stdin.
func (a *app) documentArguments(ctx context.Context, word string) (json.RawMessage, error) {
	data, where := []byte(word), "the arguments"
	if word == "-" {
		var err error
		if data, err = readAll(ctx, a.env.stdin); err != nil {
			return nil, usageError("", "cannot read the arguments from stdin: %v", err)
		}
		where = "the arguments on stdin"
	}
	if err := checkJSON(data); err != nil {
		return nil, usageError(`quote the JSON for the shell, '{"name": "value"}', or write name=value`, "%s are not JSON: %v", where, err)
	}
	if data = bytes.TrimSpace(data); data[0] != '{' {
		return nil, usageError(`an object looks like {"name": "value"}`, "%s must be a JSON object, got %s", where, typeOfValue(data))
	}
	return data, nil
}

// checkJSON returns an error with the position of the first mistake if data is not one JSON
// document.
func checkJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	var value json.RawMessage
	err := d.Decode(&value)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		return fmt.Errorf("%s: unexpected data after the document", position(data, int(d.InputOffset())))
	}
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %w", position(data, int(syntax.Offset)), err)
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("no input")
	default: // the document is incomplete
		return fmt.Errorf("%s: unexpected end", position(data, len(bytes.TrimRight(data, " \t\r\n"))))
	}
}

// position describes the position of the byte before offset. It omits the line number in the first
// line.
func position(data []byte, offset int) string {
	before := data[:min(max(offset-1, 0), len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
	if line == 1 {
		return fmt.Sprintf("column %d", column)
	}
	return fmt.Sprintf("line %d, column %d", line, column)
}

// pair is one argument of the form name=value.
type pair struct {
	name, value string
	json        bool // name:=JSON
}

// readPairs parses arguments of the forms name=value, name:=JSON and name=@file.
func readPairs(words []string) ([]pair, error) {
	seen := make(map[string]bool)
	pairs := make([]pair, 0, len(words))
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || name == ":" {
			return nil, usageError(`write name=value, name:=JSON, name=@file, or all arguments as one JSON object`,
				"invalid argument %q", oneLine(word, 60))
		}
		p := pair{name: name, value: value}
		if p.name, p.json = strings.CutSuffix(name, ":"); seen[p.name] {
			return nil, usageError("write a list as JSON: "+oneLine(p.name, 60)+`:='["a", "b"]'`, "duplicate argument %s", oneLine(p.name, 60))
		}
		seen[p.name] = true
		if file, ok := strings.CutPrefix(value, "@"); ok {
			data, err := os.ReadFile(file) //nolint:gosec // the user named it
			if err != nil {
				return nil, usageError("to send a text that begins with @, write "+oneLine(p.name, 60)+`:='"@…"'`,
					"argument %s: %v", oneLine(p.name, 60), err)
			}
			p.value = string(data)
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// pairArguments returns the tool's arguments as JSON. The schema decides the type of each value. If
// schema is nil, a value that parses as JSON is JSON, and any other value is text.
func pairArguments(words []string, schema *inputSchema) (json.RawMessage, error) {
	pairs, err := readPairs(words)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range pairs {
		value, err := p.encode(schema)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quoted(p.name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode returns the value as JSON, with the type from the schema.
func (p *pair) encode(schema *inputSchema) ([]byte, error) {
	var prop *property
	if schema != nil {
		if prop = schema.find(p.name); prop == nil && !schema.open && !p.json {
			return nil, usageError(didYouMean(p.name, schema.names(), schema.summary()), "the tool has no argument %s", oneLine(p.name, 60))
		}
	}
	wrong := checkJSON([]byte(p.value))
	guess := prop == nil || len(prop.types) == 0
	switch {
	case p.json && wrong != nil:
		return nil, usageError("name:=value takes JSON, name=value takes text", "argument %s is not JSON: %v", oneLine(p.name, 60), wrong)
	case p.json:
	case wrong != nil && (guess || prop.takes("string")), !guess && prop.takes("string") && !prop.takesOther(typeOfValue([]byte(p.value))):
		return quoted(p.value), nil
	case wrong != nil:
		return nil, usageError(exampleOf(prop), "argument %s: expected %s, got %q", oneLine(p.name, 60), prop.kind(), oneLine(p.value, 60))
	}
	return bytes.TrimSpace([]byte(p.value)), nil
}

// quoted encodes text as a JSON string.
func quoted(text string) []byte {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always encodes
	}
	return data
}

// takesOther reports whether text that parses as JSON of the named type is sent as JSON. Quoted
// strings and null are sent as text.
func (p *property) takesOther(name string) bool {
	return name != "string" && name != "null" && p.takes(name)
}

// exampleOf returns a hint with an example value, or "" if it has no example for the type.
func exampleOf(p *property) string {
	start := "for example " + oneLine(p.name, 60) + "="
	switch {
	case p.takes("integer"):
		return start + "5"
	case p.takes("boolean"):
		return start + "true"
	case p.takes("array"):
		return start + `'["a", "b"]'`
	case p.takes("object"):
		return start + `'{"a": 1}'`
	}
	return ""
}

// textArguments parses name=value pairs for prompts and templates, whose values are text.
func textArguments(words []string) (map[string]string, error) {
	pairs, err := readPairs(words)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(pairs))
	for _, p := range pairs {
		values[p.name] = p.value
		if p.json {
			return nil, usageError("write "+oneLine(p.name, 60)+"=value", "argument %s: expected text, got JSON", oneLine(p.name, 60))
		}
	}
	return values, nil
}
