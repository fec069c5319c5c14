package loopback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
)

func TestLogin(t *testing.T) {
	g := start(t.Context(), t, &Login{}, &script{})
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/callback$`, g.redirect)
	require.Contains(t, g.printed.String(), "mcp.example.com")
	require.Contains(t, g.printed.String(), "https://auth.example.com/authorize?state=STATE")

	page := g.comeBack()
	require.NoError(t, <-g.result)
	g.isFree()
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, "You are signed in")
	require.Contains(t, page.body, "mcp.example.com")
	require.Equal(t, "/callback/done", page.address.RequestURI(), "the code does not stay in the browser")
	page.keepsSecrets(t)
	require.Equal(t, []string{g.redirect + "?code=SECRET&state=STATE"}, g.flow.completed())
}

// The page must not report success before the login has succeeded.
func TestSuccessIsShownAfterTheExchange(t *testing.T) {
	exchanging, exchanged := make(chan struct{}), make(chan struct{})
	g := start(t.Context(), t, &Login{}, &script{exchange: func(context.Context) error {
		close(exchanging)
		<-exchanged
		return nil
	}})
	page := make(chan shown)
	go func() { page <- g.comeBack() }()
	<-exchanging
	early := g.visit(g.redirect + "/done")
	require.Equal(t, http.StatusNotFound, early.status)
	select {
	case <-page:
		t.Fatal("a page was shown before the exchange")
	default:
	}
	close(exchanged)
	require.Equal(t, http.StatusOK, (<-page).status)
	require.NoError(t, <-g.result)
}

func TestFailuresAreShown(t *testing.T) {
	broken := errors.New("SECRET <b>description</b> of a server")
	for name, end := range map[string]struct {
		err    error
		status int
		words  string
	}{
		"declined": {fmt.Errorf("%w: access_denied", oauth.ErrDeclined), http.StatusForbidden, "You declined"},
		"refused":  {broken, http.StatusBadGateway, "The sign-in failed"},
		"slow":     {fmt.Errorf("exchange: %w", context.DeadlineExceeded), http.StatusGatewayTimeout, "That took too long"},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t.Context(), t, &Login{}, &script{exchange: func(context.Context) error { return end.err }})
			page := g.comeBack()
			require.Equal(t, end.err, <-g.result)
			require.Equal(t, end.status, page.status)
			require.Contains(t, page.body, end.words)
			require.Equal(t, "/callback/done", page.address.RequestURI())
			page.keepsSecrets(t)
			g.isFree()
		})
	}
}

// Any page in the browser can send requests to loopback. Such requests must not end the login.
func TestForeignCallback(t *testing.T) {
	g := start(t.Context(), t, &Login{}, &script{})
	for _, query := range []string{"", "?", "?state=SECRET&code=SECRET", "?state=SECRET&error=access_denied&error_description=<script>alert(1)</script>", "?;%zz"} {
		page := g.visit(g.redirect + query)
		require.Equal(t, http.StatusBadRequest, page.status, query)
		require.Contains(t, page.body, "This is another sign-in")
		require.NotContains(t, page.body, "SECRET")
		require.NotContains(t, page.body, "script")
	}
	g.goesOn()
}

// A callback may arrive twice: browsers repeat slow requests, and users press buttons twice.
func TestCallbackThatComesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exchanging, exchanged := make(chan struct{}), make(chan struct{})
		flow := &script{exchange: func(context.Context) error {
			close(exchanging)
			<-exchanged
			return nil
		}}
		g, _ := startInMemory(t.Context(), t, &Login{}, flow)
		pages := make(chan shown, 2)
		// The first browser does not follow the redirect to the last page, because loading that
		// page would end the login.
		first := *g.browser
		first.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		go func() { pages <- (&login{t: t, browser: &first}).visit(g.redirect + "?code=SECRET&state=STATE") }()
		<-exchanging
		go func() { pages <- g.comeBack() }()
		synctest.Wait()
		close(exchanged)
		statuses := []int{(<-pages).status, (<-pages).status}
		require.ElementsMatch(t, []int{http.StatusSeeOther, http.StatusConflict}, statuses)
		require.Len(t, flow.completed(), 1)
		require.Equal(t, http.StatusOK, g.visit(g.redirect+"/done").status)
		require.NoError(t, <-g.result)
	})
}

func TestWhatIsNotACallback(t *testing.T) {
	g := start(t.Context(), t, &Login{}, &script{})
	query := "?code=SECRET&state=STATE"
	for _, c := range []struct {
		method, address, host string
		status                int
	}{
		{http.MethodGet, g.redirect + query, "evil.example.com", http.StatusMisdirectedRequest},
		{http.MethodGet, g.redirect + query, "localhost", http.StatusMisdirectedRequest},
		{http.MethodGet, g.redirect + query, "127.0.0.1:1", http.StatusMisdirectedRequest},
		{http.MethodGet, g.redirect + "/done", "evil.example.com", http.StatusMisdirectedRequest},
		{http.MethodPost, g.redirect + query, "", http.StatusMethodNotAllowed},
		{http.MethodHead, g.redirect + query, "", http.StatusMethodNotAllowed},
		{http.MethodOptions, g.redirect + query, "", http.StatusMethodNotAllowed},
		{http.MethodGet, g.redirect + "/" + query, "", http.StatusNotFound},
		{http.MethodGet, "http://" + g.origin() + "/" + query, "", http.StatusNotFound},
		{http.MethodGet, "http://" + g.origin() + "/favicon.ico", "", http.StatusNotFound},
		{http.MethodGet, g.redirect + "/done", "", http.StatusNotFound},
	} {
		page := g.do(c.method, c.address, c.host)
		require.Equal(t, c.status, page.status, c)
		require.NotContains(t, page.body, "SECRET")
		if c.status == http.StatusMethodNotAllowed {
			require.Equal(t, http.MethodGet, page.header.Get("Allow"))
		}
	}
	require.Empty(t, g.flow.completed())
	g.goesOn()
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, network := startInMemory(t.Context(), t, &Login{Timeout: time.Minute}, &script{})
		require.Equal(t, http.StatusBadRequest, g.visit(g.redirect).status, "this leaves a connection open")
		err := <-g.result
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "within 1m0s")
		_, err = network.DialContext(t.Context(), "", g.origin())
		require.Error(t, err, "the port is free")
	})
}

func TestCancelWhileTheCodeIsExchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		g, _ := startInMemory(ctx, t, &Login{}, &script{exchange: func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		visited := make(chan struct{})
		go func() {
			defer close(visited)
			if resp, err := g.browser.Get(g.redirect + "?state=STATE"); err == nil { // the login may still send the page
				resp.Body.Close()
			}
		}()
		synctest.Wait()
		bored := errors.New("bored")
		cancel(bored)
		require.ErrorIs(t, <-g.result, bored)
		<-visited
	})
}

// If the browser is closed before it loads the last page, the login returns after a short wait.
func TestBrowserThatNeverShowsTheLastPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := startInMemory(t.Context(), t, &Login{}, &script{})
		g.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		require.Equal(t, http.StatusSeeOther, g.comeBack().status)
		require.NoError(t, <-g.result)
	})
}

func TestCancelFreesThePort(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	g := start(ctx, t, &Login{}, &script{})
	require.Equal(t, http.StatusBadRequest, g.visit(g.redirect).status, "this leaves a connection open")
	bored := errors.New("bored")
	cancel(bored)
	require.ErrorIs(t, <-g.result, bored)
	g.isFree()
}

func TestNoPageToOpen(t *testing.T) {
	broken := errors.New("no registration")
	for name, flow := range map[string]*script{
		"error":      {pageErr: broken},
		"javascript": {page: "javascript:alert(1)"},
		"no host":    {page: "https:///authorize"},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&Login{Out: new(buffer), Open: func(context.Context, string) error {
				t.Error("opened")
				return nil
			}}).Login(t.Context(), flow)
			require.Error(t, err)
			if flow.pageErr != nil {
				require.ErrorIs(t, err, broken)
			}
			(&login{t: t, redirect: flow.redirect}).isFree()
		})
	}
}

// If no browser can be opened, the user can still visit the printed URL.
func TestBrowserThatCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := startInMemory(t.Context(), t, &Login{
			Open: func(context.Context, string) error { return errors.New("no display") },
		}, &script{})
		synctest.Wait()
		require.Contains(t, g.printed.String(), "Could not open a browser: no display.")
		g.goesOn()
	})
}

// Connections that send no request delay neither the callback nor the end of the login.
func TestSilentConnections(t *testing.T) {
	g := start(t.Context(), t, &Login{}, &script{})
	for i := range 100 {
		conn, err := net.Dial("tcp", g.origin())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		if i%2 == 0 {
			_, err = conn.Write([]byte("GET /callback?state="))
			require.NoError(t, err)
		}
	}
	g.goesOn()
	g.isFree()
}

func TestSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, network := startInMemory(t.Context(), t, &Login{}, &script{})
		conn, err := network.DialContext(t.Context(), "", g.origin())
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write([]byte("GET /callback?state="))
		require.NoError(t, err)
		answer, err := io.ReadAll(conn) // returns when the login closes the connection
		require.NoError(t, err)
		require.NotContains(t, string(answer), "200 OK")
		g.goesOn()
	})
}

func TestLargeHeader(t *testing.T) {
	g := start(t.Context(), t, &Login{}, &script{})
	page := g.visit(g.redirect + "?state=STATE&code=" + strings.Repeat("x", 2*maxHeader))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, page.status)
	require.Empty(t, g.flow.completed())
	g.goesOn()
}
