//go:build !race

package execproto

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// These tests count allocations, so they are not built with the race detector, which changes the
// number.

func requireAllocs(t *testing.T, want float64, what string, f func()) {
	t.Helper()
	require.Equal(t, want, testing.AllocsPerRun(20, f), what)
}

func TestDeltaAllocatesNothing(t *testing.T) {
	piece := make([]byte, 16<<10)
	text := AppendDelta(nil, "http-1", 7, piece, false, "")
	dst, body := make([]byte, 0, len(text)), make([]byte, 0, len(piece)+4)
	var m Message
	requireAllocs(t, 0, "read and decode", func() {
		if err := m.Read(text); err != nil || m.Kind != BodyDelta {
			t.Fatal(err)
		}
		if got, err := m.Delta.Decode(body); err != nil || len(got) != len(piece) {
			t.Fatal(err)
		}
	})
	requireAllocs(t, 0, "append", func() {
		if len(AppendDelta(dst, "http-1", 7, piece, false, "")) != len(text) {
			t.Fatal("another text")
		}
	})
}

func TestAnswerAllocatesLittle(t *testing.T) {
	var m Message
	response := &HTTPResponse{Status: 200, Headers: []Header{{Name: "content-type", Value: "text/event-stream"}, {Name: "date", Value: "today"}}}
	text := AppendHTTPResponse(nil, []byte("12"), response)
	requireAllocs(t, 0, "envelope", func() {
		if err := m.Read(text); err != nil {
			t.Fatal(err)
		}
		if id, ok := m.ID(); !ok || id != 12 {
			t.Fatal(id)
		}
	})
	requireAllocs(t, 1+2+4, "the response, its headers (grown once) and their texts", func() {
		if _, err := ReadHTTPResponse(m.Result); err != nil {
			t.Fatal(err)
		}
	})
	dst := make([]byte, 0, 1024)
	request := &HTTPRequest{Method: "POST", URL: "http://h/mcp", Headers: response.Headers, Body: []byte("{}"), RequestID: "http-1", Stream: true}
	requireAllocs(t, 0, "request", func() { AppendHTTPRequest(dst, 1, request) })
}
