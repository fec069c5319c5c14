package oauth_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

const redirectURI = "http://127.0.0.1:7777/callback"

// stage is an MCP session with a client of this package and a server that requires authorization.
type stage struct {
	*authtest.World

	server   *mcptest.Server
	client   *oauth.Client
	session  *mcpclient.Session
	asked    atomic.Int32
	declines atomic.Bool
}

// Login implements oauth.Login. It acts as a user who authorizes, or declines if s.declines is
// true.
func (s *stage) Login(ctx context.Context, flow oauth.Flow) error {
	s.asked.Add(1)
	if s.declines.Load() {
		return oauth.ErrDeclined
	}
	page, err := flow.AuthorizationURL(ctx, redirectURI)
	if err != nil {
		return err
	}
	callback, err := s.Visit(ctx, page)
	if err != nil {
		return err
	}
	return flow.Complete(ctx, callback)
}

// onStage runs a test once per protocol era, with a session that has logged in.
func onStage(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, era, oauth.Config{})
				s.connect(t, mcpclient.Options{})
				require.EqualValues(t, 1, s.asked.Load())
				test(t, s)
			})
		})
	}
}

func newStage(t *testing.T, era mcptest.Era, cfg oauth.Config) *stage {
	t.Helper()
	s := &stage{World: authtest.New(t), server: mcptest.New(era)}
	s.server.Tools = []*mcptest.Tool{{Name: "echo"}}
	t.Cleanup(func() {
		s.server.Close()
		require.Empty(t, s.server.Violations())
	})
	s.Server.Change(func(script *authtest.Script) { script.Refresh, script.Lifetime = true, time.Hour })
	s.Resource.Change(func(script *authtest.ResourceScript) { script.Handler = s.server })
	if cfg.Grant == nil {
		cfg.Login = s
	}
	var err error
	s.client, err = oauth.NewClient(s.Resource.URL, &cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.client.Close()) })
	return s
}

func (s *stage) connect(t *testing.T, opts mcpclient.Options) {
	t.Helper()
	opts.Transport, opts.Auth = s.Transport, s.client
	var err error
	s.session, err = mcpclient.Connect(t.Context(), s.Resource.URL, &opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.session.Close() }) // the server may refuse the DELETE
}

const crowd = 100

// crowd makes a hundred concurrent calls. The resource refuses all of them before a new token can
// be obtained. Half of the 401s arrive only after the other calls are done.
func (s *stage) crowd(t *testing.T) []error {
	t.Helper()
	var refused atomic.Int32
	late, hold := make(chan struct{}), make(chan struct{})
	s.Server.Change(func(script *authtest.Script) { script.Hold = hold })
	s.Resource.Change(func(script *authtest.ResourceScript) {
		script.Refused = func(int, *http.Request) {
			if refused.Add(1)%2 == 0 {
				<-late
			}
		}
	})
	outcomes := make(chan error, crowd)
	for range crowd {
		go func() {
			_, err := s.session.CallTool(t.Context(), "echo", nil)
			outcomes <- err
		}()
	}
	synctest.Wait()
	allRefused := refused.Load()
	close(hold)
	synctest.Wait()
	through := len(outcomes)
	close(late)
	var errs []error
	for range crowd {
		errs = append(errs, <-outcomes)
	}
	require.EqualValues(t, crowd, allRefused)
	require.Equal(t, crowd/2, through)
	return errs
}

func TestSessionHundredCallsOneRefresh(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.Server.RevokeAll(false)
		for _, err := range s.crowd(t) {
			require.NoError(t, err)
		}
		require.Len(t, s.Server.Tokens("refresh_token"), 1)
		require.Zero(t, s.Server.Reused())
		require.EqualValues(t, 1, s.asked.Load(), "no prompt")
		require.Equal(t, crowd, s.server.Executions("echo"))
	})
}

func TestSessionHundredCallsOnePrompt(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.Server.RevokeAll(true)
		for _, err := range s.crowd(t) {
			require.NoError(t, err)
		}
		require.Len(t, s.Server.Tokens("refresh_token"), 1)
		require.EqualValues(t, 2, s.asked.Load(), "one more prompt")
		require.Equal(t, crowd, s.server.Executions("echo"))
	})
}

func TestSessionHundredCallsDeclined(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.Server.RevokeAll(true)
		s.declines.Store(true)
		began := time.Now()
		for _, err := range s.crowd(t) {
			var typed *mcpclient.Error
			require.ErrorAs(t, err, &typed)
			require.Equal(t, mcpclient.KindAuthRequired, typed.Kind)
			require.Equal(t, mcpclient.NotRun, typed.Outcome)
			require.ErrorIs(t, err, oauth.ErrDeclined)
			require.Equal(t, oauth.KindDeclined, oauth.KindOf(err))
		}
		require.Equal(t, began, time.Now(), "no call waited")
		require.EqualValues(t, 2, s.asked.Load(), "the user must not be prompted again")
		require.Zero(t, s.server.Executions("echo"))
	})
}

// When one call gives up, the refresh continues for the other calls, and no token is lost.
func TestSessionCancelDuringRefresh(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.Server.RevokeAll(false)
		hold := make(chan struct{})
		s.Server.Change(func(script *authtest.Script) { script.Hold = hold })
		ctx, cancel := context.WithCancelCause(t.Context())
		call := func(ctx context.Context) <-chan error {
			outcome := make(chan error, 1)
			go func() {
				_, err := s.session.CallTool(ctx, "echo", nil)
				outcome <- err
			}()
			return outcome
		}
		impatient := call(ctx)
		synctest.Wait()
		patient := call(t.Context())
		synctest.Wait()
		require.Len(t, s.Server.Tokens("refresh_token"), 1)
		cancel(http.ErrAbortHandler)
		require.ErrorIs(t, <-impatient, http.ErrAbortHandler)
		require.Empty(t, patient, "the other call still waits")
		close(hold)
		require.NoError(t, <-patient)
		require.Len(t, s.Server.Tokens("refresh_token"), 1)
		require.EqualValues(t, 1, s.asked.Load())
		require.Equal(t, 1, s.server.Executions("echo"))
	})
}

// A session with a token that the server refuses fails with KindAuthRequired, and the error says
// what to do. Nothing was run.
func TestSessionStaticToken(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, era, oauth.Config{Grant: oauth.StaticToken("SECRETkey")})
				_, err := mcpclient.Connect(t.Context(), s.Resource.URL, &mcpclient.Options{Transport: s.Transport, Auth: s.client})
				require.Equal(t, mcpclient.KindAuthRequired, mcpclient.KindOf(err), "%v", err)
				require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
				require.Equal(t, oauth.KindLoginRequired, oauth.KindOf(err))
				require.ErrorContains(t, err, "the server refused the token of StaticToken")
				require.NotContains(t, err.Error(), "SECRET")
			})
		})
	}
}
