package teahouse

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// kitchen is a server that dies after its first cup. It remembers what it has brewed.
type kitchen struct {
	*site

	brewed atomic.Int64 // cups
}

func newKitchen(listen Listen) *kitchen {
	k := new(kitchen)
	s := server.NewMCPServer("kitchen", "1.0.0")
	s.AddTool(mcp.NewTool("brew", mcp.WithDescription("Brews green tea."), mcp.WithNumber("cups", mcp.Required())), k.brew)
	s.AddTool(mcp.NewTool("brewed", mcp.WithDescription("Says how many cups were brewed."), mcp.WithReadOnlyHintAnnotation(true)),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(fmt.Sprintf("cups brewed: %d", k.brewed.Load())), nil
		})
	k.site = newSite(listen, s, 0)
	return k
}

// brew implements the tool. It does not stop when ctx ends, because a lost connection does not
// cancel a call.
func (k *kitchen) brew(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	cups := request.GetInt("cups", 1)
	for cup := 1; cup <= cups; cup++ {
		if err := errors.Join(reportProgress(ctx, request, cup, cups), k.pause(perCup)); err != nil {
			return nil, err
		}
		if k.brewed.Add(1) == 1 {
			return nil, k.die(context.WithoutCancel(ctx))
		}
	}
	return mcp.NewToolResultText(fmt.Sprintf("%d cups of green tea", cups)), nil
}

// die takes the server down and up again after the outage. No caller gets the error, since all
// connections are lost.
func (k *kitchen) die(ctx context.Context) error {
	err := k.down()
	if ended := k.pause(outage); ended != nil {
		return errors.Join(err, ended)
	}
	return errors.Join(err, k.up(ctx))
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
