package uritemplate

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/urichars"
)

// parse returns the variables of a template.
func parse(template string) ([]string, error) {
	var parsed mcp.URITemplate
	if err := parsed.UnmarshalJSON(jsonrpc.AppendString(nil, template)); err != nil {
		return nil, err
	}
	return parsed.Varnames(), nil
}

func variables(t testing.TB, template string) []string {
	t.Helper()
	names, err := parse(template)
	require.NoError(t, err)
	return names
}

func expand(t testing.TB, template string, values map[string]any) (string, error) {
	t.Helper()
	return Expand(template, variables(t, template), values)
}

// rfcValues are the variables of RFC 6570, section 3.2.
var rfcValues = map[string]any{
	"count": []string{"one", "two", "three"}, "dom": []string{"example", "com"}, "dub": "me/too", "hello": "Hello World!",
	"half": "50%", "var": "value", "who": "fred", "base": "http://example.com/home/", "path": "/foo/bar",
	"list": []string{"red", "green", "blue"}, "keys": map[string]string{"semi": ";", "dot": ".", "comma": ","},
	"v": "6", "x": "1024", "y": "768", "empty": "", "empty_keys": map[string]string{},
}

// rfcExpansions are the examples of RFC 6570, sections 1.2, 2.4 and 3.2. The RFC leaves the order
// of a map's pairs open; here they are sorted by key.
var rfcExpansions = map[string]string{
	// Level 1 and 3.2.2, simple.
	"{var}": "value", "{hello}": "Hello%20World%21", "{half}": "50%25", "O{empty}X": "OX", "O{undef}X": "OX", "{x,y}": "1024,768",
	"{x,hello,y}": "1024,Hello%20World%21,768", "?{x,empty}": "?1024,", "?{x,undef}": "?1024", "?{undef,y}": "?768",
	"{var:3}": "val", "{var:30}": "value", "{list}": "red,green,blue", "{list*}": "red,green,blue",
	"{keys}": "comma,%2C,dot,.,semi,%3B", "{keys*}": "comma=%2C,dot=.,semi=%3B",
	// 3.2.3, reserved.
	"{+var}": "value", "{+hello}": "Hello%20World!", "{+half}": "50%25", "{base}index": "http%3A%2F%2Fexample.com%2Fhome%2Findex",
	"{+base}index": "http://example.com/home/index", "O{+empty}X": "OX", "O{+undef}X": "OX", "{+path}/here": "/foo/bar/here",
	"here?ref={+path}": "here?ref=/foo/bar", "up{+path}{var}/here": "up/foo/barvalue/here", "{+x,hello,y}": "1024,Hello%20World!,768",
	"{+path,x}/here": "/foo/bar,1024/here", "{+path:6}/here": "/foo/b/here", "{+list}": "red,green,blue", "{+list*}": "red,green,blue",
	"{+keys}": "comma,,,dot,.,semi,;", "{+keys*}": "comma=,,dot=.,semi=;",
	// 3.2.4, fragment.
	"{#var}": "#value", "{#hello}": "#Hello%20World!", "{#half}": "#50%25", "foo{#empty}": "foo#", "foo{#undef}": "foo",
	"{#x,hello,y}": "#1024,Hello%20World!,768", "{#path,x}/here": "#/foo/bar,1024/here", "{#path:6}/here": "#/foo/b/here",
	"{#list}": "#red,green,blue", "{#list*}": "#red,green,blue", "{#keys}": "#comma,,,dot,.,semi,;", "{#keys*}": "#comma=,,dot=.,semi=;",
	// 3.2.5, labels.
	"{.who}": ".fred", "{.who,who}": ".fred.fred", "{.half,who}": ".50%25.fred", "www{.dom*}": "www.example.com", "X{.var}": "X.value",
	"X{.empty}": "X.", "X{.undef}": "X", "X{.var:3}": "X.val", "X{.list}": "X.red,green,blue", "X{.list*}": "X.red.green.blue",
	"X{.keys}": "X.comma,%2C,dot,.,semi,%3B", "X{.keys*}": "X.comma=%2C.dot=..semi=%3B", "X{.empty_keys}": "X", "X{.empty_keys*}": "X",
	// 3.2.6, path segments.
	"{/who}": "/fred", "{/who,who}": "/fred/fred", "{/half,who}": "/50%25/fred", "{/who,dub}": "/fred/me%2Ftoo", "{/var}": "/value",
	"{/var,empty}": "/value/", "{/var,undef}": "/value", "{/var,x}/here": "/value/1024/here", "{/var:1,var}": "/v/value",
	"{/list}": "/red,green,blue", "{/list*}": "/red/green/blue", "{/list*,path:4}": "/red/green/blue/%2Ffoo",
	"{/keys}": "/comma,%2C,dot,.,semi,%3B", "{/keys*}": "/comma=%2C/dot=./semi=%3B",
	// 3.2.7, path-style parameters.
	"{;who}": ";who=fred", "{;half}": ";half=50%25", "{;empty}": ";empty", "{;v,empty,who}": ";v=6;empty;who=fred",
	"{;v,undef,who}": ";v=6;who=fred", "{;x,y}": ";x=1024;y=768", "{;x,y,empty}": ";x=1024;y=768;empty", "{;x,y,undef}": ";x=1024;y=768",
	"{;hello:5}": ";hello=Hello", "{;list}": ";list=red,green,blue", "{;list*}": ";list=red;list=green;list=blue",
	"{;keys}": ";keys=comma,%2C,dot,.,semi,%3B", "{;keys*}": ";comma=%2C;dot=.;semi=%3B",
	// 3.2.8 and 3.2.9, queries.
	"{?who}": "?who=fred", "{?half}": "?half=50%25", "{?x,y}": "?x=1024&y=768", "{?x,y,empty}": "?x=1024&y=768&empty=",
	"{?x,y,undef}": "?x=1024&y=768", "{?var:3}": "?var=val", "{?list}": "?list=red,green,blue", "{?list*}": "?list=red&list=green&list=blue",
	"{?keys}": "?keys=comma,%2C,dot,.,semi,%3B", "{?keys*}": "?comma=%2C&dot=.&semi=%3B", "{&who}": "&who=fred", "{&half}": "&half=50%25",
	"?fixed=yes{&x}": "?fixed=yes&x=1024", "{&x,y,empty}": "&x=1024&y=768&empty=", "{&var:3}": "&var=val",
	"{&list*}": "&list=red&list=green&list=blue", "{&keys*}": "&comma=%2C&dot=.&semi=%3B",
	// 2.4.2 and 3.2.1.
	"{count}": "one,two,three", "{/count*}": "/one/two/three", "{;count*}": ";count=one;count=two;count=three",
	"{&count*}": "&count=one&count=two&count=three",
}

