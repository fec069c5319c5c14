package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script is a link whose far end sends a list of messages and then closes the link.
type script struct {
	lines [][]byte
	gone  chan struct{}
	once  sync.Once
	sent  [][]byte
}

func (s *script) Receive() ([]byte, error) {
	if len(s.lines) == 0 {
		return nil, io.EOF
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	return line, nil
}

func (s *script) Send(message []byte) error {
	s.sent = append(s.sent, bytes.Clone(message))
	return nil
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.gone) })
	return nil
}

// canned is a server that sends one fixed response, whatever it reads.
type canned struct {
	net.Conn

	once sync.Once
	read chan struct{} // closed when something was written, or the connection was closed
	r    io.Reader
}

func (c *canned) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.read) })
	return len(p), nil
}

func (c *canned) Read(p []byte) (int, error) {
	<-c.read
	return c.r.Read(p)
}

func (c *canned) Close() error {
	c.once.Do(func() { close(c.read) })
	return nil
}

func (*canned) RemoteAddr() net.Addr            { return nil }
func (*canned) SetReadDeadline(time.Time) error { return nil }

// With a hostile client, Serve still ends, and sends only messages that the protocol allows.
func FuzzServe(f *testing.F) {
	const begin = `{"id":1,"method":"initialize","params":{"clientName":"a"}}` + "\n" + `{"method":"initialized"}` + "\n"
	f.Add(begin + `{"id":2,"method":"http/request","params":{"method":"GET","url":"http://127.0.0.1/","requestId":"a","streamResponse":true}}`)
	f.Add(begin + `{"id":"x","method":"http/request","params":{"method":"POST","url":"http://1.1.1.1/","requestId":"","bodyBase64":"YQ==",` +
		`"headers":[{"name":"a","value":"b"},{"name":"c","value":"","valueEnvVar":"PATH"}],"timeoutMs":1,"redirectPolicy":"stop"}}`)
	f.Add(begin + `{"id":3,"method":"environment/info"}` + "\n" + `{"id":4,"method":"environment/status"}` + "\n{}\n[]\n\x00")
	f.Add(`{"id":-1,"method":"initialize","params":{"clientName":"a","resumeSessionId":"b"}}` + "\n" + `{"method":"http/request/bodyDelta"}`)
	const reply = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/again\r\nContent-Length: 5\r\n\r\nhello"
	f.Fuzz(func(t *testing.T, text string) {
		s := &script{gone: make(chan struct{})}
		for line := range strings.SplitSeq(text, "\n") {
			s.lines = append(s.lines, []byte(line))
		}
		said := len(s.lines)
		dial := func(context.Context, string, string) (net.Conn, error) {
			return &canned{read: make(chan struct{}), r: strings.NewReader(reply)}, nil
		}
		nowhere := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }}
		require.NoError(t, Serve(t.Context(), s, &Options{DialContext: dial, Resolver: nowhere, Concurrent: 2, MaxExchanges: 4}))
		<-s.gone
		answers := 0
		seq := map[string]int64{}
		for _, text := range s.sent {
			var m received
			require.True(t, json.Valid(text), "%q", text)
			if json.Unmarshal(text, &m) != nil {
				answers++ // an answer to environment/status, whose status is a string
				continue
			}
			if m.Params == nil {
				require.True(t, m.ID != nil && (m.Result != nil) != (m.Error != nil), "%s", text)
				answers++
				continue
			}
			if seq[m.Params.RequestID]++; m.Params.Done {
				require.Equal(t, seq[m.Params.RequestID], m.Params.Seq)
				delete(seq, m.Params.RequestID)
			}
		}
		require.LessOrEqual(t, answers, said, "one answer per message")
	})
}

// Many clients at once: each gets its own bodies, complete and in order.
func TestConcurrentStreams(t *testing.T) {
	inWorld(t, &Options{Concurrent: 5}, echoPath, func(w *world) {
		w.handshake()
		const n = 100
		for i := range n {
			w.request(get(fmt.Sprintf("%s/%d", upstream, i), fmt.Sprint(i)))
		}
		bodies, seqs, heads := map[string]string{}, map[string]int64{}, 0
		for done := 0; done < n; {
			m := w.receive()
			if m.Params == nil {
				require.NotNil(w.t, m.Result)
				heads++
				continue
			}
			id := m.Params.RequestID
			seqs[id]++
			require.Equal(w.t, seqs[id], m.Params.Seq)
			bodies[id] += string(m.Params.DeltaBase64)
			if m.Params.Done {
				done++
			}
		}
		require.Equal(w.t, n, heads)
		for id, body := range bodies {
			require.Equal(w.t, strings.Repeat("/"+id, 1000), body)
		}
	})
}
