package mcpclient

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

func TestDecodeElicitationForm(t *testing.T) {
	for _, mode := range []string{``, `"mode":"form",`, `"mode":"",`, `"mode":null,`} {
		params := json.RawMessage(`{` + mode + `"message":"Who are you?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},` +
			`"required":["name"]},"_meta":{"k":"v","progressToken":9007199254740993}}`)
		form, page, err := decodeElicitation(params, modernVersion)
		require.NoError(t, err)
		require.Nil(t, page)
		require.Equal(t, "Who are you?", form.Message)
		require.Equal(t, []Field{{Name: "name", Kind: FieldString, Required: true}}, form.Form.Fields)
		require.Equal(t, json.Number("9007199254740993"), form.Meta.ProgressToken)
		require.Equal(t, map[string]any{"k": json.RawMessage(`"v"`)}, form.Meta.AdditionalFields)
		require.Equal(t, string(params), string(form.Raw))
	}
	form, _, err := decodeElicitation(json.RawMessage(`{"requestedSchema":{},"future":[1]}`), legacyVersion)
	require.NoError(t, err)
	require.Empty(t, form.Message)
	require.Nil(t, form.Meta)
	require.Empty(t, form.Form.Fields)
}

func TestDecodeElicitationURL(t *testing.T) {
	params := json.RawMessage(`{"elicitationId":"e-1","url":"https://mcp.example.com/ui/set_api_key?a=%20#b","message":"Your key","mode":"url","_meta":null}`)
	for version, id := range map[string]string{legacyVersion: "e-1", modernVersion: ""} {
		form, page, err := decodeElicitation(params, version)
		require.NoError(t, err)
		require.Nil(t, form)
		require.Equal(t, "https://mcp.example.com/ui/set_api_key?a=%20#b", page.URL.String())
		require.Equal(t, "mcp.example.com", page.URL.Host)
		require.Equal(t, URLRequest{Message: "Your key", URL: page.URL, ElicitationID: id, Raw: params}, *page)
		require.Nil(t, page.Warnings)
		require.Equal(t, (*mcp.Meta)(nil), page.Meta)
	}
}

func TestDecodeElicitationRefuses(t *testing.T) {
	for params, want := range map[string]string{
		``:                                       "the text ends",
		`null`:                                   "object wanted",
		`[]`:                                     "object wanted",
		`{}`:                                     `no "requestedSchema"`,
		`{"mode":"form","requestedSchema":null}`: `no "requestedSchema"`,
		`{"mode":"url","requestedSchema":{}}`:    `no "url"`,
		`{"mode":"url","url":null}`:              `no "url"`,
		`{"mode":"url","url":1}`:                 "url: expected string, got number",
		`{"mode":"URL","url":"https://a.example/"}`:           "unknown mode URL",
		`{"mode":"\u001b[2J` + strings.Repeat("x", 99) + `"}`: `unknown mode "\x1b[2Jxxx`,
		`{"mode":1}`:                                            "mode: expected string",
		`{"message":[],"requestedSchema":{}}`:                   "message: expected string",
		`{"requestedSchema":[]}`:                                "requestedSchema: ",
		`{"requestedSchema":{"properties":{"a":{"$ref":"x"}}}}`: "requestedSchema: properties.a: not a string",
		`{"requestedSchema":{}} {}`:                             "end of the text",
		`{"mode":"url","url":"http://a.example/?token=s3cret"}`: "url: is neither https",
	} {
		form, page, err := decodeElicitation(json.RawMessage(params), legacyVersion)
		require.ErrorContains(t, err, want, params)
		require.Nil(t, form)
		require.Nil(t, page)
		require.NotContains(t, err.Error(), "s3cret")
		require.Less(t, len(err.Error()), 200)
	}
}

