package agent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// batches is a link that records which messages are sent together, and when.
type batches struct {
	sent  []string
	began time.Time
	fails bool
}

func (b *batches) Send(message []byte) error { return b.SendAll(message) }

func (b *batches) SendAll(messages ...[]byte) error {
	if b.fails {
		return errors.New("the link is cut")
	}
	kinds := time.Since(b.began).String() + ":"
	for _, data := range messages {
		var m execproto.Message
		if err := m.Read(data); err != nil {
			return err
		}
		piece, err := m.Delta.Decode(nil)
		switch {
		case err != nil:
			return err
		case m.Kind == execproto.Result:
			kinds += " head"
		case m.Delta.Done:
			kinds += " end " + m.Delta.Error
		default:
			kinds += " " + string(piece)
		}
	}
	b.sent = append(b.sent, strings.TrimSpace(kinds))
	return nil
}

func (*batches) Receive() ([]byte, error) { return nil, io.EOF }
func (*batches) Close() error             { return nil }

// slowly is a body that takes a second for each piece, after the first delay.
type slowly struct {
	first  time.Duration
	pieces []string
	end    error
}

func (s *slowly) Read(p []byte) (int, error) {
	time.Sleep(s.first)
	s.first = time.Second
	if len(s.pieces) == 0 {
		return 0, s.end
	}
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func (*slowly) Close() error { return nil }

// A head with a Content-Length is sent together with what its body begins with, if that comes at
// once. No other message waits for another.
func TestWhatIsSentTogether(t *testing.T) {
	cut := errors.New("cut")
	for name, c := range map[string]struct {
		length int64
		body   io.ReadCloser
		want   []string
	}{
		"whole":                {2, io.NopCloser(&whole{"hi"}), []string{"0s: head hi end"}},
		"empty":                {0, http.NoBody, []string{"0s: head end"}},
		"a body in two pieces": {4, &slowly{0, []string{"ab", "cd"}, io.EOF}, []string{"0s: head ab", "1s: cd", "2s: end"}},
		"a slow body":          {2, &slowly{time.Minute, []string{"ab"}, io.EOF}, []string{"1ms: head", "1m0s: ab", "1m1s: end"}},
		"a body that fails":    {2, &slowly{time.Second, nil, cut}, []string{"1ms: head", "1s: end the response body was cut off: cut"}},
		"it fails at once":     {2, &slowly{0, nil, cut}, []string{"0s: head end the response body was cut off: cut"}},
		"no length":            {-1, &slowly{0, []string{"ab"}, io.EOF}, []string{"0s: head", "0s: ab", "1s: end"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &batches{began: time.Now()}
				e := streamOver(t, l)
				e.streamed(&http.Response{ContentLength: c.length, Body: c.body}, &execproto.HTTPResponse{Status: 200})
				require.Equal(t, c.want, l.sent)
				require.Equal(t, 1, e.s.slots.room, "it left the session once")
			})
		})
	}
}

// If the link is gone, an exchange leaves its session, whether its head is late or not.
func TestStreamOnALostLink(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			e := streamOver(t, &batches{fails: true})
			e.streamed(&http.Response{ContentLength: 4, Body: &slowly{delay, []string{"ab", "cd"}, io.EOF}}, &execproto.HTTPResponse{Status: 200})
			require.Equal(t, 1, e.s.slots.room)
			require.Error(t, e.s.ctx.Err())
		})
	}
}

// whole is a body whose last bytes come with io.EOF.
type whole struct{ text string }

func (w *whole) Read(p []byte) (int, error) { return copy(p, w.text), io.EOF }

// streamOver returns an exchange of a session over l.
func streamOver(t *testing.T, l Link) *exchange {
	t.Helper()
	c, err := newConfig(nil)
	require.NoError(t, err)
	a, err := c.Budget.open()
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &session{c: c, link: l, account: a, log: c.Logger, ctx: ctx, writing: make(chan struct{}, 1), end: cancel}
	s.slots.init(1, 0)
	return &exchange{s: s, rawID: []byte("1"), id: "a", stream: true}
}
