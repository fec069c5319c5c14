package field

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// Way is a route to the server.
type Way string

// The routes.
const (
	Direct   Way = "direct"
	Executor Way = "executor"
)

const (
	host     = "127.0.0.1" // an address, because the executor could not resolve a name on the in-memory network
	patience = 5 * time.Minute
)

// Play is one run of a variant of a quirk, inside a synctest bubble.
type Play struct {
	// Server follows the script.
	Server *Server
	// URL is the endpoint. Transport reaches it over the route of the play.
	URL       string
	Transport transport.Transport
	// Session is nil until it is connected.
	Session *mcpclient.Session

	redirectURI string // for logins; "" means the default

	began   time.Time
	network *memnet.Network
	stop    []func()
	logs    logs
	notes   logs // written by handlers
}

// Start starts a server for a variant of a quirk. The caller ends the play with [Play.End].
func Start(q *Quirk, variant int, era Era, way Way) (*Play, error) {
	p := &Play{began: time.Now(), network: memnet.New(), URL: "http://" + host + "/mcp"}
	p.Server = NewServer(q, variant, era, "http://"+host)
	server := &http.Server{Handler: p.Server, ReadHeaderTimeout: time.Minute}
	ln, served := p.network.Listen(host+":80"), make(chan struct{})
	go func() {
		_ = server.Serve(ln) // always returns an error
		close(served)
	}()
	p.network.Refuse(p.Server.down)
	p.stop = append(p.stop, func() {
		close(p.Server.done)
		_ = server.Close() // cannot fail in memory
		<-served
	})
	if way == Direct {
		p.Transport = transport.NewDirect(&transport.DirectOptions{DialContext: p.network.DialContext, NoProxy: true})
	} else if err := p.throughAgent(); err != nil {
		return nil, err
	}
	p.stop = append(p.stop, func() { _ = p.Transport.Close() }) // always returns nil
	return p, nil
}

// throughAgent opens a transport to an agent, with a separate in-memory link for each exchange.
func (p *Play) throughAgent() error {
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	dial := func(context.Context) (executor.Link, error) {
		near, far := link.Pipe(execproto.MaxMessage)
		serving.Go(func() { _ = agent.Serve(ctx, far, &agent.Options{DialContext: p.network.DialContext}) }) // ends with the link
		return near, nil
	}
	rt, err := executor.Open(ctx, dial, nil)
	p.Transport = rt
	p.stop = append(p.stop, func() { cancel(); serving.Wait() })
	return err
}

// CheckCLI compares the exit code, the output and the calls of a command line with c. It returns
// the differences.
func (p *Play) CheckCLI(c *CLI, code int, output string) (found []string) {
	if failed := code != 0; failed != c.Fails {
		found = append(found, fmt.Sprintf("exit code %d: %s", code, output))
	}
	for _, text := range c.Says {
		if !strings.Contains(output, text) {
			found = append(found, fmt.Sprintf("the output lacks %q: %s", text, output))
		}
	}
	if calls := p.Server.Count("tools/call"); c.Calls == none && calls > 0 {
		found = append(found, fmt.Sprintf("%d calls of the tool", calls))
	}
	if probes := p.Server.Count("server/discover"); c.Runs > 1 && probes > 1 {
		found = append(found, fmt.Sprintf("%d requests of server/discover", probes))
	}
	return found
}

// End closes everything. It returns an error if connections are still open afterwards.
func (p *Play) End() error {
	for _, stop := range slices.Backward(p.stop) {
		stop()
	}
	time.Sleep(time.Minute) // of fake time: net/http's server closes connections after a delay
	synctest.Wait()
	if n := p.network.Conns(); n != 0 {
		return fmt.Errorf("%d connections left open", n)
	}
	return nil
}

// Run plays a variant of a quirk and returns the differences from the wanted result.
func Run(t testing.TB, q *Quirk, variant int, era Era, way Way) []string {
	t.Helper()
	p, err := Start(q, variant, era, way)
	if err != nil {
		t.Fatal(err)
	}
	found := p.Run(q)
	if err := p.End(); err != nil {
		found = append(found, err.Error())
	}
	return found
}

