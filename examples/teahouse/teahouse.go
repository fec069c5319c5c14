// Package teahouse is what examples/agent works on when it gets no configuration: two MCP servers, a
// configuration file that lists them, and the recorded messages of a model. One of the servers dies
// during a call and returns two seconds later.
//
// The servers are built with mcp-go. You do not need this package to use existing servers.
package teahouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Task is what the model works on.
const Task = "Serve three cups of green tea."

const (
	distance = 20 * time.Millisecond  // how long a request travels to the pantry
	perCup   = 100 * time.Millisecond // how long it takes to brew a cup
	outage   = 2 * time.Second        // how long the kitchen is gone
)

// Listen returns a listener at an address, such as "127.0.0.1:0" for a free port.
type Listen func(ctx context.Context, address string) (net.Listener, error)

// House is a running teahouse.
type House struct {
	// Config is the name of the configuration file.
	Config string

	dir     string // has the configuration file
	kitchen *kitchen
	pantry  *site
	model   []recorded // what Model has still to say; nil at first
}

// Open starts the servers and writes the configuration file to a new directory. A nil listen means
// loopback. The caller must close the House.
func Open(ctx context.Context, listen Listen) (*House, error) {
	if listen == nil {
		listen = func(ctx context.Context, address string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", address)
		}
	}
	dir, err := os.MkdirTemp("", "teahouse")
	if err != nil {
		return nil, err
	}
	h := &House{Config: filepath.Join(dir, "mcp.json"), dir: dir, kitchen: newKitchen(listen), pantry: newPantry(listen)}
	if err := errors.Join(h.kitchen.up(ctx), h.pantry.up(ctx), h.writeConfig()); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Brewed returns how many cups of tea the kitchen has brewed.
func (h *House) Brewed() int { return int(h.kitchen.brewed.Load()) }

func (h *House) writeConfig() error {
	return os.WriteFile(h.Config, fmt.Appendf(nil, `{
  "mcpServers": {
    "kitchen": {"type": "http", "url": "http://%s/mcp", "hawser": {"approve": {"brew": "ask"}}},
    "pantry": {"type": "http", "url": "http://%s/mcp"}
  }
}
`, h.kitchen.address, h.pantry.address), 0o600)
}

// Close ends the servers and removes the configuration file. Call it once.
func (h *House) Close() error {
	return errors.Join(h.kitchen.end(), h.pantry.end(), os.RemoveAll(h.dir))
}

func newPantry(listen Listen) *site {
	s := server.NewMCPServer("pantry", "1.0.0")
	s.AddTool(mcp.NewTool("stock", mcp.WithDescription("Says how much tea there is."), mcp.WithReadOnlyHintAnnotation(true)),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("green tea: 6 g, enough for 3 cups"), nil
		})
	return newSite(listen, s, distance)
}
