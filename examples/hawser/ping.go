package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) pingCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ping URL", Short: "Check that the server answers, and show its name, version and extensions"}
	return a.serverCommand(cmd, 1, 1, func(ctx context.Context, args []string) error {
		s, err := a.connect(ctx, args[0], mcpclient.Handlers{})
		if err != nil {
			return err
		}
		begin := a.env.now()
		if err := s.Ping(ctx); err != nil {
			return err
		}
		took := a.env.now().Sub(begin)
		info, extensions := s.ServerInfo(), s.Capabilities().Extensions
		if a.flags.json {
			return a.out.value(struct {
				Name            string         `json:"name"`
				Version         string         `json:"version"`
				ProtocolVersion string         `json:"protocolVersion"`
				Era             string         `json:"era"`
				Extensions      map[string]any `json:"extensions,omitempty"`
				Milliseconds    float64        `json:"milliseconds"`
			}{info.Name, info.Version, s.ProtocolVersion(), s.Era().String(), extensions, float64(took.Microseconds()) / 1000})
		}
		a.out.text(fmt.Sprintf("%s %s answered in %v (protocol %s, %s era)", oneLine(info.Name, 100), oneLine(info.Version, 100),
			took.Round(10*time.Microsecond), s.ProtocolVersion(), s.Era()))
		for _, id := range slices.Sorted(maps.Keys(extensions)) {
			a.out.text("extension " + oneLine(id, 100))
		}
		return nil
	})
}
