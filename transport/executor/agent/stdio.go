package agent

import (
	"context"
	"io"

	"github.com/hawser-mcp/hawser/internal/link"
)

// ServeStdio serves one client over a pair of pipes, with one message a line, see [Serve]. It
// closes both at the end, which must end a Read and a Write in progress, as it does for pipes. The
// end of in is an orderly end.
func ServeStdio(ctx context.Context, in io.ReadCloser, out io.WriteCloser, opts *Options) error {
	return Serve(ctx, link.NewLines(in, out, maxMessage), opts)
}
