// Command gosdk11 is a server of go-sdk 1.1 with the tools that the tests expect. It has no
// sessions if the environment variable STATELESS is set.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type (
	echoArgs struct {
		Text string `json:"text"`
	}
	progressArgs struct {
		Steps int `json:"steps"`
	}
	bigArgs struct {
		Size int `json:"size"`
	}
	waitArgs struct {
		MS int `json:"ms"`
	}
)

func main() {
	s := mcp.NewServer(&mcp.Implementation{Name: "gosdk11", Version: "1.0.0"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "echo"}, echo)
	mcp.AddTool(s, &mcp.Tool{Name: "progress"}, progress)
	mcp.AddTool(s, &mcp.Tool{Name: "big"}, big)
	mcp.AddTool(s, &mcp.Tool{Name: "wait"}, wait)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s },
		&mcp.StreamableHTTPOptions{Stateless: os.Getenv("STATELESS") != ""})
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	program := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	log.Fatal(program.ListenAndServe())
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

func echo(_ context.Context, _ *mcp.CallToolRequest, args echoArgs) (*mcp.CallToolResult, any, error) {
	return text(args.Text), nil, nil
}

func progress(ctx context.Context, r *mcp.CallToolRequest, args progressArgs) (*mcp.CallToolResult, any, error) {
	if token := r.Params.GetProgressToken(); token != nil {
		for step := range args.Steps {
			err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
				ProgressToken: token, Progress: float64(step + 1), Total: float64(args.Steps),
			})
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return text("done"), nil, nil
}

func big(_ context.Context, _ *mcp.CallToolRequest, args bigArgs) (*mcp.CallToolResult, any, error) {
	return text(strings.Repeat("x", args.Size)), nil, nil
}

func wait(ctx context.Context, _ *mcp.CallToolRequest, args waitArgs) (*mcp.CallToolResult, any, error) {
	fmt.Println("started wait")
	select {
	case <-ctx.Done():
		fmt.Println("cancelled wait")
		return nil, nil, ctx.Err()
	case <-time.After(time.Duration(args.MS) * time.Millisecond):
		return text("waited"), nil, nil
	}
}
