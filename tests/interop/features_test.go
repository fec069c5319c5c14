package interop_test

import (
	"slices"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// The server receives the whole completion request, and the client receives the whole result.
func TestComplete(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		require.NotNil(t, s.Capabilities().Completions)
		for want, params := range map[string]mcp.CompleteParams{
			`greet who Jö null`: {Ref: mcpclient.PromptRef("greet"), Argument: mcp.CompleteArgument{Name: "who", Value: "Jö"}},
			`test://items/{id} id 4 {"kind":"a b"}`: {
				Ref: mcpclient.TemplateRef("test://items/{id}"), Argument: mcp.CompleteArgument{Name: "id", Value: "4"},
				Context: mcp.CompleteContext{Arguments: map[string]string{"kind": "a b"}},
			},
		} {
			completed, err := s.Complete(limit(t), params)
			require.NoError(t, err)
			require.Equal(t, []string{want}, completed.Completion.Values)
			require.Equal(t, 2, completed.Completion.Total)
			require.True(t, completed.HasTotal)
			require.True(t, completed.Completion.HasMore)
		}
	})
}

// A resource with a URI expanded from a template can be read.
func TestTemplates(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		for template, err := range s.ResourceTemplates(limit(t)) {
			require.NoError(t, err)
			require.Equal(t, []string{"id"}, template.Variables())
			uri, err := template.Expand(map[string]any{"id": "ä b/c"})
			require.NoError(t, err)
			require.Equal(t, "test://items/%C3%A4%20b%2Fc", uri)
			read, err := s.ReadResource(limit(t), uri)
			require.NoError(t, err)
			require.Len(t, read.Contents, 1)
			require.Equal(t, uri, read.Contents[0].(mcp.TextResourceContents).URI)
		}
	})
}

type total struct {
	Sum int64 `json:"sum"`
}

// The result of a typed call is validated against the tool's output schema. The client gets the
// schema from the tool list, which it caches.
func TestTypedCalls(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, w *world, f *front) {
		s := connect(t, f, nil)
		const big = int64(1)<<53 + 1
		for range 2 {
			got, err := mcpclient.Call[numbers, total](limit(t), s, "sum", numbers{[]int64{big, 2}})
			require.NoError(t, err)
			require.Equal(t, big+2, got.Sum)
		}
		lists := f.count(called("tools/list"))
		require.Positive(t, lists)
		_, err := mcpclient.Call[numbers, map[string]any](limit(t), s, "sum", numbers{})
		require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err), "%v", err)
		require.True(t, mcpclient.MayHaveRun(err))
		var mismatch *mcpclient.SchemaError
		require.ErrorAs(t, err, &mismatch)
		require.Equal(t, "/sum", mismatch.Problems[0].Path)

		_, err = mcpclient.Call[any, any](limit(t), s, "fail", nil)
		require.Equal(t, mcpclient.KindTool, mcpclient.KindOf(err), "%v", err)
		var failed *mcpclient.ToolError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "it went wrong", text(t, failed.Result))
		require.Equal(t, lists, f.count(called("tools/list")), "the tool list is cached")
		require.Equal(t, []string{"sum", "sum", "sum", "fail"}, slices.Collect(ran(w, 4)))
	})
}

// ran yields the names of the next n tools that ran.
func ran(w *world, n int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for range n {
			if !yield(<-w.runs) {
				return
			}
		}
	}
}
