package jsonrpc

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// contentLength is a typical decoder: it reads the members of the result that it knows, and returns
// where the result ends.
type contentLength struct {
	seen int   // number of calls of DecodeResult
	n    int64 // the result's member n
	text string
}

func (d *contentLength) DecodeResult(data []byte) (int, error) {
	d.seen++
	c := NewCursor(data, 0)
	c.EnterObject()
	for {
		key, ok := c.NextKey()
		if !ok {
			return c.Pos(), c.Err()
		}
		switch string(key) {
		case "n":
			d.n = c.Int64()
		case "text":
			d.text = c.String()
		default:
			c.Skip()
		}
	}
}

// decoderFunc is a function that implements ResultDecoder.
type decoderFunc func(data []byte) (int, error)

func (f decoderFunc) DecodeResult(data []byte) (int, error) { return f(data) }

func TestDecodeMessage(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want Message
	}{
		"result":               {`{"jsonrpc":"2.0","id":1,"result":{"a":[]}}`, Message{ID: []byte("1"), HasResult: true, Result: []byte(`{"a":[]}`)}},
		"any order, any space": {" {\n\"result\" : 1 ,\t\"id\":\"x\" , \"jsonrpc\" : \"2.0\" } \r\n", Message{ID: []byte(`"x"`), HasResult: true, Result: []byte("1")}},
		"null result":          {`{"jsonrpc":"2.0","id":1,"result":null}`, Message{ID: []byte("1"), HasResult: true, Result: []byte("null")}},
		"null error":           {`{"jsonrpc":"2.0","id":1,"result":{},"error":null}`, Message{ID: []byte("1"), HasResult: true, Result: []byte("{}")}},
		"no id":                {`{"jsonrpc":"2.0","result":{}}`, Message{HasResult: true, Result: []byte("{}")}},
		"escaped version":      {`{"jsonrpc":"\u0032.0","id":1,"result":{}}`, Message{ID: []byte("1"), HasResult: true, Result: []byte("{}")}},
		"escaped name":         {`{"jsonrpc":"2.0","\u0069d":1,"result":{}}`, Message{ID: []byte("1"), HasResult: true, Result: []byte("{}")}},
		"other members":        {`{"jsonrpc":"2.0","id":1,"x":{"id":2},"x":[1],"ID":3,"Result":4,"result":{}}`, Message{ID: []byte("1"), HasResult: true, Result: []byte("{}")}},
		"notification":         {`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`, Message{Method: "notifications/progress", Params: []byte(`{"progress":1}`)}},
		"unknown method":       {`{"jsonrpc":"2.0","method":"x/\u0079"}`, Message{Method: "x/y"}},
		"null params":          {`{"jsonrpc":"2.0","method":"ping","params":null}`, Message{Method: "ping"}},
		"request":              {`{"jsonrpc":"2.0","id":"r-1","method":"sampling/createMessage","params":[1]}`, Message{ID: []byte(`"r-1"`), Method: "sampling/createMessage", Params: []byte("[1]")}},
		"error":                {`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no \"such\" method","data":{"x":1}}}`, Message{ID: []byte("1"), Error: &Error{Code: -32601, Message: `no "such" method`, Data: []byte(`{"x":1}`)}}},
		"error, null id":       {`{"jsonrpc":"2.0","id":null,"error":{"message":"m","code":-3.2e4,"more":[]}}`, Message{ID: []byte("null"), Error: &Error{Code: -32000, Message: "m"}}},
		"error, no message":    {`{"jsonrpc":"2.0","error":{"code":7}}`, Message{Error: &Error{Code: 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := Message{ID: []byte("old"), Method: "old", Params: []byte("old"), ResultErr: errors.New("old"), Error: &Error{}}
			require.NoError(t, m.Decode([]byte(test.text), nil))
			require.Equal(t, test.want, m)
			// A message that is truncated anywhere is invalid.
			whole := strings.TrimRight(test.text, " \r\n")
			for cut := range len(whole) {
				require.Error(t, m.Decode([]byte(whole[:cut]), nil), whole[:cut])
			}
			for _, garbage := range []string{"x", "{}", "}", ",", "\x00", "null"} {
				require.Error(t, m.Decode([]byte(whole+garbage), nil), garbage)
			}
		})
	}
}

