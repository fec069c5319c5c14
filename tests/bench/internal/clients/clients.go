// Package clients has the clients that the benchmark compares. All of them are used in the same way
// and check each reply, so a client cannot win by losing something.
package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// Library is one of the compared programs.
type Library struct {
	Name string
	// Executor says that the requests go through an executor.
	Executor bool
	// Open returns a client of the target. The caller closes it, after its sessions.
	Open func(ctx context.Context, t *Target) (Client, error)
}

// Target says which server to use, and how.
type Target struct {
	URL     string // of the endpoint
	Version string // the protocol revision; a client that negotiates another fails
	CA      []byte // certificate of the server, in PEM; nil without TLS
	HTTP2   bool   // use HTTP/2
	Stream  bool   // keep the stream of each legacy session open
	Codex   string // path of the codex program, for its client
}

// Client has what sessions share: the connections, and the executor.
type Client interface {
	// Connect starts a session. The caller closes it.
	Connect(ctx context.Context) (Session, error)
	Close() error
}

// Session is a session with the server. Call, for tools without progress, and List are safe for
// concurrent use.
type Session interface {
	// Version returns the negotiated protocol revision.
	Version() string
	// Call calls a tool and checks the result. It returns when all progress notifications have
	// arrived; late is how many of them arrived after the library's call had returned.
	Call(ctx context.Context, t *workload.Tool) (late int, err error)
	// List requests the list of tools and checks that there are this many.
	List(ctx context.Context, tools int) error
	Close() error
}

// Floor is the client that all others are compared with.
const Floor = "floor"

// Libraries returns the clients, the floor first. They include codex if it is the path of a codex
// program.
func Libraries(codex string) []Library {
	all := []Library{
		{Name: Floor, Open: openFloor},
		{Name: "hawser", Open: openDirect},
		{Name: "go-sdk", Open: openGoSDK},
		{Name: "mcp-go", Open: openMCPGo},
		{Name: "hawser/agent", Executor: true, Open: openAgent},
		{Name: "hawser/agent-shared", Executor: true, Open: openAgentShared},
	}
	if codex != "" {
		all = append(all, Library{Name: "hawser/codex", Executor: true, Open: openCodex})
	}
	return all
}

// Connect starts a session of c. It fails if another version than that of the target is negotiated.
func (t *Target) Connect(ctx context.Context, c Client) (Session, error) {
	s, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if got := s.Version(); got != t.Version {
		return nil, errors.Join(fmt.Errorf("negotiated version %q, expected %q", got, t.Version), s.Close())
	}
	return s, nil
}

// maxIdle is how many idle connections clients keep, which is more than there are callers.
const maxIdle = 512

// httpTransport returns the transport of all clients that use net/http.
func (t *Target) httpTransport() (*http.Transport, error) {
	config, err := t.tlsConfig()
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!t.HTTP2)
	protocols.SetHTTP2(t.HTTP2)
	return &http.Transport{MaxIdleConnsPerHost: maxIdle, DisableCompression: true, TLSClientConfig: config, Protocols: protocols}, nil
}

// tlsConfig returns a configuration that trusts the server, nil if the target has no TLS.
func (t *Target) tlsConfig() (*tls.Config, error) {
	if t.CA == nil {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(t.CA) {
		return nil, errors.New("the server's certificate is invalid")
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, nil
}

// arguments are the arguments of each call.
var arguments = map[string]any{"q": "gophers"}

// checkText checks the text of a result.
func checkText(t *workload.Tool, got string) error {
	if len(got) != len(t.Text) {
		return fmt.Errorf("%s: got a text of %d bytes, expected %d", t.Name, len(got), len(t.Text))
	}
	return nil
}

// checkResult checks a result: its structured content if the tool has it, else its only content item.
// text returns the text of an item.
func checkResult[Item any](t *workload.Tool, structured func() error, content []Item, text func(Item) (string, bool)) error {
	if t.Rows > 0 {
		return structured()
	}
	if len(content) != 1 {
		return fmt.Errorf("%s: got %d content items", t.Name, len(content))
	}
	got, ok := text(content[0])
	if !ok {
		return fmt.Errorf("%s: got content of type %T", t.Name, content[0])
	}
	return checkText(t, got)
}

// checkRows checks decoded structured content.
func checkRows(t *workload.Tool, content any) error {
	object, _ := content.(map[string]any)
	if rows, _ := object["rows"].([]any); len(rows) != t.Rows {
		return fmt.Errorf("%s: got structured content with %d rows, expected %d", t.Name, len(rows), t.Rows)
	}
	return nil
}

// checkList checks a list by its length and the name of its last tool.
func checkList(want, got int, last func() string) error {
	if got != want {
		return fmt.Errorf("got %d tools, expected %d", got, want)
	}
	if name := last(); name != workload.ToolName(want-1) {
		return fmt.Errorf("the last tool is %q, expected %q", name, workload.ToolName(want-1))
	}
	return nil
}
