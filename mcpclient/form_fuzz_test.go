package mcpclient

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzForm reads any schema. What is a form can be asked about: its defaults
// fit, but for what is required and has none, and so does what Parse returns.
func FuzzForm(f *testing.F) {
	for _, property := range []string{
		threeToFive, anEmail, aURI, aDate, aDateTime, aNumber, anInteger, abcChoices, `{"type":["string","null"]}`, `{"anyOf":[{"enum":["a,b"]},{"type":"null"}]}`,
		`{"oneOf":[{"const":"a","title":"A"},{"const":null}],"default":"a"}`, `{"type":"integer","exclusiveMinimum":-1e3,"exclusiveMaximum":1e999999999,"default":5}`,
		`{"type":"array","items":{"anyOf":[{"const":"#f00","title":"Red"}]},"default":["#f00"]}`, `true`, `{"type":"boolean","default":true}`,
	} {
		f.Add([]byte(`{"type":"object","properties":{"a":`+property+`,"b":{"enum":["x"],"enumNames":["X"]}},"required":["a"]}`), "1, a,b")
	}
	f.Fuzz(func(t *testing.T, schema []byte, text string) {
		form, err := parseForm(schema)
		if err != nil {
			return
		}
		if !json.Valid(schema) {
			t.Fatal("a form of what is not JSON")
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
		for i := range form.Fields {
			field := &form.Fields[i]
			value, err := field.Parse(text)
			if err != nil {
				continue
			}
			one := Form{Fields: []Field{*field}}
			if err := one.Validate(map[string]any{field.Name: value}); err != nil {
				t.Fatalf("parsed as %#v: %v", value, err)
			}
		}
	})
}

// FuzzFormContent looks for a content that is accepted but is not JSON, or no
// more once it was decoded and encoded again.
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

// FuzzElicitationURL: what is shown is plain ASCII, leads where it says, and is
// the same however often it is read.
func FuzzElicitationURL(f *testing.F) {
	for _, text := range []string{
		"https://example.com/a%2Fb?c=d#e", "http://localhost:3000/", "http://[::1]:80/x", "https://a:b@c/", "https://EX.com:443?", "https://xn--a.b./#",
		"https://127.1/", `https://a\@b/`, "https://h/%zz", "https://h//x/..;/[1]?%20#%41", "https://h?#", "https://h:/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, warnings, err := checkPage(text)
		if err != nil {
			return
		}
		shown := u.String()
		if firstNotURI(shown) >= 0 || u.User != nil || u.Opaque != "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
			t.Fatalf("%q is shown as %q", text, shown)
		}
		again, more, err := checkPage(shown)
		if err != nil && len(shown) <= maxPage {
			t.Fatalf("%q is shown as %q, which is refused: %v", text, shown, err)
		}
		if err == nil && (again.String() != shown || len(more) != len(warnings)) {
			t.Fatalf("%q is shown as %q, and that as %q", text, shown, again)
		}
	})
}
