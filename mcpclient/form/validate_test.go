package form

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reasonFor returns the reason why a form with a single property refuses a value, or "" if the
// value is valid.
func reasonFor(t testing.TB, property, value string) string {
	t.Helper()
	form := mustForm(t, `{"properties":{"f":`+property+`}}`)
	err := form.Validate(json.RawMessage(`{"f":` + value + `}`))
	if err == nil {
		return ""
	}
	var wrong *FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "f", wrong.Field)
	return wrong.Reason
}

const (
	threeToFive = `{"type":"string","minLength":3,"maxLength":5}`
	anEmail     = `{"type":"string","format":"email"}`
	aURI        = `{"type":"string","format":"uri"}`
	aDate       = `{"type":"string","format":"date"}`
	aDateTime   = `{"type":"string","format":"date-time"}`
	aNumber     = `{"type":"number"}`
	anInteger   = `{"type":"integer"}`
	abcChoices  = `{"type":"array","minItems":1,"maxItems":2,"items":{"enum":["a","b","c"]}}`
)

const (
	exactBound = `{"type":"integer","minimum":9007199254740993,"maximum":9007199254740993}`
	halfBound  = `{"type":"number","minimum":-0.5,"maximum":0.5}`
)

var fieldValues = []struct{ property, value, want string }{
	{threeToFive, `"abc"`, ""},
	{threeToFive, `"\u00e4\ud83d\ude00\u00e4"`, ""},
	{threeToFive, `"ab"`, "must be at least 3 characters"},
	{threeToFive, `"äöüßäö"`, "must be at most 5 characters"},
	{`{"type":"string","minLength":1}`, `""`, "must be at least 1 character"},
	{threeToFive, `123`, "must be text"},
	{threeToFive, `null`, "must have a value or be left out"},
	{threeToFive, `{"a":[1]}`, "must be text"},

	{anEmail, `"ada@example.com"`, ""},
	{anEmail, `"ada+x@sub.example.com"`, ""},
	{anEmail, `"Ada <ada@example.com>"`, formats["email"].reason},
	{anEmail, `"<ada@example.com>"`, formats["email"].reason},
	{anEmail, `"ada@example.com (Ada)"`, formats["email"].reason},
	{anEmail, `" ada@example.com"`, formats["email"].reason},
	{anEmail, `"ada"`, formats["email"].reason},
	{anEmail, `""`, formats["email"].reason},
	{anEmail, `"` + strings.Repeat("a", 310) + `@example.com"`, formats["email"].reason},

	{aURI, `"https://example.com/a?b=c#d"`, ""},
	{aURI, `"urn:isbn:0451450523"`, ""},
	{aURI, `"mailto:a@example.com"`, ""},
	{aURI, `"/a/b"`, formats["uri"].reason},
	{aURI, `"example.com"`, formats["uri"].reason},
	{aURI, `"https://"`, formats["uri"].reason},
	{aURI, `"https:"`, formats["uri"].reason},
	{aURI, `"x:"`, formats["uri"].reason},
	{aURI, `"https://example.com/a b"`, formats["uri"].reason},
	{aURI, `"https://example.com/ü"`, formats["uri"].reason},
	{aURI, `"https://example.com/%2"`, formats["uri"].reason},
	{aURI, `"https://example.com/\n"`, formats["uri"].reason},

	{aDate, `"2024-02-29"`, ""},
	{aDate, `"2023-02-29"`, formats["date"].reason},
	{aDate, `"2023-2-9"`, formats["date"].reason},
	{aDate, `"2023-02-09T00:00:00Z"`, formats["date"].reason},

	{aDateTime, `"2024-02-29T12:00:00Z"`, ""},
	{aDateTime, `"2024-02-29t12:00:00.25+02:00"`, ""},
	{aDateTime, `"2024-02-29T12:00:00"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29 12:00:00Z"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29T2:00:00Z"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29T12:00:00,5Z"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29T12:00:00+24:00"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29T12:00:00-01:60"`, formats["date-time"].reason},
	{aDateTime, `"2024-02-29T12:00:00-23:59"`, ""},
	{aDateTime, `""`, formats["date-time"].reason},

	{aNumber, `3.5`, ""},
	{aNumber, `"3.5"`, "must be a number"},
	{halfBound, `0.5`, ""},
	{halfBound, `5e-1`, ""},
	{halfBound, `-0.50`, ""},
	{halfBound, `0.500000000000000000000000000000000000001`, "must be at most 0.5"},
	{halfBound, `-0.51`, "must be at least -0.5"},
	{halfBound, `1e999999999999999999999`, "must be at most 0.5"},
	{halfBound, `-1e999999999`, "must be at least -0.5"},
	{halfBound, `1e-999999999999999999999`, ""},
	{halfBound, `0e999999999`, ""},

	{anInteger, `3`, ""},
	{anInteger, `3.0`, ""},
	{anInteger, `30e-1`, ""},
	{anInteger, `1e999999999`, ""},
	{anInteger, `-0.0`, ""},
	{anInteger, `3.5`, "must be a whole number"},
	{anInteger, `1e-999999999`, "must be a whole number"},
	{anInteger, `true`, "must be a whole number"},
	{exactBound, `9007199254740993`, ""},
	{exactBound, `9007199254740993.0`, ""},
	{exactBound, `9007199254740992`, "must be at least 9007199254740993"},
	{exactBound, `9007199254740994`, "must be at most 9007199254740993"},

	{`{"type":"boolean"}`, `true`, ""},
	{`{"type":"boolean"}`, `"true"`, "must be true or false"},

	{`{"enum":["a","b"]}`, `"b"`, ""},
	{`{"enum":["a","b"]}`, `"B"`, "must be one of the choices"},
	{`{"enum":["a","b"]}`, `["a"]`, "must be one of the choices"},
	{abcChoices, `["c","a"]`, ""},
	{abcChoices, `["a","x"]`, "must be some of the choices"},
	{abcChoices, `["a",1]`, "must be some of the choices"},
	{abcChoices, `["a",[["a"]],"b"]`, "must be some of the choices"},
	{abcChoices, `"a"`, "must be some of the choices"},
	{abcChoices, `["a","a"]`, "must not name a choice twice"},
	{abcChoices, `[]`, "must be at least 1 choice"},
	{abcChoices, `["a","b","c"]`, "must be at most 2 choices"},
}

