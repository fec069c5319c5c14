package field

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// action returns q.Do, or call if it is nil.
func (q *Quirk) action() Action {
	if q.Do == nil {
		return call
	}
	return q.Do
}

// call calls the tool "t" and returns its result in one line.
func call(ctx context.Context, p *Play) (string, error) {
	res, err := p.Session.CallTool(ctx, "t", nil)
	if err != nil {
		return "", err
	}
	return describe(res), nil
}

// list returns the names of all tools and the number of invalid ones.
func list(ctx context.Context, p *Play) (string, error) {
	tools, invalid, err := p.Session.AllTools(ctx)
	if err != nil {
		return "", err
	}
	names := make([]string, len(tools))
	for i := range tools {
		names[i] = tools[i].Name
	}
	value := strings.Join(names, ", ")
	if len(invalid) > 0 {
		value += fmt.Sprintf("; %d invalid", len(invalid))
	}
	return value, nil
}

// ping pings the server and returns "".
func ping(ctx context.Context, p *Play) (string, error) { return "", p.Session.Ping(ctx) }

// setLevel sets the level of the server's log and returns "".
func setLevel(ctx context.Context, p *Play) (string, error) {
	return "", p.Session.SetLogLevel(ctx, mcp.LoggingLevelInfo)
}

// listen waits for d and returns the notes of the handlers; see [noteChanges].
func listen(d time.Duration) Action {
	return func(_ context.Context, p *Play) (string, error) {
		time.Sleep(d) // of fake time
		return strings.TrimSpace(p.notes.String()), nil
	}
}

// noteLogs sets a handler that notes the server's log messages.
func noteLogs(o *mcpclient.Options, p *Play) {
	o.Handlers.Log = func(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) {
		fmt.Fprintf(&p.notes, "log %v\n", m.Level)
	}
}

// noteChanges sets a handler that notes changes of the tool list.
func noteChanges(o *mcpclient.Options, p *Play) {
	o.Handlers.ToolsChanged = func(context.Context, *mcpclient.Session) { fmt.Fprintln(&p.notes, "tools changed") }
}

// then runs the action and appends the notes of the handlers to its value.
func then(action Action) Action {
	return func(ctx context.Context, p *Play) (string, error) {
		value, err := action(ctx, p)
		time.Sleep(time.Second) // of fake time, for the handlers
		return strings.TrimSpace(value + "; " + strings.TrimSpace(p.notes.String())), err
	}
}

// twice runs the action twice and returns the result of the second run.
func twice(action Action) Action {
	return func(ctx context.Context, p *Play) (string, error) {
		_, _ = action(ctx, p) // only the second result counts
		return action(ctx, p)
	}
}

// often runs the action n times, one second apart, and returns how many runs fail.
func often(n int, action Action) Action {
	return func(ctx context.Context, p *Play) (string, error) {
		failed := 0
		for range n {
			if _, err := action(ctx, p); err != nil {
				failed++
			}
			time.Sleep(time.Second) // of fake time
		}
		return fmt.Sprintf("%d failed", failed), nil
	}
}

// counted runs the action and appends the number of requests of this kind to its value.
func counted(kind string, action Action) Action {
	return func(ctx context.Context, p *Play) (string, error) {
		value, err := action(ctx, p)
		return fmt.Sprintf("%s; %d %s", value, p.Server.Count(kind), kind), err
	}
}

// describe returns the content of a result in one line: texts, types of other content, and
// structured content.
func describe(res *mcpclient.CallToolResult) string {
	var parts []string
	if res.IsError {
		parts = append(parts, "failed:")
	}
	for _, content := range res.Content {
		if text, ok := content.(mcp.TextContent); ok {
			parts = append(parts, text.Text)
			continue
		}
		name := fmt.Sprintf("%T", content)
		parts = append(parts, name[strings.LastIndex(name, ".")+1:])
	}
	if len(res.RawStructuredContent) > 0 {
		parts = append(parts, string(res.RawStructuredContent))
	}
	return strings.Join(parts, " ")
}

// within runs the action. If the session needs more than d to connect and run it, within appends
// that time to the value, which then differs from the wanted one.
func within(d time.Duration, action Action) Action {
	return func(ctx context.Context, p *Play) (string, error) {
		value, err := action(ctx, p)
		if took := time.Since(p.began); took > d {
			return strings.TrimSpace(value + " after " + took.String()), err
		}
		return value, err
	}
}

// closes ends the session with Close, and connects another one for the rest of the play. It returns
// the number of DELETE requests that Close sent.
func closes(ctx context.Context, p *Play) (string, error) {
	if err := p.Session.Close(); err != nil {
		return "", err
	}
	deleted := p.Server.Count("DELETE")
	session, err := mcpclient.Connect(ctx, p.URL, &mcpclient.Options{Transport: p.Transport})
	p.Session = session
	return fmt.Sprintf("closed; %d DELETE", deleted), err
}

// inTwoSessions calls the tool "t" once in the session and once in another, which replaces it.
func inTwoSessions(ctx context.Context, p *Play) (string, error) {
	first, err := call(ctx, p)
	if err == nil {
		_, err = closes(ctx, p)
	}
	if err != nil {
		return "", err
	}
	second, err := call(ctx, p)
	return first + " " + second, err
}

// deadline runs the action with a timeout of d.
func deadline(d time.Duration, action Action) Action {
	return func(ctx context.Context, p *Play) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return action(ctx, p)
	}
}

// bothAtOnce makes two concurrent calls and returns how many succeed.
func bothAtOnce(ctx context.Context, p *Play) (string, error) {
	var answered atomic.Int32
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if _, err := call(ctx, p); err == nil {
				answered.Add(1)
			}
		})
	}
	calls.Wait()
	return fmt.Sprintf("%d answered", answered.Load()), nil
}
