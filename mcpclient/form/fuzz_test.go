package form

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzForm parses arbitrary schemas. The defaults of a form must be valid, except that required
// fields may be missing.
func FuzzForm(f *testing.F) {
	for _, property := range []string{
		threeToFive, anEmail, aURI, aDate, aDateTime, aNumber, anInteger, abcChoices, `{"type":["string","null"]}`, `{"anyOf":[{"enum":["a,b"]},{"type":"null"}]}`,
		`{"oneOf":[{"const":"a","title":"A"},{"const":null}],"default":"a"}`, `{"type":"integer","exclusiveMinimum":-1e3,"exclusiveMaximum":1e999999999,"default":5}`,
		`{"type":"array","items":{"anyOf":[{"const":"#f00","title":"Red"}]},"default":["#f00"]}`, `true`, `{"type":"boolean","default":true}`,
	} {
		f.Add([]byte(`{"type":"object","properties":{"a":` + property + `,"b":{"enum":["x"],"enumNames":["X"]}},"required":["a"]}`))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		form, err := Parse(schema)
		if err != nil {
			return
		}
		if !json.Valid(schema) {
			t.Fatal("the schema is not JSON")
		}
		defaults := form.Defaults()
		err = form.Validate(defaults)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range joined.Unwrap() {
				var wrong *FieldError
				if !errors.As(err, &wrong) || wrong.Reason != "is required" {
					t.Fatalf("default: %v", err)
				}
			}
		} else if err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzFormContent checks that Validate accepts only JSON, and that valid content stays valid when
// it is decoded and encoded again.
func FuzzFormContent(f *testing.F) {
	form := mustForm(f, `{"properties":{"s":`+threeToFive+`,"e":`+anEmail+`,"u":`+aURI+`,"t":`+aDateTime+`,"n":{"type":"number","minimum":-0.5},
		"i":{"type":"integer","maximum":9007199254740993},"b":{"type":"boolean"},"c":{"enum":["a","b"]},"l":`+abcChoices+`}}`)
	f.Add([]byte(`{"s":"abc","e":"a@b.example","u":"urn:x","t":"2024-02-29T12:00:00Z","n":1e-999,"i":1e2,"b":true,"c":"a","l":["a","b"]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if form.Validate(json.RawMessage(content)) != nil || len(content) == 0 {
			return
		}
		var kept map[string]json.RawMessage
		if err := json.Unmarshal(content, &kept); err != nil {
			t.Fatal(err)
		}
		again := map[string]any{}
		for name, value := range kept {
			var text string
			if json.Unmarshal(value, &text) == nil {
				again[name] = text
			} else {
				again[name] = value
			}
		}
		if err := form.Validate(again); err != nil {
			t.Fatal(err)
		}
	})
}