func TestElicitURLsThatAreShown(t *testing.T) {
	const (
		punycode = "the host is written in Punycode (xn--): shown in its own letters it may look like another host"
		address  = "the host is an IP address, not a name"
		here     = "the page is on this machine, not on the web"
		plain    = "the page is not encrypted (http)"
		at       = "there is an @ in the path: what stands before it is not the host"
		long     = "the URL is unusually long"
	)
	port := func(p string) string { return "the port is " + p + ", not the usual one" }
	longest := "https://a.example/" + strings.Repeat("x", maxPage-len("https://a.example/"))
	for _, tt := range []struct {
		text, want string // "" is as it came
		warnings   []string
	}{
		{text: "https://example.com"},
		{text: "https://example.com/a%2Fb/?c=d%20e&f[]=%E2%82%AC#g"},
		{text: "https://example.com/cb?email=a%40b.example"},
		{text: "https://my_host.example.com./"},
		{text: "https://3com.com/"},
		{text: "https://x.0xg/"},
		{text: "HTTPS://PaypaI.COM/A", want: "https://paypai.com/A"},
		{text: "https://example.com:443/", want: "https://example.com/"},
		{text: "https://example.com:/", want: "https://example.com/"},
		{text: "https://example.com:00443/", want: "https://example.com/"},
		{"https://example.com:8443/", "", []string{port("8443")}},
		{"https://example.com:80/", "", []string{port("80")}},
		{"https://xn--pple-43d.com/", "", []string{punycode}},
		{"https://www.XN--pple-43d.com/", "https://www.xn--pple-43d.com/", []string{punycode}},
		{"https://192.0.2.1/", "", []string{address}},
		{"https://[2001:db8::1]:8443/", "", []string{address, port("8443")}},
		{"http://localhost:3000/x", "", []string{here, plain, port("3000")}},
		{"http://localhost:80/x", "http://localhost/x", []string{here, plain}},
		{"https://localhost/", "", []string{here}},
		{"https://localhost./", "", []string{here}},
		{"https://a.LOCALHOST/", "https://a.localhost/", []string{here}},
		{text: "https://notlocalhost/"},
		{"http://127.8.9.1/", "", []string{here, plain}},
		{"http://[::1]/", "", []string{here, plain}},
		{"http://[::ffff:127.0.0.1]/", "", []string{here, plain}},
		{"https://evil.example/https://bank.example@x", "", []string{at}},
		{"https://evil.example/bank%40x", "", []string{at}},
		{longest, "", []string{long}},
	} {
		u, warnings, err := checkPage(tt.text)
		require.NoError(t, err, tt.text)
		if tt.want == "" {
			tt.want = tt.text
		}
		require.Equal(t, tt.want, u.String())
		require.Equal(t, tt.warnings, warnings, tt.text)
	}
}

func TestElicitURLsThatAreNotShown(t *testing.T) {
	for _, tt := range []struct {
		want  error
		texts []string
	}{
		{errPageScheme, []string{
			"http://example.com/", "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "http://localhost./", "http://10.0.0.1/",
			"http://128.0.0.1/", "http://[::2]/", "ftp://example.com/", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "/relative",
			"//example.com/", "example.com", "mailto:a@b.example", "vscode://x/y",
		}},
		{errPageUser, []string{"https://bank.example@evil.example/", "https://a:b@evil.example/", "https://@evil.example/", "https://:@evil.example/"}},
		{errPageHost, []string{
			"https://", "https:", "https:///evil.example/", "https:/evil.example", "https:evil.example", "https://:443/", "https://a..b/", "https://.a/",
			"https://./", "https://1/", "https://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.0.0.01/",
			"http://127.0.0.1./", "https://a.0x/", "https://a.256/", "https://ex%61mple.com/", "https://[fe80::1%25en0]/",
			"https://a!b.example/", "https://a,b.example/", "https://" + strings.Repeat("a", 64) + ".example/",
			"https://" + strings.Repeat("a.", 126) + "example/", "https://[192.0.2.1]/",
		}},
		{errPageSyntax, []string{"https://[::1", "https://example.com:port/", "https://%zz.example/", "1https://x/", ":", "https://a:1:2/", "https://[g]/"}},
		{errPagePort, []string{"https://example.com:0/", "https://example.com:65536/", "https://example.com:99999999999999999999/"}},
		{errPageText, []string{
			"https://example.com/a b", " https://example.com/", "https://example.com/\n", "https://example.com/\x00", "https://example.com/\x7f",
			`https://bank.example\@evil.example/`, `https://example.com/"`, "https://example.com/<", "https://example.com/`",
			"https://b\u00fccher.example/", "https://\u0440aypal.com/", "https://example.com/\u202efdp", "https://example.com/\u200b",
			"https://example.com/\ufeff", "https://example\u3002com/", "https://example.com/\xff", "https://example.com/?a=\u00e4",
			"https://example.com/%", "https://example.com/?a=%2", "https://example.com/?a=%gg", "https://%zz.example/\u00e4",
		}},
	} {
		for _, text := range tt.texts {
			_, _, err := checkPage(text)
			if tt.want == errPageSyntax || tt.want == errPageHost { // where package net/url draws the line is its own affair
				require.Contains(t, []error{errPageSyntax, errPageHost, errPageText, errPagePort}, err, "%q", text)
				continue
			}
			require.Equal(t, tt.want, err, "%q", text)
		}
	}
	var limit *LimitError
	_, _, err := checkPage("https://a.example/" + strings.Repeat("x", maxPage))
	require.ErrorAs(t, err, &limit)
	require.Equal(t, LimitError{What: "bytes in a URL", Limit: maxPage}, *limit)
}
