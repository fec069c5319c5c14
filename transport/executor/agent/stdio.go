package agent

import (
	"context"
	"io"

	"github.com/hawser-mcp/hawser/internal/link"
)

// ServeStdio serves one client over a pair of pipes, with one message per line, see [Serve]. At the
// end it closes both pipes, which must end a Read and a Write in progress. io.EOF from in is a
// normal end.
func ServeStdio(ctx context.Context, in io.ReadCloser, out io.WriteCloser, opts *Options) error {
	return Serve(ctx, link.NewLines(in, out, maxMessage), opts)
}
