package streamablehttp

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReplyKind(t *testing.T) {
	byType := map[string]reply{
		"":                                    replyJSON,
		"application/json":                    replyJSON,
		"application/json; charset=utf-8":     replyJSON,
		"Application/JSON;charset=UTF-8":      replyJSON,
		"APPLICATION/JSON":                    replyJSON,
		" application/json ":                  replyJSON,
		"application/json; =":                 replyJSON,
		"application/json;":                   replyJSON,
		"application/json; a=1; a=2":          replyJSON,
		"text/event-stream":                   replyStream,
		"Text/Event-Stream":                   replyStream,
		"text/event-stream;charset=utf-8":     replyStream,
		"text/event-stream; charset=":         replyStream,
		"application/problem+json":            replyOther,
		"application/vnd.api+json":            replyOther,
		"application/json-rpc":                replyOther,
		"application/jsonx":                   replyOther,
		"text/event-streams":                  replyOther,
		"text/html; charset=utf-8":            replyOther,
		"text/plain":                          replyOther,
		"application/octet-stream":            replyOther,
		"json":                                replyOther,
		";":                                   replyJSON, // as good as missing
		"application/json, text/html":         replyOther,
		"application/json, application/json":  replyJSON,
		"text/event-stream,text/event-stream": replyStream,
		"application /json":                   replyOther,
		strings.Repeat("a", 1<<20):            replyOther,
		"text/html; x=application/json":       replyOther,
		"\x1b[31mapplication/json":            replyOther,
		"application/json; q=\"unterminated":  replyJSON,
	}
	for status := range 1000 {
		for contentType, want := range byType {
			switch {
			case status/100 != 2:
				want = replyRefused
			case status != 200 && status != 204 && want == replyStream:
			case status != 200 && status != 201 && status != 203:
				want = replyEmpty
			}
			if len(contentType) > 100 && status != 200 {
				continue
			}
			got := replyKind(text(status, contentType, ""))
			if got != want {
				t.Fatalf("status %d, content type %.60q: %d, want %d", status, contentType, got, want)
			}
		}
	}
	require.Equal(t, replyJSON, replyKind(&http.Response{StatusCode: http.StatusOK}), "no header map at all")
}

// refusals are bodies of replies other than 2xx, and the errors they become.
var refusals = []struct {
	body string
	rpc  int64 // code of the JSON-RPC error in the body; 0 if there is none
	ours bool  // the error has the ID of the request
}{
	{`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"m"}}`, -32602, true},
	{`{"jsonrpc":"2.0","id":1.0,"error":{"code":-32602,"message":"m","data":{"a":1}}}`, -32602, true},
	{"\n " + `{"error":{"message":"m","code":7},"id":1,"jsonrpc":"2.0"}` + " \r\n", 7, true},
	{`{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"m"}}`, -32602, false},
	{`{"jsonrpc":"2.0","id":"1","error":{"code":-32602,"message":"m"}}`, -32602, true},
	{`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32602,"message":"m"}}`, -32602, false},
	{`{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"m"}}`, -32000, false},
	{`{"jsonrpc":"2.0","error":{"code":-32000,"message":"m"}}`, -32000, false},
	{`{"jsonrpc":"2.0","id":1,"error":null}`, 0, false},
	{`{"jsonrpc":"2.0","id":1,"result":{"ok":true}}`, 0, false},
	{`{"jsonrpc":"2.0","id":1,"method":"m","error":{"code":1,"message":"m"}}`, 0, false},
	{`[{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}]`, 0, false},
	{`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}} junk`, 0, false},
	{`{"jsonrpc":"2.0","id":1,"error":{"code":1,`, 0, false},
	{`{"error":"invalid_token"}`, 0, false},
	{`<html>Bad Gateway</html>`, 0, false},
	{``, 0, false},
}

func TestRefusal(t *testing.T) {
	for status := 300; status < 600; status++ {
		if status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect {
			continue // see TestRedirectRefused
		}
		for i, row := range refusals {
			contentType := []string{typeJSON, "", "text/html", "text/event-stream", "application/problem+json; a=b"}[(status+i)%5]
			var resp *http.Response
			recv, err := callOnce(t, always(func() *http.Response {
				resp = text(status, contentType, row.body)
				resp.Header.Add("WWW-Authenticate", `Bearer error="invalid_token"`)
				resp.Header.Add("WWW-Authenticate", "Basic")
				return resp
			}))
			requireRefusal(t, err, status, row.rpc, row.ours, fmt.Sprintf("status %d, body %s", status, row.body))
			require.EqualValues(t, 1, min(resp.Body.(*trackedBody).closed.Load(), 1), "the body is closed")
			require.Empty(t, recv.result)
		}
	}
}