// refused returns invalid messages, each with the type of its error.
func refused() map[string]any {
	syntax, shape, envelope := new(*SyntaxError), new(*ShapeError), new(*EnvelopeError)
	return map[string]any{
		``:                                       syntax,
		`  `:                                     syntax,
		`null`:                                   shape,
		`"x"`:                                    shape,
		`1`:                                      shape,
		`[{"jsonrpc":"2.0","id":1,"result":{}}]`: envelope,
		`[]`:                                     envelope,
		`{}`:                                     envelope,
		`{"jsonrpc":"2.0","id":1,"error":true}`:  shape,
		`{"id":1,"result":{}}`:                   envelope,
		`{"jsonrpc":"1.0","id":1,"result":{}}`:   envelope,
		`{"jsonrpc":"","id":1,"result":{}}`:      envelope,
		`{"jsonrpc":2.0,"id":1,"result":{}}`:     shape,
		`{"jsonrpc":null,"id":1,"result":{}}`:    shape,
		`{"JSONRPC":"2.0","id":1,"result":{}}`:   envelope,
		`{"jsonrpc":"2.0"}`:                      envelope,
		`{"jsonrpc":"2.0","id":1}`:               envelope,
		`{"jsonrpc":"2.0","id":1,"error":null}`:  envelope,
		`{"jsonrpc":"2.0","params":{}}`:          envelope,
		`{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}`:           envelope,
		`{"jsonrpc":"2.0","id":1,"result":{},"method":"x"}`:                 envelope,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1},"method":"x"}`:          envelope,
		`{"jsonrpc":"2.0","method":""}`:                                     envelope,
		`{"jsonrpc":"2.0","method":"","id":1,"result":{}}`:                  envelope,
		`{"jsonrpc":"2.0","method":null}`:                                   envelope,
		`{"jsonrpc":"2.0","method":1}`:                                      shape,
		`{"jsonrpc":"2.0","id":true,"result":{}}`:                           shape,
		`{"jsonrpc":"2.0","id":{},"result":{}}`:                             shape,
		`{"jsonrpc":"2.0","id":[1],"result":{}}`:                            shape,
		`{"jsonrpc":"2.0","id":,"result":{}}`:                               syntax,
		`{"jsonrpc":"2.0","id":1,"result":}`:                                syntax,
		`{"jsonrpc":"2.0","id":1,"result":{},}`:                             syntax,
		`{"jsonrpc":"2.0","id":1,"result":{"a":01}}`:                        syntax,
		`{"jsonrpc":"2.0","id":1,"result":{},"x":{"a":tru}}`:                syntax,
		`{"jsonrpc":"2.0","id":1,"result":{},"x":[}`:                        syntax,
		`{"jsonrpc":"2.0","id":1,"error":1}`:                                shape,
		`{"jsonrpc":"2.0","id":1,"error":[]}`:                               shape,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1,"data":}}`:               syntax,
		`{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"result":{}}`:              envelope,
		`{"jsonrpc":"2.0","id":1,"id":1,"result":{}}`:                       envelope,
		`{"jsonrpc":"2.0","id":1,"\u0069d":2,"result":{}}`:                  envelope,
		`{"jsonrpc":"2.0","id":1,"result":{},"result":{}}`:                  envelope,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1},"error":{"code":1}}`:    envelope,
		`{"jsonrpc":"2.0","id":1,"error":null,"error":{"code":1}}`:          envelope,
		`{"jsonrpc":"2.0","method":"a","method":"b"}`:                       envelope,
		`{"jsonrpc":"2.0","method":"a","params":{},"params":{}}`:            envelope,
		"\ufeff" + `{"jsonrpc":"2.0","id":1,"result":{}}`:                   syntax,
		`{"jsonrpc":"2.0","id":1,"result":{}}` + "\n" + `{"jsonrpc":"2.0"}`: syntax,
	}
}

func TestDecodeMessageRefuses(t *testing.T) {
	for text, want := range refused() {
		for _, dec := range []ResultDecoder{nil, &contentLength{}} {
			var m Message
			require.ErrorAs(t, m.Decode([]byte(text), dec), want, text)
		}
	}
	var m Message
	require.EqualError(t, m.Decode([]byte(`{"id":1,"result":{}}`), nil), `jsonrpc: not a JSON-RPC 2.0 message: its "jsonrpc":"2.0" is missing`)
	require.ErrorContains(t, m.Decode([]byte(` [1]`), nil), "batch")
}

func TestResultIsDecodedInPlace(t *testing.T) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"n":7,"text":"a\nb","more":[{}]}}`,
		"{\"result\":\n {\"text\":\"a\\nb\",\"n\":7} \n,\"id\":1,\"jsonrpc\":\"2.0\"}\n",
	} {
		var dec contentLength
		var m Message
		require.NoError(t, m.Decode([]byte(text), &dec))
		require.Equal(t, contentLength{seen: 1, n: 7, text: "a\nb"}, dec)
		require.Equal(t, Message{ID: []byte("1"), HasResult: true}, m)
	}
}

