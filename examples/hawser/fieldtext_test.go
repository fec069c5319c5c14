package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/form"
)

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

// oneField is a form with one required field f.
func oneField(t testing.TB, property string) (*form.Form, *form.Field) {
	t.Helper()
	f, err := form.Parse(json.RawMessage(`{"properties":{"f":` + property + `},"required":["f"]}`))
	require.NoError(t, err)
	require.Len(t, f.Fields, 1)
	return f, &f.Fields[0]
}

const (
	titledChoice = `{"oneOf":[{"const":"#f00","title":"Red"},{"const":"#0f0","title":"green"},{"const":"#00f","title":"Green"},` +
		`{"const":"2","title":"Blue, dark"}]}`
	titledChoices = `{"type":"array","items":` + titledChoice + `}`
)

var typedTexts = []struct {
	property, text string
	want           any // a string that begins with "must" or "could" is an expected reason
}{
	{`{"type":"string"}`, " a b ", " a b "},
	{`{"type":"string"}`, "", ""},
	{`{"type":"string"}`, "a\xffb", "a\ufffdb"},
	{anEmail, " ada@example.com\n", "ada@example.com"},
	{threeToFive, "ab", "must be at least 3 characters"},
	{aNumber, " 3.50 ", json.Number("3.50")},
	{aNumber, "+007.5", json.Number("7.5")},
	{aNumber, "-.5", json.Number("-0.5")},
	{aNumber, "1e3", json.Number("1e3")},
	{aNumber, "00", json.Number("0")},
	{aNumber, "1,5", "must be a number"},
	{aNumber, "0x10", "must be a number"},
	{aNumber, "--1", "must be a number"},
	{aNumber, "+-1", "must be a number"},
	{aNumber, "5.", "must be a number"},
	{aNumber, "NaN", "must be a number"},
	{aNumber, "", "must be a number"},
	{anInteger, "9007199254740993", json.Number("9007199254740993")},
	{anInteger, "-0030.0", json.Number("-30")},
	{anInteger, "12e2", json.Number("1200")},
	{anInteger, "-0", json.Number("0")},
	{anInteger, "1e999999999", json.Number("1e999999999")},
	{anInteger, "3.5", "must be a whole number"},
	{anInteger, "three", "must be a whole number"},
	{`{"type":"integer","maximum":9007199254740992}`, "9007199254740993", "must be at most 9007199254740992"},
	{`{"type":"boolean"}`, " Yes", true},
	{`{"type":"boolean"}`, "TRUE", true},
	{`{"type":"boolean"}`, "y", true},
	{`{"type":"boolean"}`, "no", false},
	{`{"type":"boolean"}`, "n", false},
	{`{"type":"boolean"}`, "false", false},
	{`{"type":"boolean"}`, "1", "must be yes or no"},
	{titledChoice, "#f00", "#f00"},
	{titledChoice, " red ", "#f00"},
	{titledChoice, "green", "#0f0"},
	{titledChoice, "Green", "#00f"},
	{titledChoice, "GREEN", "could mean more than one of the choices"},
	{titledChoice, "1", "#f00"},
	{titledChoice, "2", "2"}, // the value takes precedence over the number
	{titledChoice, "3", "#00f"},
	{titledChoice, "0", "must be one of the choices"},
	{titledChoice, "5", "must be one of the choices"},
	{titledChoice, "", "must be one of the choices"},
	{titledChoice, "blue, DARK", "2"},
	{`{"enum":[" a","a"]}`, " a", " a"},
	{`{"enum":["a",""]}`, "", ""},
	{titledChoices, "", []string{}},
	{titledChoices, " red , 3,red, ", []string{"#f00", "#00f"}},
	{titledChoices, "Blue, dark", []string{"2"}},
	{titledChoices, "red,blue, dark,3", []string{"#f00", "2", "#00f"}},
	{titledChoices, "red,blue", "must be one of the choices"},
	{abcChoices, "a,b,c", "must be at most 2 choices"},
	{abcChoices, ",,", "must be at least 1 choice"},
}

