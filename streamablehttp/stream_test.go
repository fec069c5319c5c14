package streamablehttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// oneByOne returns one byte for each Read.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1)]) }

func TestAnswerOnStream(t *testing.T) {
	message := `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"n":1}}`
	for name, events := range map[string]string{
		"plain":                       answerEvent,
		"byte order mark":             "\ufeff" + answerEvent,
		"carriage returns":            "data: " + answer + "\r\r",
		"carriage returns, feeds":     "data: " + answer + "\r\n\r\n",
		"no space":                    "data:" + answer + "\n\n",
		"named message":               "event: message\n" + answerEvent,
		"empty name":                  "event:\n" + answerEvent,
		"last name counts":            "event: other\nevent: message\n" + answerEvent,
		"name and id behind":          "data: " + answer + "\nid: 5\nevent: message\nretry: 1\n\n",
		"comments":                    ": hi\n\n:\n: ping\n\n" + answerEvent,
		"comment within":              ": x\ndata: {\"jsonrpc\":\n: y\ndata: \"2.0\",\"id\":1,\"result\":{\"ok\":true}}\n\n",
		"several lines":               "data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\ndata: \"result\":{\"ok\":true}}\n\n",
		"unknown fields":              "foo: bar\nDATA: x\ndatax: y\n" + answerEvent,
		"empty data before":           "data\n\ndata:\n\ndata: \n\nid: 1\ndata:\n\n" + answerEvent,
		"blank lines":                 "\n\n\n" + answerEvent,
		"other events before":         "event: ping\ndata: not json\n\nevent: Message\ndata: {]\n\nevent: error\ndata: x\n\n" + answerEvent,
		"answer in another event":     "event: other\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"\"}}\n\n" + answerEvent,
		"bad retry":                   "retry: soon\nretry: -1\nretry: 1e3\nretry:\n" + answerEvent,
		"id with NUL":                 "id: \x00\n" + answerEvent,
		"junk behind":                 answerEvent + "data: {]\n\n\xff\xff",
		"second answer behind":        answerEvent + strings.ReplaceAll(answerEvent, "true", "false"),
		"request behind":              answerEvent + `data: {"jsonrpc":"2.0","id":9,"method":"roots/list"}` + "\n\n",
		"white space in the data":     "data:   " + answer + "  \n\n",
		"notification without params": `data: {"jsonrpc":"2.0","method":"m"}` + "\n\n" + answerEvent,
		"large keep-alives":           strings.Repeat(":"+strings.Repeat("x", 10_000)+"\n", 100) + answerEvent,
		"many messages":               strings.Repeat(message+"\n\n", 1000) + answerEvent,
	} {
		for _, reader := range []func() io.Reader{
			func() io.Reader { return strings.NewReader(events) },
			func() io.Reader { return oneByOne{strings.NewReader(events)} },
			func() io.Reader { return failing(events, errors.New("link lost")) },
		} {
			recv, err := callOnce(t, always(func() *http.Response { return respond(http.StatusOK, "text/event-stream; charset=utf-8", reader()) }))
			require.NoError(t, err, name)
			require.Equal(t, result, recv.result, name)
			require.Positive(t, recv.events, name)
		}
	}
}

// Messages before the answer are delivered in order before Call returns.
func TestMessagesBeforeTheAnswer(t *testing.T) {
	events := `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}` + "\n\n" +
		`data: {"jsonrpc":"2.0","id":"s-1","method":"sampling/createMessage","params":{}}` + "\n\n" +
		`data: {"jsonrpc":"2.0","method":"notifications/message"}` + "\n\n" + answerEvent
	recv, err := callOnce(t, always(func() *http.Response { return stream(events) }))
	require.NoError(t, err)
	require.Equal(t, []string{
		`notification notifications/progress {"progress":1}`, `request "s-1" sampling/createMessage {}`, `notification notifications/message `,
	}, recv.messages)
	require.Equal(t, 5, recv.events, "the header and four events")
}

