package execproto

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// These transcripts are from a real executor (codex exec-server 0.169.0) and its client.

func TestHandshakeTranscript(t *testing.T) {
	m := read(t, `{"id":1,"method":"initialize","params":{"clientName":"go-client","resumeSessionId":null}}`)
	require.Equal(t, Request, m.Kind)
	require.Equal(t, MethodInitialize, m.Method)
	require.Equal(t, `{"clientName":"go-client","resumeSessionId":null}`, string(m.Params))

	m = read(t, `{"id":1,"result":{"sessionId":"7b5229d8-8c4b-4163-afb2-eabe2a6bfec6","environmentInfo":{"shell":{"name":"bash","path":"/bin/bash"},"executorVersion":"0.169.0","cwd":"file:///srv/app","platformOs":"linux","capabilities":{"httpHeaderEnvVars":true}}}}`)
	require.Equal(t, Result, m.Kind)
	environment, err := ReadEnvironment(m.Result)
	require.NoError(t, err)
	require.Equal(t, Environment{Version: "0.169.0", HeaderEnvVars: true}, environment)

	m = read(t, `{"method":"initialized","params":{}}`)
	require.Equal(t, Notification, m.Kind)
	require.Equal(t, MethodInitialized, m.Method)
}

func TestBufferedTranscript(t *testing.T) {
	m := read(t, `{"id":2,"method":"http/request","params":{"method":"POST","url":"http://127.0.0.1:34801/echo","headers":[{"name":"content-type","value":"application/json"}],"bodyBase64":"eyJhIjoxfQ==","timeoutMs":5000,"redirectPolicy":"stop","requestId":"buf-1","streamResponse":false}}`)
	require.Equal(t, Request, m.Kind)
	require.Equal(t, MethodHTTPRequest, m.Method)
	request, err := ReadHTTPRequest(m.Params)
	require.NoError(t, err)
	require.Equal(t, &HTTPRequest{
		Method: "POST", URL: "http://127.0.0.1:34801/echo", Headers: []Header{{Name: "content-type", Value: "application/json"}},
		Body: []byte(`{"a":1}`), TimeoutMs: 5000, Stop: true, RequestID: "buf-1",
	}, request)

	m = read(t, `{"id":2,"result":{"status":200,"headers":[{"name":"set-cookie","value":"s=1"},{"name":"set-cookie","value":"t=2"},{"name":"content-type","value":"text/plain; charset=utf-8"}],"bodyBase64":"UE9TVA=="}}`)
	response, err := ReadHTTPResponse(m.Result)
	require.NoError(t, err)
	require.Equal(t, &HTTPResponse{Status: 200, Body: []byte("POST"), Headers: []Header{
		{Name: "set-cookie", Value: "s=1"}, {Name: "set-cookie", Value: "t=2"}, {Name: "content-type", Value: "text/plain; charset=utf-8"},
	}}, response)
}

func TestStreamTranscript(t *testing.T) {
	m := read(t, `{"id":3,"method":"http/request","params":{"method":"GET","url":"http://127.0.0.1:34801/sse?n=2","headers":[{"name":"accept","value":"text/event-stream"}],"redirectPolicy":"stop","requestId":"http-1","streamResponse":true}}`)
	request, err := ReadHTTPRequest(m.Params)
	require.NoError(t, err)
	want := &HTTPRequest{
		Method: "GET", URL: "http://127.0.0.1:34801/sse?n=2", Headers: []Header{{Name: "accept", Value: "text/event-stream"}},
		TimeoutMs: -1, Stop: true, RequestID: "http-1", Stream: true,
	}
	require.Equal(t, want, request)

	m = read(t, `{"id":3,"result":{"status":200,"headers":[{"name":"content-type","value":"text/event-stream"}],"bodyBase64":""}}`)
	response, err := ReadHTTPResponse(m.Result)
	require.NoError(t, err)
	require.Equal(t, &HTTPResponse{Status: 200, Headers: []Header{{Name: "content-type", Value: "text/event-stream"}}}, response)

	var body []byte
	for seq, text := range []string{
		`{"method":"http/request/bodyDelta","params":{"requestId":"http-1","seq":1,"deltaBase64":"ZGF0YTogMAoK","done":false,"error":null}}`,
		`{"method":"http/request/bodyDelta","params":{"requestId":"http-1","seq":2,"deltaBase64":"ZGF0YTogMQoK","done":false,"error":null}}`,
		`{"method":"http/request/bodyDelta","params":{"requestId":"http-1","seq":3,"deltaBase64":"","done":true,"error":null}}`,
	} {
		m = read(t, text)
		require.Equal(t, BodyDelta, m.Kind)
		require.Equal(t, "http-1", string(m.Delta.RequestID))
		require.EqualValues(t, seq+1, m.Delta.Seq)
		require.Equal(t, seq == 2, m.Delta.Done)
		require.False(t, m.Delta.Failed)
		body, err = m.Delta.Decode(body)
		require.NoError(t, err)
		require.Equal(t, text, string(AppendDelta(nil, "http-1", int64(seq+1), [][]byte{[]byte("data: 0\n\n"), []byte("data: 1\n\n"), nil}[seq], seq == 2, "")))
	}
	require.Equal(t, "data: 0\n\ndata: 1\n\n", string(body))

	text := `{"method":"http/request/bodyDelta","params":{"requestId":"a6","seq":2,"deltaBase64":"","done":true,"error":"error decoding response body"}}`
	require.Equal(t, Delta{RequestID: []byte("a6"), Seq: 2, Base64: []byte{}, Done: true, Failed: true, Error: "error decoding response body"}, read(t, text).Delta)
	require.Equal(t, text, string(AppendDelta(nil, "a6", 2, nil, true, "error decoding response body")))
}

func TestFailureTranscript(t *testing.T) {
	for _, want := range []struct {
		request, answer string
		failure         Error
	}{
		{
			`{"id":4,"method":"http/request","params":{"method":"GET","url":"http://127.0.0.1:1/x","requestId":"http-2","streamResponse":true}}`,
			`{"error":{"code":-32603,"message":"http/request failed: error sending request for url (http://127.0.0.1:1/x)"},"id":4}`,
			Error{Code: CodeFailed, Message: "http/request failed: error sending request for url (http://127.0.0.1:1/x)"},
		},
		{
			`{"id":5,"method":"http/request","params":{"method":"GET","url":"ftp://h/","requestId":"http-3"}}`,
			`{"error":{"code":-32602,"message":"http/request only supports http and https URLs, got ftp"},"id":5}`,
			Error{Code: CodeInvalidParams, Message: "http/request only supports http and https URLs, got ftp"},
		},
	} {
		asked := read(t, want.request)
		request, err := ReadHTTPRequest(asked.Params)
		require.NoError(t, err)
		require.False(t, request.Stop, "redirects are followed unless the request says otherwise")
		m := read(t, want.answer)
		require.Equal(t, Failure, m.Kind)
		require.Equal(t, want.failure, m.Error)
		require.Equal(t, asked.RawID, m.RawID)
		require.Equal(t, want.answer, string(AppendError(nil, asked.RawID, want.failure.Code, want.failure.Message, nil)))
	}
}

func read(t *testing.T, text string) Message {
	t.Helper()
	var m Message
	require.NoError(t, m.Read([]byte(text)))
	return m
}
