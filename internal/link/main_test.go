package link

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const largest = 1 << 20 // limit on received messages in these tests

// networks create the listeners and dialers for the tests of WebSocket.
var networks = map[string]func(t testing.TB) (net.Listener, Dialer){
	"memnet": func(testing.TB) (net.Listener, Dialer) {
		n := memnet.New()
		return n.Listen("127.0.0.1:80"), Dialer{NetDial: n.DialContext, MaxMessage: largest}
	},
	"loopback": func(t testing.TB) (net.Listener, Dialer) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return l, Dialer{MaxMessage: largest}
	},
}

// onNetworks runs the test over memory and over TCP, with and without TLS.
func onNetworks(t *testing.T, test func(t *testing.T, near *WebSocket, far *websocket.Conn)) {
	for name, network := range networks {
		t.Run(name, func(t *testing.T) {
			l, d := network(t)
			near, far := pair(t, l, d, false)
			test(t, near, far)
		})
		t.Run(name+" with TLS", func(t *testing.T) {
			l, d := network(t)
			near, far := pair(t, l, d, true)
			test(t, near, far)
		})
	}
}

// pair returns both ends of a WebSocket: the near one from Dial, the far one from a server.
func pair(t testing.TB, l net.Listener, d Dialer, secure bool) (*WebSocket, *websocket.Conn) {
	t.Helper()
	upgraded := make(chan *websocket.Conn, 1)
	url := serve(t, l, &d, secure, func(w http.ResponseWriter, r *http.Request) {
		if conn, err := new(websocket.Upgrader).Upgrade(w, r, nil); err == nil {
			upgraded <- conn
		}
	})
	near, err := d.Dial(t.Context(), url, nil)
	require.NoError(t, err)
	far := <-upgraded
	t.Cleanup(func() { _, _ = near.Close(), far.NetConn().Close() })
	return near, far
}

// serve serves l until the end of the test, and makes d trust its certificate.
func serve(t testing.TB, l net.Listener, d *Dialer, secure bool, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	require.NoError(t, server.Listener.Close())
	server.Listener = l
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	if !secure {
		server.Start()
		return "ws://" + l.Addr().String() + "/"
	}
	server.StartTLS()
	d.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
	return "wss://" + l.Addr().String() + "/"
}

// rawServer runs f as the server of each connection, which gives f control over every byte.
func rawServer(t *testing.T, l net.Listener, f func(net.Conn)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			f(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// async runs f on a goroutine and returns a channel that receives its error.
func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func receive(l Link) func() error {
	return func() error {
		_, err := l.Receive()
		return err
	}
}

// requireFinal checks that every further Receive returns the same error.
func requireFinal(t *testing.T, l Link, err error) {
	t.Helper()
	for range 2000 {
		if _, again := l.Receive(); again != err {
			t.Fatalf("first %v, then %v", err, again)
		}
	}
}

var errTest = errors.New("the test's error")

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTest)
	return ctx
}