func TestErrorOnStream(t *testing.T) {
	withID := func(id string) error {
		_, err := callOnce(t, always(func() *http.Response {
			return stream(`data: {"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32000,"message":"no","data":{"a":1}}}` + "\n\n")
		}))
		return err
	}
	want := &RPCError{Code: -32000, Message: "no", Data: []byte(`{"a":1}`), Status: http.StatusOK}
	require.Equal(t, want, withID("1"))
	var protocol *ProtocolError
	require.ErrorAs(t, withID("null"), &protocol, "the request may have run")
	require.Equal(t, want, protocol.Err)
}

// An error without an ID counts as the answer only if it is the only message. If anything shows
// that the server began to process the request, it is a protocol error.
func TestErrorWithoutIDOnStream(t *testing.T) {
	const unread = `data: {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}` + "\n\n"
	const progress = `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}` + "\n\n"
	for name, before := range map[string]string{"alone": "", "heartbeat": ": x\n\n", "retry": "retry: 10\n\n"} {
		_, err := callOnce(t, always(func() *http.Response { return stream(before + unread) }))
		require.Equal(t, &RPCError{Code: -32600, Message: "no", Status: http.StatusOK, NoID: true}, err, name)
	}
	for name, before := range map[string]string{
		"progress": progress, "id": "id: 1\n\n", "priming event": "id: 1\ndata:\n\n", "log": strings.Replace(progress, "progress", "message", 1),
		"event of another name": "event: status\ndata: working\n\n",
	} {
		_, err := callOnce(t, always(func() *http.Response { return stream(before + unread) }))
		require.IsType(t, (*ProtocolError)(nil), err, name)
	}
}

// On a resumed stream an error without an ID is about the resuming GET: the request may have run.
func TestErrorWithoutIDOnResumedStream(t *testing.T) {
	for _, code := range []int{-32700, -32600, -32022, -32000} {
		refusal := fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":%d,\"message\":\"no such event\"}}\n\n", code)
		runScript(t, []turn{events("id: 1\n\n"), events(refusal)}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			requireCut(t, err)
			var rpc *RPCError
			require.ErrorAs(t, err, &rpc)
			require.EqualValues(t, code, rpc.Code)
			require.Equal(t, 1, s.gets())
		})
	}
}

func TestViolationOnStream(t *testing.T) {
	for name, event := range map[string]string{
		"answer without id": `data: {"jsonrpc":"2.0","result":{}}` + "\n\n",
		"cut JSON":          "data: {\"jsonrpc\":\n\n" + answerEvent,
		"two in one event":  "data: " + answer + "\ndata: " + answer + "\n\n",
	} {
		body := &trackedBody{Reader: strings.NewReader("id: 7\n\n" + event + answerEvent)}
		_, err := callOnce(t, always(func() *http.Response { return respond(http.StatusOK, typeStream, body) }))
		require.IsType(t, (*ProtocolError)(nil), err, name)
		requireOneLine(t, err)
		require.Positive(t, body.closed.Load(), name)
	}
}

// Data that is certainly not the answer is skipped. The call fails only if the stream ends without
// the answer.
func TestSkippedOnStream(t *testing.T) {
	for name, event := range map[string]string{
		"answer to another request": strings.Replace(answerEvent, `:1,`, `:2,`, 1),
		"answer of a string":        strings.Replace(answerEvent, `:1,`, `:"x",`, 1),
		"error of another request":  `data: {"jsonrpc":"2.0","id":2,"error":{"code":1,"message":""}}` + "\n\n",
		"text":                      "data: ping\n\n",
		"heartbeat object":          "data: {\"type\":\"ping\",\"id\":3}\n\n",
		"empty envelope":            "data: {\"jsonrpc\":\"2.0\"}\n\n",
		"web page":                  "data: <html>\x1b[2J\n\n",
		"number":                    "data: 1\n\n",
	} {
		recv, err := callOnce(t, always(func() *http.Response { return stream(event + answerEvent) }))
		require.NoError(t, err, name)
		require.Equal(t, result, recv.result, name)
		_, err = callOnce(t, always(func() *http.Response { return stream(event) }))
		require.Error(t, err, name)
		require.NotEqual(t, transport.NotSent, transport.StageOf(err), name)
	}
}

