package execproto

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

func TestReadMessage(t *testing.T) {
	params := `{"requestId":"a","seq":2,"deltaBase64":"QQ==","done":true,"error":"cut"}`
	delta := Delta{RequestID: []byte("a"), Seq: 2, Base64: []byte("QQ=="), Done: true, Failed: true, Error: "cut"}
	for text, want := range map[string]Message{
		`{"id":1,"method":"m","params":{"a":1}}`:                       {Kind: Request, RawID: []byte("1"), Method: "m", Params: []byte(`{"a":1}`)},
		`{ "params" : [ ] , "method":"m" , "id" : "x" }`:               {Kind: Request, RawID: []byte(`"x"`), Method: "m", Params: []byte("[ ]")},
		`{"id":-7,"method":"m"}`:                                       {Kind: Request, RawID: []byte("-7"), Method: "m"},
		`{"id":1.5,"method":"m","params":null}`:                        {Kind: Request, RawID: []byte("1.5"), Method: "m"},
		`{"id":18446744073709551615,"method":"m"}`:                     {Kind: Request, RawID: []byte("18446744073709551615"), Method: "m"},
		`{"method":"m","jsonrpc":"1.0","trace":{"traceparent":null}}`:  {Kind: Notification, Method: "m"},
		`{"method":"","params":{}}`:                                    {Kind: Notification, Params: []byte("{}")},
		`{"method":"` + MethodBodyDelta + `","params":` + params + `}`: {Kind: BodyDelta, Method: MethodBodyDelta, Delta: delta},
		`{"params":` + params + `,"method":"` + MethodBodyDelta + `"}`: {
			Kind: BodyDelta, Method: MethodBodyDelta, Params: []byte(params), Delta: delta,
		},
		`{"id":3,"method":"` + MethodBodyDelta + `","params":` + params + `}`: {
			Kind: Request, RawID: []byte("3"), Method: MethodBodyDelta, Delta: delta,
		},
		`{"id":1,"result":null}`:                          {Kind: Result, RawID: []byte("1"), Result: []byte("null")},
		`{"result":{"b":[{}]},"id":1,"error":null}`:       {Kind: Result, RawID: []byte("1"), Result: []byte(`{"b":[{}]}`)},
		`{"error":{"code":-32600,"message":"m"},"id":-1}`: {Kind: Failure, RawID: []byte("-1"), Error: Error{Code: -32600, Message: "m"}},
		`{"id":null,"error":{"message":"\u00e9","data":{"a":0},"x":{}}}`: {
			Kind: Failure, RawID: []byte("null"), Error: Error{Message: "é", Data: []byte(`{"a":0}`)},
		},
		`{"id":1,"error":{}}`: {Kind: Failure, RawID: []byte("1")},
	} {
		m := Message{Method: "left over", Delta: Delta{Failed: true}}
		require.NoError(t, m.Read([]byte(text)), text)
		require.Equal(t, want, m, text)
	}
}

func TestInvalidMessages(t *testing.T) {
	bodyDelta := `{"method":"` + MethodBodyDelta + `","params":`
	for text, reason := range map[string]string{
		``: "got the end of the text", `{`: "got the end of the text", `nonsense`: "object", `{"a":nonsense}`: "invalid literal", `"a"`: "object", `{}{}`: "end of the text", "{\"id\":1,\"result\":\"\n\"}": "control",
		`[{"id":1,"method":"m"}]`:                                 "batch",
		`{}`:                                                      "neither",
		`{"id":1}`:                                                "neither",
		`{"result":1}`:                                            "neither",
		`{"error":{"code":1}}`:                                    "neither",
		`{"id":1,"error":null}`:                                   "neither",
		`{"id":1,"method":"m","result":1}`:                        "neither",
		`{"id":1,"method":"m","error":{}}`:                        "neither",
		`{"id":1,"result":1,"error":{}}`:                          "neither",
		`{"id":null,"method":"m"}`:                                "null",
		`{"id":true,"method":"m"}`:                                "neither a number nor a string",
		`{"id":[1],"result":1}`:                                   "neither a number nor a string",
		`{"id":1,"method":null}`:                                  "string",
		`{"id":1,"error":"text"}`:                                 "object",
		`{"id":1,"error":{"code":"1"}}`:                           "number",
		`{"id":1,"error":{"code":1.5}}`:                           "integer",
		`{"id":1,"id":2,"result":1}`:                              "duplicate field `id`",
		`{"id":1,"\u0069d":2,"result":1}`:                         "duplicate field `id`",
		`{"id":1,"error":{"code":1,"code":2}}`:                    "duplicate field `code`",
		`{"id":1,"result":1,"x":` + deep(127) + `}`:               "deep",
		`{"id":1,"method":"m","params":` + deep(127):              "deep",
		bodyDelta[:len(bodyDelta)-len(`,"params":`)] + `}`:        "got the end of the text",
		bodyDelta + `null}`:                                       "object",
		bodyDelta + `{"seq":1}}`:                                  "missing field `requestId`",
		bodyDelta + `{"requestId":null}}`:                         "string",
		bodyDelta + `{"requestId":"a","seq":"1"}}`:                "number",
		bodyDelta + `{"requestId":"a","done":1}}`:                 "boolean",
		bodyDelta + `{"requestId":"a","error":{}}}`:               "string",
		bodyDelta + `{"requestId":"a","error":"x","error":null}}`: "duplicate field `error`",
		`{"params":{"requestId":"a","seq":1.5},"method":"` + MethodBodyDelta + `"}`:   "integer",
		bodyDelta + `{"requestId":"a"},"params":{"requestId":"b"}}`:                   "duplicate field `params`",
		`{"method":"a","params":{},"method":"` + MethodBodyDelta + `"}`:               "duplicate field `method`",
		`{"params":{"requestId":"a"},"method":"` + MethodBodyDelta + `","result":{}}`: "neither",
	} {
		var m Message
		require.ErrorContains(t, m.Read([]byte(text)), reason, text)
	}
	var m Message
	require.ErrorIs(t, m.Read([]byte(`{"id":1,"result":`+deep(127)+`}`)), jsonrpc.ErrDepth)
	require.NoError(t, m.Read([]byte(`{"id":1,"result":`+deep(126)+`}`)))
}