// If the decoder cannot read a result, Decode still succeeds. The rest of the message shows which
// request was answered.
func TestDecoderFailureKeepsTheMessage(t *testing.T) {
	const text = `{"jsonrpc":"2.0","result":{"n":"seven"} ,"id":1}`
	var m Message
	require.NoError(t, m.Decode([]byte(text), &contentLength{}))
	var shape *ShapeError
	require.ErrorAs(t, m.ResultErr, &shape)
	require.True(t, m.HasResult)
	require.Equal(t, `{"n":"seven"}`, string(m.Result))
	require.True(t, m.IDIs(1))

	for _, n := range []int{-1, 0, len(text), math.MaxInt} {
		m = Message{}
		require.NoError(t, m.Decode([]byte(text), decoderFunc(func([]byte) (int, error) { return n, nil })))
		require.Error(t, m.ResultErr, n)
		require.Equal(t, `{"n":"seven"}`, string(m.Result))
	}
	// A length that ends inside the value or after the comma makes the message invalid.
	for n := 1; n <= 15; n++ {
		err := m.Decode([]byte(text), decoderFunc(func([]byte) (int, error) { return n, nil }))
		if n == 13 || n == 14 { // the length of the value, with or without the following space
			require.NoError(t, err, n)
		} else {
			require.Error(t, err, n)
		}
	}
}

func TestDecoderIsNotCalledWithoutAResult(t *testing.T) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","method":"ping"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":1}}`,
		`{"jsonrpc":"2.0","result":`, `{"jsonrpc":"2.0","result":}`, `{"jsonrpc":"2.0","result":x}`,
	} {
		var dec contentLength
		var m Message
		_ = m.Decode([]byte(text), &dec) // other tests check the errors
		require.Zero(t, dec.seen, text)
	}
}

func TestMessageKinds(t *testing.T) {
	for text, want := range map[string]string{
		`{"jsonrpc":"2.0","method":"x"}`:              "false true false",
		`{"jsonrpc":"2.0","method":"x","id":0}`:       "true false false",
		`{"jsonrpc":"2.0","method":"x","id":"a"}`:     "true false false",
		`{"jsonrpc":"2.0","id":1,"result":null}`:      "false false true",
		`{"jsonrpc":"2.0","id":1,"error":{"code":1}}`: "false false true",
		`{"jsonrpc":"2.0","error":{"code":1}}`:        "false false true",
		`{"jsonrpc":"2.0","error":"x","result":nul}`:  "false false true", // an error, returned with the members read so far
	} {
		var m Message
		_ = m.Decode([]byte(text), nil)
		require.Equal(t, want, fmt.Sprint(m.IsRequest(), m.IsNotification(), m.IsResponse()), text)
	}
}

// An error that is not an object with a code does not answer the request: its outcome is unknown.
func TestMalformedErrors(t *testing.T) {
	for _, value := range []string{`{}`, `{"message":"it broke"}`, `"it broke"`, `{"code":null}`, `7`, `[]`} {
		var m Message
		require.Error(t, m.Decode([]byte(`{"jsonrpc":"2.0","id":1,"error":`+value+`}`), nil), value)
	}
}

// Decode accepts the deviations from the standard that some servers send, because their meaning is
// unambiguous.
func TestToleratedMessages(t *testing.T) {
	for text, want := range map[string]Message{
		`{"jsonrpc":"2.0","id":1,"method":null,"params":null,"error":null,"result":{}}`:   {ID: []byte("1"), HasResult: true, Result: []byte("{}")},
		`{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":-32000,"message":"boom"}}`: {ID: []byte("1"), Error: &Error{Code: -32000, Message: "boom"}},
		`{"jsonrpc":"2.0","id":1,"error":{"code":4,"message":"boom"},"result":null}`:      {ID: []byte("1"), Error: &Error{Code: 4, Message: "boom"}},
		`{"jsonrpc":"2.0","id":1,"error":{"code":4,"message":null}}`:                      {ID: []byte("1"), Error: &Error{Code: 4}},
		`{"jsonrpc":"2.0","id":1,"error":{"code":4,"message":{"a":1}}}`:                   {ID: []byte("1"), Error: &Error{Code: 4, Message: `{"a":1}`}},
		`{"jsonrpc":"2.0","id":1,"error":{"code":"-32022","message":"x"}}`:                {ID: []byte("1"), Error: &Error{Message: `(code "-32022") x`}},
		`{"jsonrpc":"2.0","id":1,"error":{"code":1e99,"message":"x"}}`:                    {ID: []byte("1"), Error: &Error{Message: `(code 1e99) x`}},
	} {
		var m Message
		require.NoError(t, m.Decode([]byte(text), nil), text)
		require.Equal(t, want, m, text)
	}
	for text, want := range map[string]string{
		`{"jsonrpc":"2.0","id":null,"method":"notifications/message"}`: "false true",
		`{"jsonrpc":"2.0","id":null,"method":"ping"}`:                  "true false",
		`{"jsonrpc":"2.0","id":1,"method":"notifications/message"}`:    "true false",
	} {
		var m Message
		require.NoError(t, m.Decode([]byte(text), nil), text)
		require.Equal(t, want, fmt.Sprint(m.IsRequest(), m.IsNotification()), text)
	}
}

