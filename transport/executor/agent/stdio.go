package agent

import (
	"context"
	"io"

	"github.com/hawser-mcp/hawser/internal/link"
)

// ServeStdio serves one client over a pair of pipes, one message a line, as
// [Serve] does. It closes both when it ends, which must end a Read and a Write in
// progress, as it does with pipes. The end of in is the orderly end.
func ServeStdio(ctx context.Context, in io.ReadCloser, out io.WriteCloser, opts *Options) error {
	return Serve(ctx, link.NewLines(in, out, maxMessage), opts)
}
