package toolspec

import (
	"encoding/json"
	"math/big"
	"strings"
)

// draft is a version of JSON Schema.
type draft uint16

const (
	draft4    draft = 4
	draft6    draft = 6
	draft7    draft = 7
	draft2019 draft = 2019
	draft2020 draft = 2020
)

// draftOf returns the draft that a schema declares. MCP's default is 2020-12 (2026-07-28, "JSON
// Schema Usage").
func draftOf(schema map[string]any) draft {
	declared, _ := schema["$schema"].(string)
	switch {
	case strings.Contains(declared, "draft-04"):
		return draft4
	case strings.Contains(declared, "draft-06"):
		return draft6
	case strings.Contains(declared, "draft-07"):
		return draft7
	case strings.Contains(declared, "2019-09"):
		return draft2019
	}
	return draft2020
}

// keyword says what is known of a keyword of JSON Schema 2020-12.
type keyword struct {
	kind  kind
	since draft // the first draft that knows it; older ones ignore it
}

// kind is what the value of a keyword must be.
type kind uint8

const (
	isText       kind = iota + 1
	isFlag            // a boolean
	isNumber          // any number
	isPositive        // a number above 0
	isCount           // an integer from 0
	isList            // an array of anything
	isNames           // an array of different strings
	isTypes           // the name of a type, or an array of them
	isSchema          // a schema
	isSchemas         // an array of schemas, not empty
	isSchemaMap       // an object of schemas
	isNamesMap        // an object of arrays of strings
	isReference       // a text that names a schema
	isOtherScope      // it needs a scope that a model's API does not have
)

var keywords = map[string]keyword{
	"title": {isText, draft4}, "description": {isText, draft4}, "format": {isText, draft4}, "pattern": {isText, draft4},
	"$comment": {isText, draft4}, "contentEncoding": {isText, draft4}, "contentMediaType": {isText, draft4},
	"uniqueItems": {isFlag, draft4}, "deprecated": {isFlag, draft4}, "readOnly": {isFlag, draft4}, "writeOnly": {isFlag, draft4},
	"minimum": {isNumber, draft4}, "maximum": {isNumber, draft4}, "multipleOf": {isPositive, draft4},
	"exclusiveMinimum": {isNumber, draft4}, "exclusiveMaximum": {isNumber, draft4},
	"minLength": {isCount, draft4}, "maxLength": {isCount, draft4}, "minItems": {isCount, draft4}, "maxItems": {isCount, draft4},
	"minProperties": {isCount, draft4}, "maxProperties": {isCount, draft4},
	"minContains": {isCount, draft2019}, "maxContains": {isCount, draft2019},
	"enum": {isList, draft4}, "examples": {isList, draft4}, "required": {isNames, draft4}, "type": {isTypes, draft4},
	"dependentRequired": {isNamesMap, draft2019},
	"items":             {isSchema, draft4}, "additionalProperties": {isSchema, draft4}, "not": {isSchema, draft4},
	"contains": {isSchema, draft6}, "propertyNames": {isSchema, draft6}, "const": {0, draft6},
	"if": {isSchema, draft7}, "then": {isSchema, draft7}, "else": {isSchema, draft7},
	"unevaluatedItems": {isSchema, draft2019}, "unevaluatedProperties": {isSchema, draft2019},
	"allOf": {isSchemas, draft4}, "anyOf": {isSchemas, draft4}, "oneOf": {isSchemas, draft4}, "prefixItems": {isSchemas, draft2020},
	"properties": {isSchemaMap, draft4}, "patternProperties": {isSchemaMap, draft4},
	"definitions": {isSchemaMap, draft4}, "$defs": {isSchemaMap, draft4}, "dependentSchemas": {isSchemaMap, draft2019},
	"$ref": {isReference, draft4}, "$dynamicRef": {isOtherScope, draft2020},
}

// annotations are the keywords that may stay beside a reference in the drafts up to 7, which ignore
// the others, and those that do not affect which values a schema accepts.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "deprecated": true, "readOnly": true, "writeOnly": true,
	"$comment": true, "definitions": true, "$defs": true,
}

// hasKind reports whether a value that is not a schema has a kind.
func hasKind(value any, k kind) bool {
	switch k {
	case isText, isReference:
		_, ok := value.(string)
		return ok
	case isFlag:
		_, ok := value.(bool)
		return ok
	case isNumber, isPositive, isCount:
		number, ok := value.(json.Number)
		return ok && (k == isNumber || hasNumber(number, k))
	case isList:
		_, ok := value.([]any)
		return ok
	case isNamesMap:
		lists, ok := value.(map[string]any)
		for _, list := range lists {
			ok = ok && isStrings(list)
		}
		return ok
	default:
		return true
	}
}

// maxDigits bounds the numbers that are converted, since a short number may have a huge exponent.
const maxDigits = 40

func hasNumber(number json.Number, k kind) bool {
	if len(number) > maxDigits || strings.ContainsAny(string(number), "eE") {
		return false
	}
	value, ok := new(big.Rat).SetString(string(number))
	if !ok {
		return false
	}
	if k == isPositive {
		return value.Sign() > 0
	}
	return value.IsInt() && value.Sign() >= 0
}

func isStrings(value any) bool {
	list, ok := value.([]any)
	for _, item := range list {
		if _, text := item.(string); !text {
			return false
		}
	}
	return ok
}

// names returns the strings of an array, each once, in order.
func names(value any) []any {
	list, _ := value.([]any)
	seen, out := map[string]bool{}, []any{}
	for _, item := range list {
		if name, ok := item.(string); ok && !seen[name] {
			seen[name], out = true, append(out, name)
		}
	}
	return out
}

var typeNames = map[string]bool{
	"null": true, "boolean": true, "object": true, "array": true, "number": true, "string": true, "integer": true,
}

// types returns the names of types in a value of the keyword type, nil if it is invalid.
func types(value any) []any {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	found := names(list)
	for _, name := range found {
		if !typeNames[name.(string)] {
			return nil
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// mayBe reports whether a schema accepts values of a type, as far as its keyword type says.
func mayBe(schema map[string]any, name string) bool {
	value, ok := schema["type"]
	if !ok {
		return true
	}
	for _, found := range types(value) {
		if found == name {
			return true
		}
	}
	return false
}
