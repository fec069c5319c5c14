package jsonrpc

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// stdString returns the encoding of s by encoding/json, which AppendString must match.
func stdString(t *testing.T, s string) string {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(s))
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

func TestAppendStringMatchesEncodingJSON(t *testing.T) {
	texts := append([]string{"<a href=\"x\">&</a>", "a\u2028b\u2029c\u202ad", "\x7f", "\U0010ffff"}, oddStrings...)
	for b := range 256 {
		texts = append(texts, string([]byte{'a', byte(b), 'z'}), string([]byte{byte(b)}))
	}
	rng := rand.New(rand.NewSource(1))
	for range 2000 {
		texts = append(texts, texts[rng.Intn(len(texts))]+texts[rng.Intn(len(texts))])
	}
	for _, text := range texts {
		require.Equal(t, "before"+stdString(t, text), string(AppendString([]byte("before"), text)), "%q", text)
	}
}

func TestAppendMessages(t *testing.T) {
	for want, got := range map[string][]byte{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":1}}`:                      AppendRequest(nil, 1, "tools/call", []byte(`{"a":1}`)),
		`{"jsonrpc":"2.0","id":-9223372036854775808,"method":"a\"b"}`:                          AppendRequest(nil, math.MinInt64, `a"b`, nil),
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`:                               AppendNotification(nil, "notifications/initialized", nil),
		`{"jsonrpc":"2.0","method":"x","params":[]}`:                                           AppendNotification(nil, "x", []byte("[]")),
		`{"jsonrpc":"2.0","id":"r","result":{"a":1}}`:                                          AppendResult(nil, []byte(`"r"`), []byte(`{"a":1}`)),
		`{"jsonrpc":"2.0","id":null,"result":{}}`:                                              AppendResult(nil, nil, nil),
		`{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no\nsuch","data":{"x":1}}}`: AppendError(nil, []byte("7"), &Error{Code: -32601, Message: "no\nsuch", Data: []byte(`{"x":1}`)}),
		`{"jsonrpc":"2.0","id":null,"error":{"code":0,"message":""}}`:                          AppendError(nil, nil, &Error{}),
	} {
		require.Equal(t, want, string(got))
		var m Message
		require.NoError(t, m.Decode(got, nil))
	}
	require.Equal(t, `head{"jsonrpc":"2.0","id":2,"method":"ping"}`, string(AppendRequest([]byte("head"), 2, "ping", nil)))
}

func TestMessagesRoundTrip(t *testing.T) {
	var m Message
	require.NoError(t, m.Decode(AppendRequest(nil, 42, "ping", []byte(`{"k":"v"}`)), nil))
	require.True(t, m.IsRequest())
	require.True(t, m.IDIs(42))
	require.Equal(t, "ping", m.Method)
	require.Equal(t, `{"k":"v"}`, string(m.Params))

	sent := &Error{Code: -32000, Message: "quote \" and é", Data: []byte(`[1,2]`)}
	require.NoError(t, m.Decode(AppendError(nil, m.ID, sent), nil))
	require.True(t, m.IDIs(42))
	require.Equal(t, sent, m.Error)
}
