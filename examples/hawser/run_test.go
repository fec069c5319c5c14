package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// hangs returns a tool that runs until it is cancelled, and a channel that is closed when the tool
// starts.
func hangs() (mcptest.ToolFunc, <-chan struct{}) {
	begun := make(chan struct{})
	return func(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}, begun
}

func TestInterruptCancelsTheCall(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		eachEra(t, func(t *testing.T, srv *mcptest.Server) {
			tool, begun := hangs()
			ended := make(chan struct{})
			srv.Tools = []*mcptest.Tool{{Name: "hang", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
				defer close(ended)
				return tool(ctx, c)
			}}}
			signals := make(chan os.Signal, 1)
			go func() {
				<-begun
				signals <- signal
			}()
			r := machine{signals: signals}.hawser(t, "call", srv.Loopback(t).URL, "hang")
			require.Equal(t, result{exitCancelled, "", "cancelled\n"}, r)
			if srv.Era == mcptest.Legacy {
				require.Len(t, srv.Cancelled(), 1, "the server was notified")
				return
			}
			<-ended // the stream was closed
		})
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	tool, begun := hangs()
	srv := legacy("hang", tool)
	deleting := make(chan struct{})
	srv.Intercept = func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		if r.Method == http.MethodDelete {
			close(deleting)
			srv.Hang(r)
			return true
		}
		return false
	}
	signals := make(chan os.Signal, 1)
	go func() {
		<-begun
		signals <- os.Interrupt
		<-deleting // the program is closing the session and waits for the DELETE response
		signals <- os.Interrupt
	}()
	r := machine{signals: signals}.hawser(t, "call", srv.Loopback(t).URL, "hang")
	require.Equal(t, exitCancelled, r.code)
	require.Empty(t, r.err, "the run was not completed")
}

func TestInterruptEndsAQuestion(t *testing.T) {
	url := legacy("ask", elicits(formParams("Tea", teaForm))).Loopback(t).URL
	stdin, keyboard := io.Pipe()
	defer keyboard.Close()
	signals, screen := make(chan os.Signal, 1), new(buffer)
	asked := screen.await("1/6 Your name")
	go func() {
		<-asked
		signals <- os.Interrupt
	}()
	r := machine{reader: stdin, person: true, signals: signals, stderr: screen}.hawser(t, "call", url, "ask")
	require.Equal(t, exitCancelled, r.code)
	require.True(t, strings.HasSuffix(r.err, "\n(the request was cancelled)\ncancelled\n"), r.err)
}

func TestInterruptWhileArgumentsAreRead(t *testing.T) {
	stdin, keyboard := io.Pipe()
	defer keyboard.Close()
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	r := machine{reader: stdin, signals: signals}.hawser(t, "call", "http://127.0.0.1:1/mcp", "x", "-")
	require.Equal(t, result{exitCancelled, "", "cancelled\n"}, r)
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tool, _ := hangs()
		srv := legacy("hang", tool)
		link := srv.InMemory(t)
		r := machine{transport: link.Transport}.hawser(t, "call", link.URL, "hang", "--timeout", "3s")
		require.Equal(t, result{exitUnknown, "", "hawser: timed out after 3s\nhint: no answer arrived, but the tool may have run; check before you call it again\n"}, r)
	})
}

func TestServerThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mcptest.New(mcptest.Modern)
		srv.Intercept = func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
			srv.Hang(r)
			return true
		}
		link := srv.InMemory(t)
		r := machine{transport: link.Transport}.hawser(t, "tools", link.URL)
		require.Equal(t, exitNotRun, r.code)
		require.Regexp(t, "^waiting for mcp.test; press Ctrl-C to give up\nhawser: cannot connect to "+link.URL+": timeout: no answer within [13]0s\n"+
			"hint: nothing answers there; check the host and port, or skip the negotiation with --protocol 2025-11-25\n$", r.err)
		r = machine{transport: link.Transport}.hawser(t, "tools", link.URL, "--timeout", "2s")
		require.Equal(t, result{exitNotRun, "", "hawser: timed out after 2s\nhint: allow more time with --timeout\n"}, r)
	})
}

func TestProgressAndLog(t *testing.T) {
	tool := func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
		c.Progress(1, 4, "heating\x1b[2J water")
		c.Log("info", "the kettle\x1b]0;x\a is on")
		c.Log("error", map[string]any{"code": 7})
		c.Progress(4, 4, "")
		return mcptest.Text("tea"), nil
	}
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		srv := mcptest.New(era)
		srv.SSE = true
		srv.Tools = []*mcptest.Tool{{Name: "brew", Run: tool}}
		url := srv.Loopback(t).URL
		require.Equal(t, result{0, "tea\n", "progress 1/4 heating water\n[info] brew: the kettle is on\n[error] brew: {\"code\":7}\nprogress 4/4\n"},
			hawser(t, "call", url, "brew", "--log-level", "debug"))
		r := machine{watched: true}.hawser(t, "call", url, "brew")
		require.Equal(t, "tea\n", r.out)
		require.Regexp(t, `^\r\x1b\[K *25% \|.*\| +1/4 heating water\r\x1b\[K\[info\] brew: the kettle is on\n\r\x1b\[K`, r.err)
		require.True(t, strings.HasSuffix(r.err, "\r\x1b[K"), "the bar is gone in the end: %q", r.err)
	}
}

func TestBarFitsItsLine(t *testing.T) {
	long := strings.Repeat("茶", 100)
	for _, columns := range []int{0, 40, 80, 120} {
		bar := renderBar(mcpProgress(3, 10, long), long, columns)
		if columns == 0 {
			columns = fewColumns
		}
		require.Contains(t, bar, "30%")
		if columns >= barMargin {
			require.LessOrEqual(t, width(bar), columns)
		}
	}
	for _, p := range []float64{-1, 0, 5, 1e300} {
		require.NotEmpty(t, renderBar(mcpProgress(p, 3, ""), "", 80))
	}
}

func TestVerbose(t *testing.T) {
	r := succeeds(t, "ping", mcptest.New(mcptest.Modern).Loopback(t).URL, "--verbose")
	require.Contains(t, r.err, "level=INFO msg=connected")
	require.NotContains(t, r.out, "level=")
}

func TestOutputFails(t *testing.T) {
	var screen buffer
	code := run(t.Context(), environment{
		stdin: strings.NewReader(""), stdout: full{}, stderr: &screen, lookup: os.LookupEnv, now: machine{}.now,
	}, []string{"tools", teahouse(t)})
	require.Equal(t, exitOutput, code)
	require.Equal(t, "hawser: cannot write the output: no space left on device\n", screen.String())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
