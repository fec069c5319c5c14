package executor_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// script is what a hostile executor does, and what the user learns.
type script struct {
	name string
	// The first of these that is set says where the executor deviates from the protocol.
	upgrade  string               // its reply to the WebSocket handshake
	hello    []string             // its messages after initialize; $ stands for the ID
	messages []string             // its messages after the request; $ stands for the ID
	play     func(f *far)         // anything after the request
	opts     executor.Options     // of the Transport
	said     func(err error) bool // whether the error says who said it; nil if the exchange succeeds
	text     string               // part of the error
	notSent  bool
	final    bool // the error is permanent
}

// Who says what an error says: the executor, this client about the executor, or both ends of a link
// that was lost.
var (
	refuses  = wraps[*executor.RefusedError]
	fails    = wraps[*executor.ExecutorError]
	violates = wraps[*executor.ProtocolError]
	silent   = is(executor.ErrSilent)
	loses    = is(executor.ErrLinkLost)
	overflow = is(executor.ErrOverflow)
)

func wraps[E error](err error) bool { return errorsAs[E](err) }

// far is the end of the hostile executor.
type far struct {
	net.Conn
	r  *bufio.Reader
	id string // of the request
}

// frame sends a frame as servers do, without a mask.
func (f *far) frame(first byte, payload []byte) error {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	_, err := f.Write(append(b, payload...))
	return err
}

const (
	final  = 0x80
	text   = final | websocket.TextMessage
	binMsg = final | websocket.BinaryMessage
)

func (f *far) say(message string) {
	_ = f.frame(text, []byte(strings.ReplaceAll(message, "$", f.id)))
}

// next returns the next message of the client.
func (f *far) next() (*execproto.Message, bool) {
	var data []byte
	for {
		var head [2]byte
		if _, err := io.ReadFull(f.r, head[:]); err != nil {
			return nil, false
		}
		n := uint64(head[1] & 0x7f)
		wide := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
		if _, err := io.ReadFull(f.r, wide); err != nil {
			return nil, false
		}
		if len(wide) > 0 {
			n = binary.BigEndian.Uint64(append(make([]byte, 8-len(wide)), wide...))
		}
		part := make([]byte, 4+n)
		if _, err := io.ReadFull(f.r, part); err != nil {
			return nil, false
		}
		for i := range part[4:] {
			part[4+i] ^= part[i&3]
		}
		if head[0]&8 != 0 {
			continue // a control frame
		}
		if data = append(data, part[4:]...); head[0]&final != 0 {
			m := new(execproto.Message)
			return m, m.Read(data) == nil
		}
	}
}

// serve plays the script on one connection.
func (s *script) serve(nc net.Conn) {
	defer nc.Close()
	f := &far{Conn: nc, r: bufio.NewReader(nc)}
	req, err := http.ReadRequest(f.r)
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept := base64.StdEncoding.EncodeToString(sum[:])
	const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $\r\n\r\n"
	if s.upgrade != "" {
		_, _ = io.WriteString(nc, strings.ReplaceAll(s.upgrade, "$", accept))
		_, _ = io.Copy(io.Discard, nc)
		return
	}
	_, _ = io.WriteString(nc, strings.ReplaceAll(switching, "$", accept))
	m, ok := f.next()
	if !ok {
		return
	}
	f.id = string(m.RawID)
	hello := s.hello
	if hello == nil {
		hello = []string{`{"id":$,"result":{"environmentInfo":{"capabilities":{"httpReady":true}}}}`}
	}
	for _, text := range hello {
		f.say(text)
	}
	for ok && m.Method != execproto.MethodHTTPRequest {
		m, ok = f.next()
	}
	if !ok {
		return
	}
	f.id = string(m.RawID)
	for _, text := range s.messages {
		f.say(text)
	}
	if s.play != nil {
		s.play(f)
	}
	_, _ = io.Copy(io.Discard, nc)
}

// counted is the near end of a connection.
type counted struct {
	net.Conn
	open *atomic.Int64
	read *atomic.Int64
	once atomic.Bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c *counted) Close() error {
	if !c.once.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// maxRead is how much the client reads from a hostile executor in any script, in bytes.
const maxRead = 24 << 20

// Whatever a hostile executor does, the exchange ends in fake time, with an error that says who said
// it, and nothing is left: no goroutine (synctest would find it), no connection and no data.
func TestHostileScripts(t *testing.T) {
	all := hostileScripts()
	require.GreaterOrEqual(t, len(all), 63)
	for _, s := range all {
		for _, mode := range modes {
			fake(t, s.name+"/"+mode.name, func(t *testing.T) {
				var open, read atomic.Int64
				err := s.run(t, mode.shared, &open, &read)
				synctest.Wait()
				require.Zero(t, open.Load(), "connections are left")
				require.Less(t, read.Load(), int64(maxRead))
				if s.said == nil {
					require.NoError(t, err)
					return
				}
				stage := transport.MaybeSent
				if s.notSent {
					stage = transport.NotSent
				}
				require.Error(t, err)
				requireStage(t, err, stage, s.final, s.text)
				require.True(t, s.said(err), "%v", err)
				require.NotErrorIs(t, err, io.EOF)
				require.Less(t, len(err.Error()), 2<<10)
				require.NotRegexp(t, `[\x00-\x1f\x7f]`, err.Error())
			})
		}
	}
}

// run makes one exchange with the executor, and returns its error.
func (s *script) run(t *testing.T, shared bool, open, read *atomic.Int64) error {
	t.Helper()
	n := memnet.New()
	ln := n.Listen("executor:80")
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(nc)
		}
	}()
	defer func() { _ = ln.Close(); <-serving }()
	opts := s.opts
	opts.Shared, opts.Reconnect = shared, -1
	opts.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		nc, err := n.DialContext(ctx, network, "executor:80")
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &counted{Conn: nc, open: open, read: read}, nil
	}
	began := time.Now()
	defer func() { require.Less(t, time.Since(began), 5*time.Minute) }()
	rt, err := executor.Dial(t.Context(), "ws://executor:80", &opts)
	if err != nil {
		return err
	}
	defer rt.Close()
	resp, err := rt.RoundTrip(newRequest(t.Context(), t, http.MethodPost, "hello"))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err
}
