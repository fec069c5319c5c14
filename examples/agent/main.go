// Command agent works on a task with the tools of many MCP servers; docs/agents.md explains it.
//
//	go run ./examples/agent                          # a demonstration: two servers, one of which dies
//	go run ./examples/agent -config .mcp.json TASK   # set OPENAI_MODEL, OPENAI_API_KEY, OPENAI_BASE_URL
//
// If HAWSER_EXECUTOR is set to a URL such as ws://127.0.0.1:8765, that executor sends all requests.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/examples/teahouse"
	"github.com/hawser-mcp/hawser/examples/terminal"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// agent works on one task.
type agent struct {
	model func(ctx context.Context, chat []any, tools json.RawMessage) (json.RawMessage, error)
	user  *terminal.Terminal
	opts  group.Options
	shown sync.Map // the last status of each server that the user saw
}

func main() {
	file := flag.String("config", "", "configuration `FILE`, followed by the task; without it, a demonstration runs")
	flag.Parse()
	if (*file == "") != (flag.NArg() == 0) {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	a := &agent{model: endpoint, user: terminal.Standard(), opts: group.Options{Transports: map[string]http.RoundTripper{}}}
	err := a.start(ctx, *file, strings.Join(flag.Args(), " "))
	stop()
	if err != nil {
		a.user.Printf("agent: %v", err)
		os.Exit(1)
	}
}

// start reads the configuration file. Without one, it starts the demonstration.
func (a *agent) start(ctx context.Context, file, task string) error {
	if file == "" {
		house, err := teahouse.Open(ctx, nil)
		if err != nil {
			return err
		}
		defer house.Close()
		a.model, file, task = house.Model, house.Config, teahouse.Task
	}
	cfg, err := new(mcpconfig.Loader).Load(ctx, file)
	if err != nil {
		return err
	}
	for _, p := range cfg.Problems {
		a.user.Printf("%v", p)
	}
	if url := os.Getenv("HAWSER_EXECUTOR"); url != "" {
		through, err := executor.Dial(ctx, url, nil)
		if err != nil {
			return err
		}
		defer through.Close()
		for _, s := range cfg.Servers {
			a.opts.Transports[s.Executor] = through
		}
	}
	return a.run(ctx, cfg.Servers, task)
}

// run connects the servers, and lets the model call functions until it answers in words.
func (a *agent) run(ctx context.Context, list []mcpconfig.Server, task string) error {
	a.opts.Auth, a.opts.Approve, a.opts.Observer = a.user.Authorize, a.approve, a.observe
	a.opts.MaxBackoff = 3 * time.Second // the user waits for the agent
	servers, err := group.New(list, &a.opts)
	if err != nil {
		return err
	}
	defer servers.Close()
	if err := servers.Wait(ctx); err != nil { // for one try of each, of at most 10 s
		return err
	}
	chat := []any{map[string]string{"role": "user", "content": task}}
	for range 50 {
		functions, _ := servers.Functions()
		tools, misfits, err := toolspec.OpenAIChat.Encode(functions)
		for _, m := range misfits {
			a.user.Printf("the model cannot use %s: %s", m.Name, m.Reason)
		}
		if err := errors.Join(err, toolspec.OpenAIChat.Check(functions)); err != nil {
			return err
		}
		raw, err := a.model(ctx, chat, tools)
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("message of the model: %w", err)
		}
		a.user.Printf("model: %s", cmp.Or(m.Content, "…"))
		if len(m.Calls) == 0 {
			return nil
		}
		chat = append(append(chat, raw), a.callAll(ctx, servers, m)...)
	}
	return errors.New("no answer in 50 turns")
}

// message is what the model says. Chat Completions define its form.
type message struct {
	Content string
	Calls   []struct {
		ID       string
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

// callAll makes the calls of a message at the same time, and returns the answers in their order.
func (a *agent) callAll(ctx context.Context, servers *group.Group, m message) []any {
	answers := make([]any, len(m.Calls))
	var running sync.WaitGroup
	for i, c := range m.Calls {
		name, args := c.Function.Name, c.Function.Arguments
		a.user.Printf("call %s %s", name, args)
		running.Go(func() {
			progress := mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
				a.user.Printf("%s: %v of %v: %s", name, p.Progress, p.Total, p.Message)
			})
			result, err := servers.Call(ctx, name, json.RawMessage(args), progress)
			answer := toolspec.AnswerOf(result, err, 0)
			a.user.Printf("%s: %s", name, answer.Text)
			answers[i], _ = answer.Encode(toolspec.OpenAIChat, c.ID, name)
		})
	}
	running.Wait()
	return answers
}

// approve asks the user about a call, if the configuration says so.
func (a *agent) approve(ctx context.Context, f toolspec.Function, args json.RawMessage) error {
	return a.user.Confirm(ctx, fmt.Sprintf("Allow %s %s?", f.Name, args))
}

// observe shows what happens to the servers.
func (a *agent) observe(_ context.Context, e group.Event) {
	switch e := e.(type) {
	case group.StateChanged:
		if e.State.Status == group.Connecting || e.State.Status == group.Closed {
			break
		}
		if last, _ := a.shown.Swap(e.State.Server, e.State.Status); last != e.State.Status {
			a.user.Printf("%v", errors.Join(fmt.Errorf("%s is %v", e.State.Server, e.State.Status), e.State.Err))
		}
	case group.FunctionsChanged:
		a.user.Printf("%s: functions added %v, removed %v, changed %v", e.Server, e.Added, e.Removed, e.Changed)
	}
}

// endpoint is a model behind OPENAI_BASE_URL.
func endpoint(ctx context.Context, chat []any, tools json.RawMessage) (json.RawMessage, error) {
	body, _ := json.Marshal(map[string]any{"model": os.Getenv("OPENAI_MODEL"), "messages": chat, "tools": tools})
	url := strings.TrimSuffix(cmp.Or(os.Getenv("OPENAI_BASE_URL"), "https://api.openai.com/v1"), "/") + "/chat/completions"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + os.Getenv("OPENAI_API_KEY")}}
	resp, err := (&http.Client{Timeout: 5 * time.Minute}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var answer struct {
		Choices []struct{ Message json.RawMessage }
	}
	if err = errors.Join(err, json.Unmarshal(body, &answer)); err != nil || len(answer.Choices) == 0 {
		return nil, errors.Join(fmt.Errorf("the model's endpoint answered %s with %d bytes (limit 1 MiB): %.300q", resp.Status, len(body), body), err)
	}
	return answer.Choices[0].Message, nil
}