// Since 2026-07-28 a server must not send requests on a stream.
func TestRequestOnModernStream(t *testing.T) {
	c := newConn(t, always(func() *http.Response {
		return stream(`data: {"jsonrpc":"2.0","method":"notifications/message"}` + "\n\n" +
			`data: {"jsonrpc":"2.0","id":1,"method":"roots/\u001blist"}` + "\n\n" + answerEvent)
	}))
	recv := new(heard)
	err := c.do(t.Context(), c.modern(), recv)
	require.IsType(t, (*ProtocolError)(nil), err)
	requireOneLine(t, err)
	require.Equal(t, []string{"notification notifications/message "}, recv.messages)
}

// An error of the receiver ends the call. The stream is not resumed.
func TestReceiverRefusesRequest(t *testing.T) {
	refusal := errors.New("too many requests")
	requests := 0
	var body *trackedBody
	c := newConn(t, roundTripper(func(*http.Request) (*http.Response, error) {
		requests++
		resp := stream("id: 3\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n\n" + answerEvent)
		body = resp.Body.(*trackedBody)
		return resp, nil
	}))
	err := c.do(t.Context(), c.legacy(), &heard{refuse: refusal})
	require.ErrorIs(t, err, refusal)
	require.Equal(t, transport.MaybeSent, transport.StageOf(err))
	require.Equal(t, 1, requests)
	require.Positive(t, body.closed.Load())

	err = c.Listen(t.Context(), c.legacy(), new(Cursor), &heard{refuse: refusal}, nil)
	require.ErrorIs(t, err, refusal)
}

// Without an event ID, or in the modern era, a lost stream cannot be resumed. The call fails, and
// nothing is sent again.
func TestStreamEndsWithoutTheAnswer(t *testing.T) {
	broken := errors.New("link lost")
	notification := `data: {"jsonrpc":"2.0","method":"m"}` + "\n\n"
	for _, row := range []struct {
		events string
		end    error
		modern bool
		want   error
	}{
		{"", io.EOF, false, errNoAnswer},
		{notification, io.EOF, false, errNoAnswer},
		{"retry: 1\n\n" + notification, io.EOF, false, errNoAnswer},
		{"id:\n\n", io.EOF, false, errNoAnswer},
		{"id: 4\n\nid:\n\n", io.EOF, false, errNoAnswer},
		{"id: 4\n\n" + notification, io.EOF, true, errNoAnswer},
		{"id: 4\n\n", broken, true, broken},
		{"id: 4\n", io.EOF, false, io.ErrUnexpectedEOF}, // the block is cut, so is its id
		{"data: " + answer[:30], io.EOF, false, io.ErrUnexpectedEOF},
		{"data: " + answer[:30] + "\n", io.EOF, true, io.ErrUnexpectedEOF},
		{"data: " + answer, io.ErrUnexpectedEOF, false, io.ErrUnexpectedEOF}, // cut, not ended
		{notification, broken, false, broken},
		{notification, &transport.Error{Stage: transport.NotSent, Permanent: true, Err: broken}, false, broken},
	} {
		requests := 0
		c := newConn(t, roundTripper(func(*http.Request) (*http.Response, error) {
			requests++
			return respond(http.StatusOK, typeStream, failing(row.events, row.end)), nil
		}))
		s := c.legacy()
		if row.modern {
			s = c.modern()
		}
		err := c.do(t.Context(), s, new(heard))
		requireCut(t, err)
		require.ErrorIs(t, err, row.want, "%q", row.events)
		require.Equal(t, 1, requests, "%q", row.events)
	}
}

