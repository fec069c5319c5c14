package peers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// These tests exchange messages with the real executor to check internal/execproto and
// internal/link against it. They run the newest version in the table of package peer, or the
// version that HAWSER_TEST_CODEX names.

const maxMessage = 8 << 20

func dialCodex(t *testing.T, url string, header http.Header) *link.WebSocket {
	t.Helper()
	ws, err := (&link.Dialer{MaxMessage: maxMessage, Timeout: time.Minute}).Dial(t.Context(), url, header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

func send(t *testing.T, l link.Link, message []byte) {
	t.Helper()
	if err := l.Send(message); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next message of the link. The slices in the message are valid until the next
// call of receive.
func receive(t *testing.T, l link.Link) execproto.Message {
	t.Helper()
	data, err := l.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var m execproto.Message
	if err := m.Read(data); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return m
}

// handshake initializes a link.
func handshake(t *testing.T, l link.Link) {
	t.Helper()
	send(t, l, execproto.AppendInitialize(nil, 1, "hawser"))
	m := receive(t, l)
	environment, err := execproto.ReadEnvironment(m.Result)
	if want := (execproto.Environment{Version: peer.SelectedCodex(t).Version, HeaderEnvVars: true}); m.Kind != execproto.Result || err != nil || environment != want {
		t.Fatalf("initialize returned %+v, %v, from %+v", environment, err, m)
	}
	send(t, l, []byte(execproto.Initialized))
}

// get sends a GET with a streamed reply. It returns the response and the whole body.
func get(t *testing.T, l link.Link, id int64, url string, headers ...execproto.Header) (*execproto.HTTPResponse, string) {
	t.Helper()
	requestID := fmt.Sprintf("http-%d", id)
	send(t, l, execproto.AppendHTTPRequest(nil, id, &execproto.HTTPRequest{Method: "GET", URL: url, Headers: headers, Stop: true, RequestID: requestID, Stream: true}))
	m := receive(t, l)
	if got, ok := m.ID(); m.Kind != execproto.Result || !ok || got != id {
		t.Fatalf("the request returned %+v", m)
	}
	response, err := execproto.ReadHTTPResponse(m.Result)
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for seq := int64(1); ; seq++ {
		m := receive(t, l)
		if m.Kind != execproto.BodyDelta || string(m.Delta.RequestID) != requestID || m.Delta.Seq != seq || m.Delta.Failed {
			t.Fatalf("got delta %d: %+v", seq, m)
		}
		if body, err = m.Delta.Decode(body); err != nil {
			t.Fatal(err)
		}
		if m.Delta.Done {
			return response, string(body)
		}
	}
}

// upstream is a server whose requests a test inspects.
type upstream struct {
	*httptest.Server

	gone chan struct{} // receives a value for each cancelled request for /endless

	mu   sync.Mutex
	seen map[peer.Exchange]int
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{gone: make(chan struct{}, 8), seen: map[peer.Exchange]int{}}
	u.Server = httptest.NewServer(u)
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	u.seen[peer.Exchange{Method: r.Method, URL: u.URL + r.URL.String()}]++
	u.mu.Unlock()
	flush := func() { _ = http.NewResponseController(w).Flush() }
	switch r.URL.Path {
	case "/large":
		_, _ = w.Write(make([]byte, 3<<20))
	case "/endless":
		flush()
		<-r.Context().Done()
		u.gone <- struct{}{}
	default:
		w.Header()["Repeated"] = []string{"1", "2"}
		w.WriteHeader(http.StatusTeapot)
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d %s\n\n", i, r.Header.Get("Authorization"))
			flush()
		}
	}
}

func TestCodexStreams(t *testing.T) {
	u, codex := newUpstream(t), peer.StartCodex(t)
	ws := dialCodex(t, codex.URL, nil)
	handshake(t, ws)
	exchangesWith(t, ws, u)
}

func TestCodexOverPipes(t *testing.T) {
	u := newUpstream(t)
	cmd, err := peer.CodexCommand(t)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	lines := link.NewLines(out, in, maxMessage)
	handshake(t, lines)
	exchangesWith(t, lines, u)
	if err := errors.Join(lines.Close(), cmd.Wait()); err != nil {
		t.Fatalf("the executor did not exit cleanly at the end of its input: %v", err)
	}
}

// exchangesWith sends requests over a link after its handshake.
func exchangesWith(t *testing.T, l link.Link, u *upstream) {
	t.Helper()
	response, body := get(t, l, 10, u.URL+"/", execproto.Header{Name: "authorization", Value: "Bearer ", EnvVar: peer.CodexVariable})
	repeated := 0
	for _, h := range response.Headers {
		if h.Name == "repeated" {
			repeated++
		}
	}
	const secret = "Bearer " + peer.CodexValue + "\n\n"
	if want := "data: 0 " + secret + "data: 1 " + secret + "data: 2 " + secret; response.Status != http.StatusTeapot || repeated != 2 || body != want {
		t.Errorf("got response %+v with body %q", response, body)
	}
	if _, body := get(t, l, 11, u.URL+"/large"); len(body) != 3<<20 {
		t.Errorf("got a large body of %d bytes", len(body))
	}
	for id, test := range []struct {
		url, env string
		code     int64
	}{
		{"http://127.0.0.1:1/", "", execproto.CodeFailed},
		{"ftp://127.0.0.1/", "", execproto.CodeInvalidParams},
		{"/relative", "", execproto.CodeInvalidParams},
		{u.URL, "HAWSER_NO_SUCH_VARIABLE", execproto.CodeInvalidParams},
	} {
		send(t, l, execproto.AppendHTTPRequest(nil, int64(20+id), &execproto.HTTPRequest{
			Method: "GET", URL: test.url, Headers: []execproto.Header{{Name: "x", EnvVar: test.env}}, RequestID: fmt.Sprint(id), Stream: true,
		}))
		m := receive(t, l)
		if got, ok := m.ID(); m.Kind != execproto.Failure || !ok || got != int64(20+id) || m.Error.Code != test.code {
			t.Errorf("%s returned %+v, expected error %d", test.url, m, test.code)
		}
	}
	send(t, l, []byte(`{"id":30,"method":"http/request","params":{"method":"GET"}}`))
	if m := receive(t, l); m.Error.Code != execproto.CodeInvalidParams {
		t.Errorf("a request without a URL returned %+v", m)
	}
	send(t, l, []byte(`{"id":31,"method":"no/such/method"}`))
	if m := receive(t, l); m.Error.Code != execproto.CodeUnknownMethod {
		t.Errorf("an unknown method returned %+v", m)
	}
	send(t, l, []byte(`[]`))
	m := receive(t, l)
	if id, ok := m.ID(); m.Error.Code != execproto.CodeInvalidRequest || !ok || id != execproto.NobodysID {
		t.Errorf("a batch returned %+v", m)
	}
}

// The executor accepts a message larger than a frame, and the largest allowed body.
func TestCodexAcceptsLargeMessages(t *testing.T) {
	u, codex := newUpstream(t), peer.StartCodex(t)
	ws := dialCodex(t, codex.URL, nil)
	handshake(t, ws)
	send(t, ws, execproto.AppendHTTPRequest(nil, 2, &execproto.HTTPRequest{Method: "POST", URL: u.URL, Body: make([]byte, 40<<20), RequestID: "1"}))
	if m := receive(t, ws); m.Kind != execproto.Result {
		t.Errorf("a message larger than a frame returned %+v", m)
	}
}

func TestCodexRequiresAToken(t *testing.T) {
	hash := sha256.Sum256([]byte("token"))
	codex := peer.StartCodex(t, "--ws-auth", "capability-token", "--ws-token-sha256", hex.EncodeToString(hash[:]))
	handshake(t, dialCodex(t, codex.URL, http.Header{"Authorization": {"Bearer token"}}))
	for _, test := range []struct {
		header http.Header
		status int
		text   string
	}{
		{nil, http.StatusUnauthorized, "missing websocket bearer token"},
		{http.Header{"Authorization": {"Bearer other"}}, http.StatusUnauthorized, "invalid websocket bearer token"},
		{http.Header{"Authorization": {"Bearer token"}, "Origin": {"http://localhost"}}, http.StatusForbidden, ""},
	} {
		_, err := (&link.Dialer{MaxMessage: maxMessage}).Dial(t.Context(), codex.URL, test.header)
		var refused *link.RefusedError
		if !errors.As(err, &refused) || refused.Status != test.status || refused.Text != test.text {
			t.Errorf("%v returned %+v (%v)", test.header, refused, err)
		}
	}
}

// Closing the link is the only way to cancel a request, so the executor must then cancel the
// request to the upstream server.
func TestCodexCancelsWithTheLink(t *testing.T) {
	u, codex := newUpstream(t), peer.StartCodex(t)
	relay := peer.StartRelay(t, codex.URL)
	for _, end := range []func(ws *link.WebSocket){
		func(ws *link.WebSocket) { _ = ws.Close() },
		func(*link.WebSocket) { relay.Cut() },
	} {
		ws := dialCodex(t, relay.URL, nil)
		handshake(t, ws)
		send(t, ws, execproto.AppendHTTPRequest(nil, 2, &execproto.HTTPRequest{Method: "GET", URL: u.URL + "/endless", RequestID: "a", Stream: true}))
		receive(t, ws)
		end(ws)
		if _, err := ws.Receive(); err == nil {
			t.Error("received a message on a closed link")
		}
		<-u.gone
	}
}

func TestCodexRestarts(t *testing.T) {
	u, codex := newUpstream(t), peer.StartCodex(t)
	ws := dialCodex(t, codex.URL, nil)
	handshake(t, ws)
	if !ws.Quiet() {
		t.Error("an idle link is not quiet")
	}
	codex.Kill()
	if _, err := ws.Receive(); err == nil {
		t.Error("received a message from a killed executor")
	}
	if ws.Quiet() {
		t.Error("a broken link is quiet")
	}
	codex.Restart()
	ws = dialCodex(t, codex.URL, nil)
	handshake(t, ws)
	get(t, ws, 2, u.URL)
}

// The relay counts each request to the upstream server exactly once.
func TestRelayCounts(t *testing.T) {
	u, codex := newUpstream(t), peer.StartCodex(t)
	relay := peer.StartRelay(t, codex.URL)
	ws := dialCodex(t, relay.URL, nil)
	handshake(t, ws)
	for id, path := range []string{"/a?q=1", "/b", "/a?q=1", "/large"} {
		get(t, ws, int64(10+id), u.URL+path)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	got := relay.Exchanges()
	if len(got) != 3 || relay.Count("GET", u.URL+"/a?q=1") != 2 {
		t.Errorf("got counts %v", got)
	}
	for exchange, times := range u.seen {
		if got[exchange] != times {
			t.Errorf("%v was received %d times, relayed %d times", exchange, times, got[exchange])
		}
	}
	if relay.Links() != 1 || relay.Dialed() != 1 {
		t.Errorf("got %d links, expected %d", relay.Links(), relay.Dialed())
	}
}