func TestTemplateExpandsTheExamplesOfTheRFC(t *testing.T) {
	require.Greater(t, len(rfcExpansions), 100)
	for text, want := range rfcExpansions {
		names := variables(t, text)
		values := map[string]any{}
		for _, name := range names {
			if v, ok := rfcValues[name]; ok {
				values[name] = v
			}
		}
		got, err := Expand(text, names, values)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestTemplateEncodes(t *testing.T) {
	for _, tt := range []struct {
		text  string
		value any
		want  string
	}{
		// Values and literals are encoded as UTF-8, in every plane.
		{"file:///{v}", "é/日本/𝄞", "file:///%C3%A9%2F%E6%97%A5%E6%9C%AC%2F%F0%9D%84%9E"},
		{"file:///{+v}", "é/日本", "file:///%C3%A9/%E6%97%A5%E6%9C%AC"},
		{"x:ü/{v}", "a", "x:%C3%BC/a"},
		{"{v}", "a\x00\n\u0100\ufffd", "a%00%0A%C4%80%EF%BF%BD"},
		// Prefixes count characters, not bytes. Where escapes are kept, an escape counts as one
		// character.
		{"{v:2}", "éàü", "%C3%A9%C3%A0"},
		{"{+v:2}", "%C3%A9b%20", "%C3%A9b"},
		{"{+v:1}", "%C3%A9%C3%A9", "%C3%A9"},
		{"{v:2}", "%C3", "%25C"},
		{"{+v:4}", "%C3%A9b%2", "%C3%A9b%252"},
		// Escapes are kept in reserved expansions and literals, but a lone percent sign is escaped.
		{"{+v}", "admin%2Fx%", "admin%2Fx%25"},
		{"{v}", "admin%2F", "admin%252F"},
		{"%41{v}", "x", "%41x"},
		// Empty members.
		{"{v}", []string{"", ""}, ","},
		{"{?v*}", []string{"", "a"}, "?v=&v=a"},
		{"{;v*}", []string{"", "a"}, ";v;v=a"},
		{"{v*}", map[string]string{"b": "", "a": "1"}, "a=1,b="},
		{"{?v*}", map[string]string{"b": "", "a": "1"}, "?a=1&b="},
		{"{v}", map[string]string{"b": "", "a": "1"}, "a,1,b,"},
		{"{?v}", []string{""}, "?v="},
		{"{?v*}", map[string]string{"a b é": "c d"}, "?a%20b%20%C3%A9=c%20d"},
		{"O{?v}X", []string{}, "OX"},
		{"O{?v}X", []string(nil), "OX"},
		{"{?v,v}", "1", "?v=1&v=1"},
	} {
		got, err := expand(t, tt.text, map[string]any{"v": tt.value})
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.want, got, "%s of %q", tt.text, tt.value)
	}
}

func TestTemplateRefusesValues(t *testing.T) {
	for _, tt := range []struct {
		text   string
		values map[string]any
		want   []string
	}{
		{"db://{host}/{table}", map[string]any{"hots": "x", "table": "t"}, []string{`"hots"`, `"host", "table"`}},
		{"db://a", map[string]any{"host": "x"}, []string{`"host"`, "none"}},
		{"{a}", map[string]any{"a": 1}, []string{`"a"`, "int"}},
		{"{a}", map[string]any{"a": nil}, []string{`"a"`, "nil"}},
		{"{a}", map[string]any{"a": map[string]any{}}, []string{`"a"`, "map[string]interface"}},
		{"{a:3}", map[string]any{"a": []string{"x"}}, []string{`"a"`, "string"}},
		{"{a:3}", map[string]any{"a": map[string]string{"x": "y"}}, []string{`"a"`, "string"}},
		{"{a}", map[string]any{"a": "\xff"}, []string{"UTF-8"}},
		{"{?a*}", map[string]any{"a": map[string]string{"\xff": "y"}}, []string{"UTF-8"}},
		{"{a:1}", map[string]any{"a": "0\xff"}, []string{`"a"`, "UTF-8"}}, // even behind the prefix
		{"{a}", map[string]any{"a": []string{"x", "\xff"}}, []string{"UTF-8"}},
		{"{a,b,c,d,e,f,g,h,i,j,k,l}", map[string]any{"z": ""}, []string{`"j" and 2 more`}},
	} {
		got, err := expand(t, tt.text, tt.values)
		require.Empty(t, got)
		for _, want := range tt.want {
			require.ErrorContains(t, err, want, "%s of %v", tt.text, tt.values)
		}
	}
}

func TestTemplateIsBounded(t *testing.T) {
	_, err := expand(t, strings.Repeat("{a}", 1000), map[string]any{"a": strings.Repeat("x", 1000)})
	require.ErrorIs(t, err, errLength)
	_, err = expand(t, "{a}", map[string]any{"a": strings.Repeat(" ", maxLength/3+1)})
	require.ErrorIs(t, err, errLength)
	got, err := expand(t, "{a}", map[string]any{"a": strings.Repeat("x", maxLength)})
	require.NoError(t, err)
	require.Len(t, got, maxLength)
	_, err = expand(t, "{+a}", map[string]any{"a": strings.Repeat("x", maxLength+1)})
	require.ErrorIs(t, err, errLength)
}

// FuzzTemplate checks that every template expands to text that is safe in a URI.
func FuzzTemplate(f *testing.F) {
	for _, text := range slices.Sorted(maps.Keys(rfcExpansions)) {
		f.Add(text, "a%C3é", "b")
	}
	f.Fuzz(func(t *testing.T, text, a, b string) {
		names, err := parse(text)
		if err != nil {
			return
		}
		values := map[string]any{}
		for i, name := range names {
			values[name] = []any{a, []string{a, b}, map[string]string{a: b, b: a}}[i%3]
		}
		got, err := Expand(text, names, values)
		if err != nil {
			return
		}
		if !utf8.ValidString(a) && len(names) > 0 {
			t.Fatalf("a value that is not UTF-8 was expanded to %q", got)
		}
		for i := range len(got) {
			if c := got[i]; !urichars.Unreserved(c) && !urichars.Reserved(c) && !urichars.Escape(got[i:]) {
				t.Fatalf("%q of %q has a raw %q", got, text, c)
			}
		}
	})
}
