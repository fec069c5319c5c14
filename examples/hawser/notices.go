package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// retry is a request that will be sent again after a pause.
type retry struct {
	method, cause string
	pause         time.Duration
}

// observe is the Observer of the session. It prints a note about each retry that the user has to
// wait for.
func (w *waits) observe(_ context.Context, e mcpclient.Event) {
	if again, ok := e.(mcpclient.Retrying); ok && again.Wait > 0 {
		w.again(retry{again.Method, retryCause(again.Cause), again.Wait})
	}
}

// retryCause describes why a request is sent again, without any text from the server.
func retryCause(err error) string {
	var (
		status   *mcpclient.HTTPError
		rpc      *mcpclient.RPCError
		protocol *mcpclient.ProtocolError
		link     *transport.Error
	)
	switch {
	case errors.As(err, &status):
		return fmt.Sprintf("HTTP status %d", status.Status)
	case errors.As(err, &rpc):
		return fmt.Sprintf("server error %d", rpc.Code)
	case errors.As(err, &protocol):
		return "protocol error: " + protocol.Reason
	case errors.As(err, &link) && link.Op != "":
		return link.Op + ": " + link.Err.Error()
	}
	return err.Error()
}

// waits tells the user what the program is waiting for. Its methods are safe for concurrent use.
type waits struct {
	con *console

	mu    sync.Mutex
	timer *time.Timer // guarded by mu; nil if the program is not waiting
	last  retry       // guarded by mu
}

// begin prints a note that the program is waiting for host, after the time patience. Calling end
// cancels the note.
func (w *waits) begin(host string) (end func()) {
	timer := time.AfterFunc(patience, func() { w.con.line("waiting for " + host + "; press Ctrl-C to give up") })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer, w.last = timer, retry{}
	return w.end
}

func (w *waits) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// forget discards the last retry, because a retry while connecting does not explain a later
// failure.
func (w *waits) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = retry{}
}

// again prints a note about a retry.
func (w *waits) again(r retry) {
	r.cause = withoutOperation(oneLine(withoutRemains(r.cause), 200))
	w.mu.Lock()
	w.last = r
	if w.timer != nil {
		w.timer.Reset(r.pause + patience)
	}
	w.mu.Unlock()
	text := r.cause + "; trying again in " + shortly(r.pause)
	if r.pause >= patience {
		text += " (Ctrl-C to give up)"
	}
	w.con.line(text)
}

// lastCause returns the error that caused the last retry, or "" if the method was not retried. An
// empty method means any method.
func (w *waits) lastCause(method string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if method == "" || method == w.last.method {
		return w.last.cause
	}
	return ""
}

// shortly formats a duration, rounded for the user.
func shortly(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// withoutOperation shortens the text of a refused connection. It returns other texts unchanged.
func withoutOperation(cause string) string {
	if strings.Contains(cause, ": connect: connection refused") {
		return "connection refused"
	}
	return cause
}