// deep returns n nested arrays.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestMessageID(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1 true", "-1": "-1 true", "9223372036854775807": "9223372036854775807 true",
		"9223372036854775808": "9223372036854775807 false", "1.0": "0 false", `"1"`: "0 false", "null": "0 false",
	} {
		var m Message
		require.NoError(t, m.Read([]byte(`{"error":{},"id":`+text+`}`)))
		id, ok := m.ID()
		require.Equal(t, want, fmt.Sprint(id, ok), text)
	}
}

func TestAppendAnswers(t *testing.T) {
	for got, want := range map[string]string{
		string(AppendResult([]byte(" "), []byte(`"x"`), []byte("{}"))):                   ` {"id":"x","result":{}}`,
		string(AppendError(nil, []byte("-1"), CodeInvalidRequest, "a\nb\xff", nil)):      `{"error":{"code":-32600,"message":"a\nb\ufffd"},"id":-1}`,
		string(AppendError(nil, []byte("4"), CodeFailed, "", AppendStage(nil, Stage{}))): `{"error":{"code":-32603,"message":"","data":{"stage":"maybeSent","permanent":false}},"id":4}`,
	} {
		require.Equal(t, want, got)
	}
}

func TestStage(t *testing.T) {
	for _, want := range []Stage{{}, {NotSent: true}, {Permanent: true}, {NotSent: true, Permanent: true}} {
		got, ok := ReadStage(AppendStage(nil, want))
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	got, ok := ReadStage([]byte(`{"permanent":"yes","stage":"notSent","url":["x"]}`))
	require.True(t, ok)
	require.Equal(t, Stage{NotSent: true}, got)
	for _, text := range []string{
		``, `null`, `"notSent"`, `[]`, `{}`, `{"stage":1}`, `{"stage":"sent"}`, `{"stage":"notSent"`,
		`{"stage":"notSent"} {}`, `{"stage":"notSent","stage":"maybeSent"}`, `{"permanent":true}`,
	} {
		_, ok := ReadStage([]byte(text))
		require.False(t, ok, text)
	}
}

func TestFindID(t *testing.T) {
	for text, id := range map[string]string{
		`{"id":7,"method":"x`: "7", `{ "id" : "a" ,`: `"a"`, `{"id":-1,"x":`: "-1", `{"id":"a"}`: `"a"`,
		``: "", `{`: "", `{"id":7`: "", `{"id":"a`: "", `{"id":null,`: "", `{"id":{},`: "", `{"id":[1],`: "", `{"method":"x","id":7}`: "", `[{"id":7,`: "",
	} {
		require.Equal(t, id, string(FindID([]byte(text))), text)
	}
}

func TestTooManyHeaders(t *testing.T) {
	text := func(n int) []byte {
		return []byte(`{"status":200,"headers":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a","value":""},`, n), ",") + `]}`)
	}
	_, err := ReadHTTPResponse(text(MaxHeaders))
	require.NoError(t, err)
	_, err = ReadHTTPResponse(text(MaxHeaders + 1))
	require.ErrorContains(t, err, "more than 10000 headers")
}
