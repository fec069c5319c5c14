package mirror

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

func TestParams(t *testing.T) {
	for name, test := range map[string]struct {
		schema string
		want   []Param
		bad    string
	}{
		"none":                    {`{"properties":{"a":{"type":"string"}}}`, nil, ""},
		"one":                     {`{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}`, []Param{{[]string{"a"}, "A"}}, ""},
		"nested":                  {`{"properties":{"a":{"properties":{"b":{"type":"integer","x-mcp-header":"B"}}}}}`, []Param{{[]string{"a", "b"}, "B"}}, ""},
		"in data":                 {`{"properties":{"a":{"default":{"x-mcp-header":"A"}}}}`, nil, ""},
		"root":                    {`{"type":"string","x-mcp-header":"A"}`, nil, "reachable"},
		"named default":           {`{"items":{"properties":{"default":{"type":"string","x-mcp-header":"A"}}}}`, nil, "reachable"},
		"named enum":              {`{"$defs":{"enum":{"type":"string","x-mcp-header":"A"}}}`, nil, "reachable"},
		"named as the annotation": {`{"items":{"properties":{"x-mcp-header":{"type":"string"}}}}`, nil, ""},
		"in a default":            {`{"items":{"default":{"type":"string","x-mcp-header":"A"}}}`, nil, ""},
		"items":                   {`{"items":{"type":"string","x-mcp-header":"A"}}`, nil, "reachable"},
		"not text":                {`{"properties":{"a":{"type":"string","x-mcp-header":1}}}`, nil, "expected a string"},
		"no token":                {`{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}`, nil, "not an HTTP token"},
		"other type":              {`{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}`, nil, `got type "number"`},
		"twice":                   {`{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`, nil, "duplicate"},
		"cut":                     {`{"properties":{"x-mcp-header"`, nil, "end"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Params([]byte(test.schema))
			require.Equal(t, test.want, got)
			if test.bad == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.bad)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	params := []Param{{[]string{"a"}, "A"}, {[]string{"b", "c"}, "B"}}
	for args, want := range map[string][]streamablehttp.Param{
		`{}`:                           nil,
		`{"a":null,"b":1}`:             nil,
		`{"a":"x","b":{"c":true}}`:     {{Name: "A", Value: "x"}, {Name: "B", Value: "true"}},
		`{"b":{"d":0,"c":-7},"a":"é"}`: {{Name: "A", Value: "é"}, {Name: "B", Value: "-7"}},
		`{"a":9007199254740991}`:       {{Name: "A", Value: "9007199254740991"}},
	} {
		got, err := Headers(params, []byte(args))
		require.NoError(t, err, args)
		require.Equal(t, want, got, args)
	}
	for _, args := range []string{`{"a":9007199254740992}`, `{"a":1.5}`, `{"a":[]}`, `{"b":{"c":{}}}`} {
		_, err := Headers(params, []byte(args))
		require.ErrorContains(t, err, "mirrored into a header", args)
	}
}