func TestBatch(t *testing.T) {
	for text, want := range map[string]string{
		`[{"a":1}]`: `{"a":1}`, "\ufeff [ 7 ] ": "7", `[1,2]`: `[1,2]`, `[]`: `[]`, `[1`: `[1`, `[1] x`: `[1] x`, `{}`: `{}`,
	} {
		require.Equal(t, want, string(Only([]byte(text))), text)
	}
	var seen []string
	each := func(m []byte) bool { seen = append(seen, string(m)); return string(m) != "3" }
	require.NoError(t, Each([]byte(` [1, 2,3,4 garbage`), each), "f ended it")
	require.Equal(t, []string{"1", "2", "3"}, seen)
	require.Error(t, Each([]byte(`[1,`), each))
	require.Error(t, Each([]byte(`{}`), each))
}

func TestIDIs(t *testing.T) {
	for raw, want := range map[string]bool{
		"7": true, "7.0": true, "70e-1": true, "0.7E1": true, `"7"`: true, `"7.0"`: false, `"07"`: false, `" 7"`: false, `"\u0037"`: false, `""`: false, "null": false, "8": false, "-7": false, "7.5": false, "7e99": false,
	} {
		var m Message
		require.NoError(t, m.Decode([]byte(`{"jsonrpc":"2.0","id":`+raw+`,"result":{}}`), nil))
		require.Equal(t, want, m.IDIs(7), raw)
	}
	var m Message
	require.False(t, m.IDIs(0), "no id at all")
	// A float64 cannot distinguish these two.
	m.ID = []byte("9007199254740993")
	require.True(t, m.IDIs(9007199254740993))
	require.False(t, m.IDIs(9007199254740992))
}

func TestErrorIsCopied(t *testing.T) {
	text := []byte(`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"plain","data":[1]}}`)
	var m Message
	require.NoError(t, m.Decode(text, nil))
	clear(text)
	require.Equal(t, &Error{Code: 1, Message: "plain", Data: []byte("[1]")}, m.Error)
}

func TestMethodsAreInternedAsThemselves(t *testing.T) {
	for _, name := range serverMethods {
		require.Equal(t, name, internMethod([]byte(name)))
		require.Equal(t, name+"x", internMethod([]byte(name+"x")))
	}
}

// serverMethods are the requests and notifications that a server may send in at least one revision
// of the protocol.
var serverMethods = []string{
	"notifications/progress", "notifications/message", "notifications/cancelled", "notifications/resources/updated",
	"notifications/resources/list_changed", "notifications/tools/list_changed", "notifications/prompts/list_changed",
	"notifications/subscriptions/acknowledged", "notifications/elicitation/complete", "notifications/tasks/status",
	"ping", "sampling/createMessage", "elicitation/create", "roots/list",
	"tasks/get", "tasks/list", "tasks/result", "tasks/cancel",
}