func TestFormValidateField(t *testing.T) {
	for _, tt := range fieldValues {
		require.Equal(t, tt.want, reasonFor(t, tt.property, tt.value), "%s %s", tt.property, tt.value)
	}
}

// fieldErrors returns the texts of the joined errors.
func fieldErrors(t *testing.T, err error) (texts []string) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%v", err)
	for _, err := range joined.Unwrap() {
		var wrong *FieldError
		require.ErrorAs(t, err, &wrong)
		texts = append(texts, wrong.Error())
	}
	return texts
}

func TestFormValidateContent(t *testing.T) {
	form := mustForm(t, `{"properties":{"name":{"type":"string"},"age":{"type":"integer"},"color":{"enum":["a"],"default":"a"}},"required":["color","name"]}`)
	type content struct {
		Name  string `json:"name"`
		Age   int    `json:"age,omitempty"`
		Color string `json:"color"`
	}
	for _, ok := range []any{
		content{Name: "Ada", Color: "a"}, &content{Name: "Ada", Age: 3, Color: "a"}, map[string]any{"name": "", "color": "a", "age": 3.0},
		json.RawMessage(` {"name":"Ada","color":"a"} `), map[string]string{"name": "x", "color": "a"},
	} {
		require.NoError(t, form.Validate(ok))
	}
	// Errors are in the order of the form, not of the content. Errors about unknown members come
	// last.
	err := form.Validate(json.RawMessage(`{"x\n":1,"color":1,"age":"old","y":{}}`))
	require.Equal(t, []string{
		"name: is required", "age: must be a whole number", "color: must be one of the choices",
		`"x\n": is not a field of the form`, "y: is not a field of the form",
	}, fieldErrors(t, err))
	// Validate does not fill in defaults.
	require.Equal(t, []string{"color: is required"}, fieldErrors(t, form.Validate(map[string]any{"name": "x"})))
	require.Equal(t, []string{"name: appears twice"}, fieldErrors(t, form.Validate(json.RawMessage(`{"name":"a","color":"a","name":"b"}`))))
	// Nil content stands for the defaults.
	for _, none := range []any{nil, json.RawMessage(nil), json.RawMessage(` null `), (*content)(nil), map[string]any(nil)} {
		require.Equal(t, []string{"name: is required"}, fieldErrors(t, form.Validate(none)))
	}
	for _, bad := range []any{
		1, "x", []string{"name"}, json.RawMessage(`{`), json.RawMessage(``), json.RawMessage(`null null`),
		json.RawMessage(`{"name":"a","color":"a"} x`), make(chan int),
	} {
		err := form.Validate(bad)
		require.ErrorContains(t, err, "content: ")
		var wrong *FieldError
		require.False(t, errors.As(err, &wrong))
	}
}

