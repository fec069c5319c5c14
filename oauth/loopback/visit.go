package loopback

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
)

const (
	headerTimeout = 10 * time.Second // for receiving a request's header
	idleTimeout   = time.Minute      // between two requests on a connection
	maxHeader     = 64 << 10         // maximum size of a request's header in bytes; it contains the authorization code
)

// visit is one login: its HTTP server on the loopback address and its state.
type visit struct {
	flow     oauth.Flow
	resource string   // the resource's host, to show to the user
	redirect *url.URL // where the authorization server sends the browser
	path     string   // the path of redirect, as requests have it
	done     string   // the path of the last page

	running context.Context // ends with the login

	turn      chan struct{} // held while a callback is checked
	over      chan struct{} // closed once err and isVisited are set
	err       error         // the result of the login
	isVisited bool          // the callback came from a browser, which then loads the last page

	completed bool          // guarded by turn
	shown     chan struct{} // closed once the last page was sent
	showOnce  sync.Once

	server  *http.Server
	owned   sync.WaitGroup // goroutines of this login, except those of connections
	conns   sync.WaitGroup // connections
	closing atomic.Bool
}

func newVisit(flow oauth.Flow, redirect *url.URL) *visit {
	v := &visit{
		flow: flow, redirect: redirect, path: cmp.Or(redirect.Path, "/"), done: strings.TrimSuffix(redirect.Path, "/") + "/done", resource: "the server",
		turn: make(chan struct{}, 1), over: make(chan struct{}), shown: make(chan struct{}),
	}
	if u, err := url.Parse(flow.Resource()); err == nil && u.Host != "" {
		v.resource = u.Host
	}
	return v
}

// serve answers requests on all listeners until end is called.
func (v *visit) serve(listeners []net.Listener) {
	v.server = &http.Server{
		Handler: v, ConnState: v.connState, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		DisableGeneralOptionsHandler: true, ErrorLog: log.New(io.Discard, "", 0), // other programs may send invalid requests, which are not worth logging
	}
	for _, ln := range listeners {
		v.owned.Go(func() { _ = v.server.Serve(ln) }) // ErrServerClosed
	}
}

// end closes the listeners and all connections, and waits for all goroutines of this login to exit.
func (v *visit) end(listeners []net.Listener) {
	v.closing.Store(true)
	for _, ln := range listeners {
		_ = ln.Close() // if Serve has not started yet, Server.Close does not close ln
	}
	_ = v.server.Close() // the listeners are closed already
	v.owned.Wait()
	v.conns.Wait()
}

// connState counts connections, and closes those that arrive after end has begun.
func (v *visit) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		v.conns.Add(1)
		if v.closing.Load() {
			_ = conn.Close() // server.Close may have missed this connection
		}
	case http.StateClosed, http.StateHijacked:
		v.conns.Done()
	case http.StateActive, http.StateIdle:
	}
}

// errOver says that another callback ended the login.
var errOver = errors.New("the login is over")

// complete passes one callback at a time to the flow. ended reports whether this callback ended the
// login, and err is then the login's result. Otherwise err says why the callback was rejected.
func (v *visit) complete(ctx context.Context, query string, byBrowser bool) (ended bool, err error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if v.completed {
		return false, errOver
	}
	err = v.flow.Complete(v.running, v.redirect.String()+"?"+query)
	if errors.Is(err, oauth.ErrForeignCallback) {
		return false, err
	}
	v.err, v.isVisited, v.completed = err, byBrowser, true
	close(v.over)
	return true, err
}

// isHost reports whether a request's host equals that of the redirect URI. A different host may
// mean a DNS rebinding attack.
func (v *visit) isHost(host string) bool {
	return strings.EqualFold(strings.TrimSuffix(host, ":80"), strings.TrimSuffix(v.redirect.Host, ":80"))
}

// ServeHTTP implements http.Handler.
func (v *visit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch isDone := r.URL.Path == v.done; {
	case !v.isHost(r.Host):
		v.show(w, strangePage)
	case r.URL.Path != v.path && !isDone && r.URL.Query().Has("state"):
		v.show(w, astrayPage)
	case r.URL.Path != v.path && !isDone:
		v.show(w, nothingPage)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		v.show(w, methodPage)
	case isDone:
		v.showEnd(w)
	default:
		v.callback(w, r)
	}
}

// callback handles the browser's request to the redirect URI. If the request ends the login,
// callback redirects to the last page, because the callback's own address contains a code that must
// not stay in the browser's history.
func (v *visit) callback(w http.ResponseWriter, r *http.Request) {
	ended, err := v.complete(r.Context(), r.URL.RawQuery, true)
	switch {
	case ended:
		setHeaders(w.Header())
		w.Header().Set("Location", v.done)
		w.WriteHeader(http.StatusSeeOther)
	case errors.Is(err, errOver):
		v.show(w, againPage)
	case errors.Is(err, oauth.ErrForeignCallback):
		v.show(w, foreignPage)
	default:
		v.show(w, endPage(err))
	}
}

// showEnd sends the last page, which shows the result of the login.
func (v *visit) showEnd(w http.ResponseWriter) {
	select {
	case <-v.over:
	default:
		v.show(w, nothingPage)
		return
	}
	w.Header().Set("Connection", "close")
	v.show(w, endPage(v.err))
	_ = http.NewResponseController(w).Flush() // the browser may have disconnected
	v.showOnce.Do(func() { close(v.shown) })
}
