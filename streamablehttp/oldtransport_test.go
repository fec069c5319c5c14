package streamablehttp

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The old transport is recognized by its first event, which must arrive in time and must not be too
// large.
func TestIsOldTransport(t *testing.T) {
	for name, row := range map[string]struct {
		reply func() *http.Response
		want  bool
	}{
		"endpoint":     {func() *http.Response { return stream("event: endpoint\ndata: /messages\n\n") }, true},
		"other event":  {func() *http.Response { return stream("data: {}\n\n") }, false},
		"no stream":    {func() *http.Response { return text(200, "text/html", "<html>") }, false},
		"refused":      {func() *http.Response { return text(405, "", "") }, false},
		"silent":       {func() *http.Response { return respond(200, typeStream, newHangingBody("")) }, false},
		"endless line": {func() *http.Response { return stream("data: " + strings.Repeat("x", 1<<20)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.Equal(t, row.want, newConn(t, always(row.reply)).IsOldTransport(ctx))
			})
		})
	}
}