func TestParseField(t *testing.T) {
	for _, tt := range typedTexts {
		_, field := oneField(t, tt.property)
		got, err := parseField(field, tt.text)
		if reason, ok := tt.want.(string); ok && (strings.HasPrefix(reason, "must ") || strings.HasPrefix(reason, "could ")) {
			var wrong *form.FieldError
			require.ErrorAs(t, err, &wrong, "%s %q", tt.property, tt.text)
			require.Equal(t, form.FieldError{Field: "f", Reason: reason}, *wrong, "%s %q", tt.property, tt.text)
			require.Nil(t, got)
			continue
		}
		require.NoError(t, err, "%s %q", tt.property, tt.text)
		require.Equal(t, tt.want, got, "%s %q", tt.property, tt.text)
	}
}

// Validate accepts every value that parseField returns, even after a round trip through JSON.
func TestParseFieldAgreesWithValidate(t *testing.T) {
	properties := []string{
		`{"type":"string"}`, threeToFive, anEmail, aURI, aDate, aDateTime, aNumber, anInteger, `{"type":"integer","minimum":2,"maximum":1e3}`,
		`{"type":"boolean"}`, `{"enum":["a","1","yes","2024-02-29","x@y.z"]}`, abcChoices, `{"type":"array","items":{"enum":["a,b","a","b,c","1"]}}`,
	}
	texts := []string{
		"", " ", "a", "abc", "a,b", "a,b,c", "b,c,a", "1", "2", "-1", "+3", "3.0", "1e2", "1e-2", ".5", "0", "yes", "N", "true", "x@y.z",
		"https://example.com/", "2024-02-29", "2024-02-29T12:00:00Z", "\xff\xfe\xfd", "<a&b>", "\u2028\u2029\u202e", "1e999999999", "9007199254740993",
	}
	accepted := 0
	for _, property := range properties {
		f, field := oneField(t, property)
		for _, text := range texts {
			value, err := parseField(field, text)
			if err != nil {
				continue
			}
			accepted++
			content := map[string]any{"f": value}
			require.NoError(t, f.Validate(content), "%s %q", property, text)
			encoded, err := json.Marshal(content)
			require.NoError(t, err)
			require.NoError(t, f.Validate(json.RawMessage(encoded)))
			d := json.NewDecoder(strings.NewReader(string(encoded)))
			d.UseNumber()
			var again map[string]any
			require.NoError(t, d.Decode(&again))
			require.NoError(t, f.Validate(again), "%s %q", property, text)
		}
	}
	require.Greater(t, accepted, 60)
}

// Errors do not contain the typed text, since it may be private and errors are logged.
func TestParseFieldErrorsDoNotRepeatTheText(t *testing.T) {
	for _, property := range []string{anEmail, anInteger, aNumber, abcChoices, titledChoice, `{"type":"boolean"}`} {
		_, field := oneField(t, property)
		_, err := parseField(field, "s3cret")
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

// parseField accepts Fields that were not parsed from a schema. They may be incomplete.
func TestParseFieldMadeByHand(t *testing.T) {
	got, err := parseField(&form.Field{Name: "c", Kind: form.Choices}, "")
	require.NoError(t, err)
	require.Equal(t, []string{}, got)
	got, err = parseField(&form.Field{Name: "s", Kind: form.Choice, Options: []form.Option{{Value: "a"}, {Value: "a"}}}, "A")
	require.NoError(t, err)
	require.Equal(t, "a", got)
}

// FuzzParseField parses any text as a value of any field. Each returned value must be valid after
// encoding.
func FuzzParseField(f *testing.F) {
	for _, property := range []string{threeToFive, anEmail, aNumber, anInteger, abcChoices, titledChoices, `{"anyOf":[{"enum":["a,b"]},{"type":"null"}]}`} {
		f.Add([]byte(property), "1, a,b")
	}
	f.Fuzz(func(t *testing.T, property []byte, text string) {
		parsed, err := form.Parse([]byte(`{"properties":{"f":` + string(property) + `}}`))
		if err != nil {
			return
		}
		for i := range parsed.Fields {
			field := &parsed.Fields[i]
			value, err := parseField(field, text)
			if err != nil {
				continue
			}
			content, err := json.Marshal(map[string]any{field.Name: value})
			if err != nil {
				t.Fatal(err)
			}
			one := form.Form{Fields: []form.Field{*field}}
			if err := one.Validate(json.RawMessage(content)); err != nil {
				t.Fatalf("parsed as %#v: %v", value, err)
			}
		}
	})
}
