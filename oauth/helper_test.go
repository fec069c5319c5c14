package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

const callbackURI = "http://127.0.0.1:7777/callback"

// person is a Login that acts as the user and authorizes every request. It counts its logins.
type person struct {
	world *authtest.World
	asked atomic.Int32
	// answer replaces the user's actions, unless it is nil.
	answer func(ctx context.Context, flow Flow) error
}

// Login implements Login.
func (p *person) Login(ctx context.Context, flow Flow) error {
	p.asked.Add(1)
	if p.answer != nil {
		return p.answer(ctx, flow)
	}
	return p.agree(ctx, flow)
}

func (p *person) agree(ctx context.Context, flow Flow) error { return p.visit(ctx, flow, callbackURI) }

func (p *person) visit(ctx context.Context, flow Flow, redirectURI string) error {
	page, err := flow.AuthorizationURL(ctx, redirectURI)
	if err != nil {
		return err
	}
	callback, err := p.world.Visit(ctx, page)
	if err != nil {
		return err
	}
	return flow.Complete(ctx, callback)
}

func (p *person) times() int { return int(p.asked.Load()) }

// rig is a client in a World. Tests call it in the same way as an MCP session does.
type rig struct {
	*authtest.World

	t      *testing.T
	client *Client
	person *person
	rt     http.RoundTripper
}

// inWorld runs a test with a new World in a synctest bubble.
func inWorld(t *testing.T, test func(t *testing.T, w *authtest.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, authtest.New(t)) })
}

// newRig creates a client for the World's resource. Unless cfg has a Login or a Grant, the client
// logs in with a person. cfg may be nil.
func newRig(t *testing.T, w *authtest.World, cfg *Config) *rig {
	t.Helper()
	r := &rig{World: w, t: t, person: &person{world: w}}
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.Login == nil && c.Grant == nil {
		c.Login = r.person
	}
	var err error
	r.client, err = NewClient(w.Resource.URL, &c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.client.Close()) })
	r.rt = r.client.RoundTripper(w.Transport)
	return r
}

// send sends one request to the resource.
func (r *rig) send(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Resource.URL, strings.NewReader("hello"))
	if err != nil {
		return nil, err
	}
	return r.rt.RoundTrip(req)
}

// call sends a request and authorizes as mcpclient does. It calls Authorize at most three times and
// resends the request after each call.
func (r *rig) call(ctx context.Context) error {
	for tries := 0; ; tries++ {
		if tries > 0 {
			time.Sleep(time.Nanosecond) // a real clock always advances
		}
		began := time.Now()
		resp, err := r.send(ctx)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusOK && string(text) == "hello":
			return nil
		case tries == 3 || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden:
			return fmt.Errorf("status %d: %s", resp.StatusCode, text)
		}
		if err := r.client.Authorize(ctx, r.Resource.URL, resp.StatusCode, resp.Header, began); err != nil {
			return err
		}
	}
}

// mustCall calls the resource and fails the test on an error.
func (r *rig) mustCall() {
	r.t.Helper()
	require.NoError(r.t, r.call(r.t.Context()))
}

// calls makes n concurrent calls and returns their errors.
func (r *rig) calls(n int) []error {
	errs := make(chan error, n)
	for range n {
		go func() { errs <- r.call(r.t.Context()) }()
	}
	var all []error
	for range n {
		all = append(all, <-errs)
	}
	return all
}

// refreshing makes the server issue refresh tokens, and access tokens that are valid for an hour.
func refreshing(s *authtest.Script) {
	s.Lifetime, s.Refresh = time.Hour, true
}