// The client requests no protocol upgrade, so a final 1xx is a protocol error.
func TestInterimStatusAsTheFinalResponse(t *testing.T) {
	for _, status := range []int{100, 101, 103, 199} {
		_, err := callOnce(t, always(func() *http.Response { return text(status, "", "") }))
		require.IsType(t, (*ProtocolError)(nil), err)
	}
}

func requireRefusal(t *testing.T, err error, status int, code int64, ours bool, what string) {
	t.Helper()
	requireOneLine(t, err)
	if ours && status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusTooManyRequests && status != http.StatusTooEarly {
		rpc, ok := err.(*RPCError)
		require.True(t, ok, "%s: %T", what, err)
		require.Equal(t, code, rpc.Code, what)
		require.Equal(t, status, rpc.Status, what)
		return
	}
	refused, ok := err.(*HTTPError)
	require.True(t, ok, "%s: %T", what, err)
	require.Equal(t, status, refused.Status, what)
	require.Equal(t, []string{`Bearer error="invalid_token"`, "Basic"}, refused.Challenges, what)
	require.Negative(t, refused.RetryAfter, what)
	if code == 0 {
		require.Nil(t, refused.RPC, what)
		return
	}
	require.NotNil(t, refused.RPC, what)
	require.Equal(t, code, refused.RPC.Code, what)
	require.Equal(t, status, refused.RPC.Status, what)
}

// A 401, or a 403 with a challenge, is about credentials. It stays an HTTPError whatever the ID in
// the body.
func TestChallengeStaysAStatus(t *testing.T) {
	const challenge = `Bearer resource_metadata="https://rs/x"`
	for _, row := range []struct {
		status     int
		challenges []string
		answers    bool
	}{
		{http.StatusUnauthorized, []string{challenge}, false},
		{http.StatusUnauthorized, nil, false},
		{http.StatusForbidden, []string{challenge}, false},
		{http.StatusForbidden, nil, true},
		{http.StatusNotFound, []string{challenge}, true},
	} {
		_, err := callOnce(t, always(func() *http.Response {
			resp := text(row.status, typeJSON, refusals[0].body)
			resp.Header["Www-Authenticate"] = row.challenges
			return resp
		}))
		if row.answers {
			require.IsType(t, (*RPCError)(nil), err)
			continue
		}
		refused, ok := err.(*HTTPError)
		require.True(t, ok, "%T", err)
		require.Equal(t, row.challenges, refused.Challenges)
		require.NotNil(t, refused.RPC)
		require.EqualValues(t, -32602, refused.RPC.Code)
	}
}