// Errors may be logged, so they must not contain content, which may be private.
func TestFormErrorsDoNotRepeatTheContent(t *testing.T) {
	form := mustForm(t, `{"properties":{"a":`+anEmail+`,"b":`+anInteger+`,"c":`+abcChoices+`,"d":{"type":"boolean"}}}`)
	err := form.Validate(map[string]any{"a": "s3cret", "b": "s3cret", "c": []string{"s3cret"}, "d": "s3cret"})
	require.Len(t, fieldErrors(t, err), 4)
	require.NotContains(t, err.Error(), "s3cret")
}

// The comparison of numbers agrees with math/big.
func TestFormNumbersCompareExactly(t *testing.T) {
	numbers := []string{
		"0", "-0", "0.0", "0e5", "1", "1.0", "10e-1", "0.1e1", "-1", "9", "10", "11", "1.1", "1.01", "0.9", "0.09", "-0.9", "-9", "-10", "1e3", "999",
		"1000", "1001", "1e-3", "0.001", "0.00101", "9007199254740992", "9007199254740993", "9007199254740993.0000000000001", "1e40", "123456e35",
	}
	for _, a := range numbers {
		x, ok := new(big.Rat).SetString(a)
		require.True(t, ok)
		d, ok := parseDecimal(a)
		require.True(t, ok)
		require.Equal(t, x.IsInt(), d.whole(), a)
		if plain, ok := d.plain(); x.IsInt() {
			require.True(t, ok)
			require.Equal(t, x.Num().String(), plain)
		} else {
			require.False(t, ok)
		}
		for _, b := range numbers {
			y, _ := new(big.Rat).SetString(b)
			e, _ := parseDecimal(b)
			require.Equal(t, x.Cmp(y), d.compare(e), "%s and %s", a, b)
		}
	}
	for _, bad := range []string{"", "-", "+1", "01", "1.", ".1", "1e", "0x1", "1 ", " 1", "NaN", "null", "1 2", "\"1\""} {
		_, ok := parseDecimal(bad)
		require.False(t, ok, "%q", bad)
	}
}

// A form that a program builds by hand may be inconsistent, but must not cause a panic.
func TestFormMadeByHand(t *testing.T) {
	form := &Form{Fields: []Field{{Name: "a"}, {Name: "n", Kind: Number, Minimum: "low"}, {Name: "c", Kind: Choices}, {Name: "k", Kind: 99}}}
	require.NoError(t, form.Validate(map[string]any{"a": "", "n": -1, "c": []string{}, "k": "x"}))
	require.NoError(t, new(Form).Validate(nil))
}
