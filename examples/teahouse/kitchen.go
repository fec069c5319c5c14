package teahouse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// kitchen is a server that dies when the first cup is brewed. It remembers how many were.
type kitchen struct {
	*site

	shutting chan struct{}  // closed by shut
	outages  sync.WaitGroup // the goroutine that ends the outage

	mu     sync.Mutex // guards what follows
	cups   int        // brewed so far
	failed error      // why the kitchen did not return
}

func newKitchen(listen Listen) *kitchen {
	k := &kitchen{shutting: make(chan struct{})}
	s := server.NewMCPServer("kitchen", "1.0.0")
	s.AddTool(mcp.NewTool("brew", mcp.WithDescription("Brews green tea."), mcp.WithNumber("cups", mcp.Required())), k.brew)
	s.AddTool(mcp.NewTool("brewed", mcp.WithDescription("Says how many cups were brewed."), mcp.WithReadOnlyHintAnnotation(true)),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return mcp.NewToolResultText(fmt.Sprintf("cups brewed: %d", k.cups)), nil
		})
	k.site = newSite(listen, s, 0)
	return k
}

// brew implements the tool. It does not stop when ctx ends, because a lost connection does not
// cancel a call.
func (k *kitchen) brew(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	cups := request.GetInt("cups", 1)
	for cup := 1; cup <= cups; cup++ {
		time.Sleep(perCup)
		if err := reportProgress(ctx, request, cup, cups); err != nil {
			return nil, err
		}
		if k.serve() == 1 {
			time.Sleep(perCup)
			return nil, k.die(context.WithoutCancel(ctx))
		}
	}
	return mcp.NewToolResultText(fmt.Sprintf("%d cups of green tea", cups)), nil
}

// serve counts a cup and returns how many there are.
func (k *kitchen) serve() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cups++
	return k.cups
}

// die ends the server and every connection to it. It returns after the outage.
func (k *kitchen) die(ctx context.Context) error {
	err := k.close()
	k.outages.Go(func() {
		select {
		case <-time.After(outage):
			err := k.open(ctx)
			k.mu.Lock()
			k.failed = err
			k.mu.Unlock()
		case <-k.shutting:
		}
	})
	return errors.Join(errors.New("the kitchen is dead"), err)
}

// shut ends the kitchen for good.
func (k *kitchen) shut() error {
	close(k.shutting)
	k.outages.Wait()
	return errors.Join(k.failed, k.close())
}

// reportProgress sends a progress notification if the client has requested it.
func reportProgress(ctx context.Context, request mcp.CallToolRequest, cup, cups int) error {
	if request.Params.Meta == nil || request.Params.Meta.ProgressToken == nil {
		return nil
	}
	return server.ServerFromContext(ctx).SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), map[string]any{
		"progressToken": request.Params.Meta.ProgressToken, "progress": cup, "total": cups, "message": "green tea",
	})
}