func TestReplyOfSuccess(t *testing.T) {
	refused := `{"jsonrpc":"2.0","id":%s,"error":{"code":5,"message":"no","data":[1]}}`
	for _, row := range []struct {
		name, body string
		want       any // nil, or an error of the expected type
	}{
		{"answer", answer, nil},
		{"answer with a fraction", `{"jsonrpc":"2.0","id":1.0,"result":{"ok":true}}`, nil},
		{"white space around", "\r\n\t " + answer + "\n", nil},
		{"error", fmt.Sprintf(refused, "1"), &RPCError{}},
		{"error with a null id", fmt.Sprintf(refused, "null"), &ProtocolError{}},
		{"error without id", `{"jsonrpc":"2.0","error":{"code":5,"message":"no"}}`, &ProtocolError{}},
		{"unread, with a null id", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}`, &RPCError{}},
		{"unread, without id", `{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"}}`, &RPCError{}},
		{"error of another request", fmt.Sprintf(refused, "2"), &ProtocolError{}},
		{"error of a string", fmt.Sprintf(refused, `"1"`), &RPCError{}},
		{"error of another string", fmt.Sprintf(refused, `"x"`), &ProtocolError{}},
		{"answer to another request", strings.Replace(answer, `:1,`, `:2,`, 1), &ProtocolError{}},
		{"answer with our id as a string", strings.Replace(answer, `:1,`, `:"1",`, 1), nil},
		{"answer with another string as id", strings.Replace(answer, `:1,`, `:"x",`, 1), &ProtocolError{}},
		{"answer with a null id", strings.Replace(answer, `:1,`, `:null,`, 1), &ProtocolError{}},
		{"answer without id", `{"jsonrpc":"2.0","result":{}}`, &ProtocolError{}},
		{"notification", `{"jsonrpc":"2.0","method":"m"}`, &ProtocolError{}},
		{"request", `{"jsonrpc":"2.0","id":1,"method":"m"}`, &ProtocolError{}},
		{"batch of one", "[" + answer + "]", nil},
		{"batch", "[" + answer + ",1]", &ProtocolError{}},
		{"byte order mark", "\ufeff" + answer, nil},
		{"two messages", answer + answer, &ProtocolError{}},
		{"junk behind", answer + "x", &ProtocolError{}},
		{"cut JSON", answer[:20], &ProtocolError{}},
		{"empty", "", &ProtocolError{}},
		{"white space", " \n", &ProtocolError{}},
		{"web page", "<html>", &ProtocolError{}},
		{"no version", `{"id":1,"result":{}}`, &ProtocolError{}},
		{"id twice", `{"jsonrpc":"2.0","id":2,"id":1,"result":{}}`, &ProtocolError{}},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}`, &ProtocolError{}},
	} {
		for _, status := range []int{200, 201, 203} {
			for _, contentType := range []string{typeJSON, "", "Application/Json;charset=utf-8"} {
				recv, err := callOnce(t, always(func() *http.Response { return text(status, contentType, row.body) }))
				if row.want == nil {
					require.NoError(t, err, row.name)
					require.Equal(t, result, recv.result, row.name)
					continue
				}
				require.IsType(t, row.want, err, row.name)
				requireOneLine(t, err)
			}
		}
	}
}

func TestReplyWithoutAnswer(t *testing.T) {
	for _, status := range []int{202, 204, 205, 206, 299} {
		for _, body := range []string{"", answer} {
			var resp *http.Response
			_, err := callOnce(t, always(func() *http.Response {
				resp = text(status, typeJSON, body)
				resp.ContentLength = int64(len(body))
				return resp
			}))
			violation, ok := err.(*ProtocolError)
			require.True(t, ok, "%T", err)
			require.Equal(t, status, violation.Status)
			require.Positive(t, resp.Body.(*trackedBody).closed.Load())
		}
	}
	_, err := callOnce(t, always(func() *http.Response { return text(200, "text/html; charset=utf-8", "<p>Log\x1b[31min</p>\n") }))
	violation, ok := err.(*ProtocolError)
	require.True(t, ok, "%T", err)
	require.Contains(t, violation.Error(), "text/html")
	require.Equal(t, "<p>Log\ufffd[31min</p>", violation.Preview)
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                                 -1,
		"0":                                0,
		"7":                                7 * time.Second,
		" 7 ":                              7 * time.Second,
		"007":                              7 * time.Second,
		"59":                               59 * time.Second,
		"60":                               time.Minute,
		"61":                               time.Minute,
		"2147483647":                       time.Minute,
		"2147483648":                       time.Minute,
		"18446744073709551616":             time.Minute,
		strings.Repeat("9", 10_000):        time.Minute,
		"-5":                               -1,
		"+5":                               -1,
		"5.5":                              -1,
		"1e3":                              -1,
		"0x10":                             -1,
		"5s":                               -1,
		"5, 6":                             -1,
		"soon":                             -1,
		"٥":                                -1,
		"Sat, 01 Jan 2000 00:00:30 GMT":    30 * time.Second,
		"Saturday, 01-Jan-00 00:00:30 GMT": 30 * time.Second,
		"Sat Jan  1 00:00:30 2000":         30 * time.Second,
		"Fri, 31 Dec 1999 23:59:59 GMT":    0,
		"Sat, 01 Jan 2000 00:05:00 GMT":    time.Minute,
		"Fri, 31 Dec 9999 23:59:59 GMT":    time.Minute,
		"Sat, 01 Jan 2000 00:00:30":        -1,
	} {
		synctest.Test(t, func(t *testing.T) { // fake time starts at 2000-01-01 00:00:00 UTC
			_, err := callOnce(t, always(func() *http.Response {
				resp := text(http.StatusServiceUnavailable, "", "")
				resp.Header.Set("Retry-After", value)
				return resp
			}))
			refused, ok := err.(*HTTPError)
			require.True(t, ok, "%T", err)
			require.Equal(t, want, refused.RetryAfter, "%.40q", value)
		})
	}
}
