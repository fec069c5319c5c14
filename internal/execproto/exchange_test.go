package execproto

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendHandshake(t *testing.T) {
	require.Equal(t, `{"id":1,"method":"initialize","params":{"clientName":"a \"b\""}}`, string(AppendInitialize(nil, 1, `a "b"`)))
	require.Equal(t, `{"method":"initialized","params":{}}`, Initialized)
	require.Equal(t, Notification, read(t, Initialized).Kind)
}

func TestReadEnvironment(t *testing.T) {
	for text, want := range map[string]Environment{
		`null`:                     {},
		`{}`:                       {},
		`{"sessionId":"x"}`:        {},
		`{"environmentInfo":null}`: {},
		`{"environmentInfo":{"capabilities":null,"executorVersion":null}}`:                                   {},
		`{"environmentInfo":{"capabilities":{"httpHeaderEnvVars":"yes"},"executorVersion":"1"}}`:             {Version: "1"},
		`{"environmentInfo":{"capabilities":{"other":[],"httpHeaderEnvVars":true,"more":1},"cwd":{}},"a":1}`: {HeaderEnvVars: true},
	} {
		got, err := ReadEnvironment([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{``, `[]`, `"x"`, `{"environmentInfo":1}`, `{"environmentInfo":{"executorVersion":1}}`, `{} 1`, `null 1`} {
		_, err := ReadEnvironment([]byte(text))
		require.Error(t, err, text)
	}
}

func TestHTTPRequestRoundTrip(t *testing.T) {
	for _, want := range []*HTTPRequest{
		{Method: "GET", URL: "http://h/", RequestID: ""},
		{
			Method: "POST", URL: "http://h/?q=\"\n", RequestID: "http-9", Stop: true, Stream: true, Body: []byte("\x00\xff body"),
			Headers: []Header{{Name: "a", Value: ""}, {Name: "authorization", Value: "Bearer ", EnvVar: "TOKEN"}, {Name: "a", Value: "é"}},
		},
	} {
		m := read(t, string(AppendHTTPRequest(nil, 7, want)))
		require.Equal(t, Request, m.Kind)
		require.Equal(t, "7", string(m.RawID))
		require.Equal(t, MethodHTTPRequest, m.Method)
		got, err := ReadHTTPRequest(m.Params)
		require.NoError(t, err)
		require.EqualValues(t, -1, got.TimeoutMs)
		got.TimeoutMs = 0
		require.Equal(t, want, got)
	}
}

func TestReadHTTPRequest(t *testing.T) {
	const start = `{"method":"GET","url":"u","requestId":"r"`
	plain := HTTPRequest{Method: "GET", URL: "u", RequestID: "r", TimeoutMs: -1}
	for text, change := range map[string]func(*HTTPRequest){
		`}`:                                    func(*HTTPRequest) {},
		`,"bodyBase64":null,"timeoutMs":null}`: func(*HTTPRequest) {},
		`,"bodyBase64":"","headers":[]}`:       func(*HTTPRequest) {},
		`,"unknown":[{}],"timeoutMs":0}`:       func(r *HTTPRequest) { r.TimeoutMs = 0 },
		`,"redirectPolicy":"follow"}`:          func(*HTTPRequest) {},
		`,"headers":[{"valueEnvVar":null,"value":"v","x":1,"name":"n"}]}`: func(r *HTTPRequest) { r.Headers = []Header{{Name: "n", Value: "v"}} },
	} {
		want := plain
		change(&want)
		got, err := ReadHTTPRequest([]byte(start + text))
		require.NoError(t, err, text)
		require.Equal(t, &want, got, text)
	}
	for text, reason := range map[string]string{
		`{"url":"u","requestId":"r"}`:    "missing field `method`",
		`{"method":"m","requestId":"r"}`: "missing field `url`",
		`{"method":"m","url":"u"}`:       "missing field `requestId`",
		`[]`:                             "object", ``: "got the end of the text", start + `}{}`: "end of the text",
		start + `,"url":"v"}`:                             "duplicate field `url`",
		start + `,"headers":null}`:                        "array",
		start + `,"headers":{}}`:                          "array",
		start + `,"headers":[{"name":"n"}]}`:              "missing field `value`",
		start + `,"headers":[{"value":"v"}]}`:             "missing field `name`",
		start + `,"headers":[{"name":"n","value":null}]}`: "string",
		start + `,"redirectPolicy":null}`:                 "string",
		start + `,"redirectPolicy":"Stop"}`:               "redirectPolicy",
		start + `,"timeoutMs":-1}`:                        "negative",
		start + `,"timeoutMs":1.5}`:                       "integer",
		start + `,"timeoutMs":"1"}`:                       "number",
		start + `,"bodyBase64":"QQ"}`:                     "not base64",
		start + `,"bodyBase64":"Q-=="}`:                   "not base64",
		start + `,"bodyBase64":[]}`:                       "string",
		start + `,"streamResponse":null}`:                 "boolean",
	} {
		_, err := ReadHTTPRequest([]byte(text))
		require.ErrorContains(t, err, reason, text)
	}
}

func TestHTTPResponse(t *testing.T) {
	for _, want := range []*HTTPResponse{
		{Status: 204},
		{Status: 999, Headers: []Header{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}, Body: []byte("body")},
	} {
		m := read(t, string(AppendHTTPResponse(nil, []byte(`"x"`), want)))
		require.Equal(t, Result, m.Kind)
		require.Equal(t, `"x"`, string(m.RawID))
		got, err := ReadHTTPResponse(m.Result)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := ReadHTTPResponse([]byte(`{"x":0,"bodyBase64":null,"status":100}`))
	require.NoError(t, err)
	require.Equal(t, &HTTPResponse{Status: 100}, got)
	for text, reason := range map[string]string{
		`null`: "object", `{}`: "missing field `status`", `{"status":0}`: "status 0", `{"status":1000}`: "status 1000", `{"status":-200}`: "status",
		`{"status":"200"}`: "number", `{"status":200,"headers":null}`: "array", `{"status":200,"bodyBase64":"A"}`: "not base64",
		`{"status":200,"status":200}`: "duplicate field `status`", `{"status":200,"headers":[{"name":"x"}]}`: "missing field `value`",
	} {
		_, err := ReadHTTPResponse([]byte(text))
		require.ErrorContains(t, err, reason, text)
	}
}

func TestDeltaOmitsMembers(t *testing.T) {
	for text, want := range map[string]Delta{
		`{"requestId":""}`: {RequestID: []byte{}},
		`{"requestId":"a","seq":-1,"x":{},"deltaBase64":null,"done":null}`:           {RequestID: []byte("a"), Seq: -1},
		`{"error":"","requestId":"a"}`:                                               {RequestID: []byte("a"), Failed: true},
		`{"deltaBase64":"Q\u0051==","requestId":"\u0061","seq":1,"done":true}`:       {RequestID: []byte("a"), Seq: 1, Base64: []byte("QQ=="), Done: true},
		`{"done":false,"error":"why","requestId":"a","deltaBase64":"Qg==","seq":70}`: {RequestID: []byte("a"), Seq: 70, Base64: []byte("Qg=="), Failed: true, Error: "why"},
	} {
		require.Equal(t, want, read(t, `{"method":"http/request/bodyDelta","params":`+text+`}`).Delta, text)
	}
}

func TestDeltaDecode(t *testing.T) {
	for text, want := range map[string]string{"": "", "QQ==": "A", "QUI=": "AB", "QUJD": "ABC"} {
		d := Delta{Base64: []byte(text)}
		got, err := d.Decode([]byte("> "))
		require.NoError(t, err)
		require.Equal(t, "> "+want, string(got))
		require.GreaterOrEqual(t, d.Size(), len(want))
	}
	for _, text := range []string{"Q", "QQ", "QQ=", "=", "Q_==", "QQ==QQ==", "é"} {
		d := Delta{Base64: []byte(text)}
		_, err := d.Decode(nil)
		require.Error(t, err, text)
	}
}