// Servers and gateways send wrong content types and omit the last line of a stream. A complete
// response with the request's ID still counts as the answer.
func TestAnswerWithAWrongLabel(t *testing.T) {
	pretty := "{\n \"jsonrpc\":\"2.0\",\n \"id\":1, \"result\":{\"ok\":true}}\n"
	for name, resp := range map[string]*http.Response{
		"last event without a blank line": stream("event: message\ndata: " + answer + "\n"),
		"last event without a line end":   stream("data: " + answer),
		"event of two lines":              stream(`data: {"jsonrpc":"2.0","id":1,` + "\n" + `data: "result":{"ok":true}}`),
		"JSON as a stream":                stream(answer),
		"pretty JSON as a stream":         stream("\ufeff" + pretty),
		"a stream as JSON":                text(200, typeJSON, "event: message\ndata: "+answer+"\n\n"),
		"a stream without a type":         text(200, "", ": hi\n\ndata: "+answer+"\n\n"),
		"JSON as text":                    text(200, "text/plain; charset=utf-8", answer),
		"JSON as HTML":                    text(200, "text/html", "\n"+pretty),
		"a stream with 202":               text(202, typeStream, answerEvent),
	} {
		recv, err := callOnce(t, always(func() *http.Response { return resp }))
		require.NoError(t, err, name)
		require.JSONEq(t, result, recv.result, name)
	}
	other := strings.Replace(answer, `:1,`, `:2,`, 1)
	for name, resp := range map[string]*http.Response{
		"cut event":          stream("data: " + answer[:len(answer)-1]),
		"another's":          stream("data: " + other),
		"JSON of another":    stream(other),
		"text of another":    text(200, "text/plain", other),
		"other JSON as text": text(200, "text/plain", `{"error":"x"}`),
		"a stream of others": text(200, typeJSON, "data: "+other+"\n\n"),
	} {
		_, err := callOnce(t, always(func() *http.Response { return resp }))
		require.Error(t, err, name)
		require.NotEqual(t, transport.NotSent, transport.StageOf(err), name)
	}
}

// Batches are read in sessions without a version header, as 2025-03-26 requires.
func TestBatchOfMessages(t *testing.T) {
	batch := `[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":9,"method":"b"},` + answer + `]`
	for name, resp := range map[string]func() *http.Response{
		"JSON":   func() *http.Response { return text(200, typeJSON, batch) },
		"stream": func() *http.Response { return stream("data: " + batch + "\n\n") },
	} {
		c := newConn(t, always(resp))
		recv := new(heard)
		require.NoError(t, c.do(t.Context(), c.NewSession("", "session-1", false), recv), name)
		require.Equal(t, result, recv.result)
		require.Equal(t, []string{"notification a ", "request 9 b "}, recv.messages)
		for _, s := range []*Session{c.legacy(), c.modern()} {
			err := c.do(t.Context(), s, new(heard))
			require.ErrorContains(t, err, "batch", name)
		}
	}
	c := newConn(t, always(func() *http.Response { return stream("data: " + batch + "\n\n") }))
	recv := new(heard)
	require.Equal(t, io.EOF, c.Listen(t.Context(), c.NewSession("", "session-1", false), new(Cursor), recv, nil))
	require.Equal(t, []string{"notification a ", "request 9 b "}, recv.messages)
}

// A result that cannot be decoded is a protocol error that previews the message.
func TestUndecodableResult(t *testing.T) {
	for _, resp := range []func() *http.Response{
		func() *http.Response { return stream(answerEvent) },
		func() *http.Response { return text(http.StatusOK, typeJSON, answer) },
	} {
		bad := errors.New("unexpected result")
		c := newConn(t, always(resp))
		err := c.do(t.Context(), c.legacy(), &picky{err: bad})
		require.IsType(t, (*ProtocolError)(nil), err)
		require.ErrorIs(t, err, bad)
		for _, n := range []int{1 << 30, 0, -1} {
			err = c.do(t.Context(), c.legacy(), &picky{n: n})
			require.IsType(t, (*ProtocolError)(nil), err)
		}
	}
}

// picky is a Receiver whose decoder returns a fixed result.
type picky struct {
	heard

	n   int
	err error
}

func (p *picky) DecodeResult([]byte) (int, error) { return p.n, p.err }

// If a receiver panics, the body is closed and the context ends, in case the caller recovers.
func TestReceiverPanics(t *testing.T) {
	for _, resp := range []*http.Response{
		stream(`data: {"jsonrpc":"2.0","method":"m"}` + "\n\n" + answerEvent),
		stream("id: 1\n\n" + `data: {"jsonrpc":"2.0","method":"m"}` + "\n\n"),
	} {
		var inFlight *http.Request
		c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			inFlight = req
			return resp, nil
		}))
		require.Panics(t, func() {
			_ = c.do(t.Context(), c.legacy(), &heard{notified: func(string) { panic("handler") }})
		})
		require.Error(t, inFlight.Context().Err())
	}
}