// RunOver is [Run] in real time: the server listens on loopback, and rt reaches it. It does not close
// rt.
func RunOver(t testing.TB, q *Quirk, variant int, era Era, rt transport.Transport) []string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + ln.Addr().String()
	p := &Play{began: time.Now(), Server: NewServer(q, variant, era, base), URL: base + "/mcp", Transport: rt}
	server := httptest.Server{Listener: ln, Config: &http.Server{Handler: p.Server, ReadHeaderTimeout: time.Minute}}
	server.Start()
	defer server.Close()
	defer close(p.Server.done)
	return p.Run(q)
}

// Run plays the quirk and returns the differences from the wanted result.
func (p *Play) Run(q *Quirk) (found []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	options := &mcpclient.Options{Transport: p.Transport, Logger: slog.New(slog.NewTextHandler(&p.logs, nil))}
	if q.Kind == Authorization {
		client, err := p.authorizer(q)
		if err != nil {
			return []string{err.Error()}
		}
		defer client.Close()
		options.Auth = client
	}
	if q.Options != nil {
		q.Options(options, p)
	}
	session, err := mcpclient.Connect(ctx, p.URL, options)
	if err != nil || q.Want.Connect {
		if err == nil {
			_ = session.Close()
		}
		if !q.Want.Connect {
			return []string{fmt.Sprintf("Connect failed: %v", err)}
		}
		return append(q.Want.check(p.URL, "", err), p.count(q)...)
	}
	p.Session = session
	value, err := q.action()(ctx, p)
	found = append(found, q.Want.check(p.URL, value, err)...)
	found = append(found, p.count(q)...)
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	if got, err := p.Session.CallTool(ctx, "next", nil); err != nil {
		found = append(found, fmt.Sprintf("the next call failed: %v", err))
	} else if describe(got) != "ok" {
		found = append(found, "the next call returned "+describe(got))
	}
	for _, log := range q.Want.Logs {
		if !strings.Contains(p.logs.String(), log) {
			found = append(found, fmt.Sprintf("the log lacks %q: %s", log, p.logs.String()))
		}
	}
	if err := p.Session.Close(); err != nil {
		found = append(found, fmt.Sprintf("Close failed: %v", err))
	}
	return found
}

// check compares the result of an action at the endpoint with w and returns the differences.
func (w Want) check(endpoint, value string, err error) (found []string) {
	switch {
	case w.MayFail:
	case w.Kind == 0 && err != nil:
		return []string{fmt.Sprintf("failed (%v, %v): %v", mcpclient.KindOf(err), mcpclient.OutcomeOf(err), err)}
	case w.Kind == 0 && value != w.Value:
		return []string{fmt.Sprintf("returned %q, expected %q", value, w.Value)}
	case w.Kind == 0:
	case err == nil:
		return []string{fmt.Sprintf("returned %q, expected an error (%v)", value, w.Kind)}
	default:
		if kind := mcpclient.KindOf(err); kind != w.Kind {
			found = append(found, fmt.Sprintf("kind %v, expected %v: %v", kind, w.Kind, err))
		}
		if outcome := mcpclient.OutcomeOf(err); !w.Connect && outcome != w.Outcome {
			found = append(found, fmt.Sprintf("outcome %v, expected %v: %v", outcome, w.Outcome, err))
		}
		for _, text := range w.Says {
			text = strings.ReplaceAll(text, "$URL", endpoint)
			if !strings.Contains(err.Error(), text) {
				found = append(found, fmt.Sprintf("the error lacks %q: %v", text, err))
			}
		}
	}
	return found
}

// count compares the numbers of calls and of initialize requests with q.Want. It returns the
// differences.
func (p *Play) count(q *Quirk) (found []string) {
	calls, begun := q.Want.Calls, q.Want.Sessions
	if calls == 0 && q.Do != nil {
		calls = anyNumber
	}
	if p.Server.era == Modern && begun == 0 {
		begun = none
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{{"calls of the tool", p.Server.Count("tools/call"), calls}, {"initialize requests", p.Server.Count("initialize"), begun}} {
		want := c.want
		switch want {
		case 0:
			want = 1
		case none:
			want = 0
		case anyNumber:
			continue
		}
		if c.got != want {
			found = append(found, fmt.Sprintf("%d %s, expected %d", c.got, c.what, want))
		}
	}
	return found
}

// logs is a buffer that several goroutines can write to.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns the text written so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
