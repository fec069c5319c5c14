package interop_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// A session reports the server's era, protocol revision, name, instructions and capabilities.
func TestConnect(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connect(t, f, nil)
		require.Equal(t, p.era, s.Era())
		require.Equal(t, p.version, s.ProtocolVersion())
		require.Contains(t, p.name, s.ServerInfo().Name)
		require.Equal(t, "be kind", s.Instructions())
		require.NotNil(t, s.Capabilities().Tools)
		require.True(t, s.Capabilities().Tools.ListChanged)
		require.NoError(t, s.Ping(limit(t)))
		initialized := 0
		if legacy(p) {
			initialized = 1
		}
		require.Equal(t, initialized, f.count(called("initialize")))
		require.Equal(t, initialized, f.count(called("notifications/initialized")))
	})
}

// A client can pin any revision that both sides support.
func TestConnectPinned(t *testing.T) {
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25"} {
		each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
			s := connect(t, f, &mcpclient.Options{ProtocolVersion: version})
			require.Equal(t, mcpclient.EraLegacy, s.Era())
			require.Equal(t, version, s.ProtocolVersion())
			requireEcho(t, s)
			require.Zero(t, f.count(called("server/discover")))
		})
	}
	each(t, modern, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, &mcpclient.Options{ProtocolVersion: "2026-07-28"})
		require.Equal(t, mcpclient.EraModern, s.Era())
		requireEcho(t, s)
		require.Zero(t, f.count(called("initialize")))
	})
	each(t, legacy, func(t *testing.T, _ peer, _ *world, f *front) {
		_, err := mcpclient.Connect(limit(t), f.url, &mcpclient.Options{ProtocolVersion: "2026-07-28"})
		require.Equal(t, mcpclient.KindVersion, mcpclient.KindOf(err), "%v", err)
	})
}

func requireEcho(t *testing.T, s *mcpclient.Session) {
	t.Helper()
	result, err := s.CallTool(limit(t), "echo", map[string]any{"text": trickyText})
	require.NoError(t, err)
	require.False(t, result.IsError)
	require.Equal(t, trickyText, text(t, result))
}

// text returns the text of a result with a single text item.
func text(t *testing.T, result *mcpclient.CallToolResult) string {
	t.Helper()
	require.Len(t, result.Content, 1)
	item, ok := result.Content[0].(mcp.TextContent)
	require.True(t, ok, "%T", result.Content[0])
	return item.Text
}

// Lists have several pages, because the servers are configured with a small page size.
func TestLists(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		var names []string
		for tool, err := range s.Tools(limit(t)) {
			require.NoError(t, err)
			require.NotEmpty(t, tool.Raw)
			require.Contains(t, string(tool.RawInputSchema), `"object"`)
			names = append(names, tool.Name)
		}
		slices.Sort(names)
		require.Equal(t, toolNames, names)
		require.Equal(t, 3, f.count(called("tools/list")))

		var uris, prompts, templates []string
		for r, err := range s.Resources(limit(t)) {
			require.NoError(t, err)
			uris = append(uris, r.URI)
		}
		for p, err := range s.Prompts(limit(t)) {
			require.NoError(t, err)
			prompts = append(prompts, p.Name)
		}
		for r, err := range s.ResourceTemplates(limit(t)) {
			require.NoError(t, err)
			templates = append(templates, r.RawURITemplate)
		}
		require.ElementsMatch(t, []string{"test://blob", "test://text"}, uris)
		require.Equal(t, []string{"greet"}, prompts)
		require.Equal(t, []string{"test://items/{id}"}, templates)
	})
}

func TestResourcesAndPrompts(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		for _, uri := range []string{"test://text", "test://items/42"} {
			read, err := s.ReadResource(limit(t), uri)
			require.NoError(t, err)
			require.Len(t, read.Contents, 1)
			require.Equal(t, trickyText, read.Contents[0].(mcp.TextResourceContents).Text)
		}
		read, err := s.ReadResource(limit(t), "test://blob")
		require.NoError(t, err)
		require.Equal(t, "AAH+/w==", read.Contents[0].(mcp.BlobResourceContents).Blob)

		prompt, err := s.GetPrompt(limit(t), "greet", map[string]string{"who": "gophers"})
		require.NoError(t, err)
		require.Len(t, prompt.Messages, 1)
		require.Equal(t, "hello gophers", prompt.Messages[0].Content.(mcp.TextContent).Text)

		_, err = s.ReadResource(limit(t), "test://none")
		var rpc *mcpclient.RPCError
		require.ErrorAs(t, err, &rpc)
		require.Contains(t, []int64{mcpclient.CodeInvalidParams, mcpclient.CodeResourceNotFound}, rpc.Code)
	})
}

func TestCalls(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, w *world, f *front) {
		s := connect(t, f, nil)
		requireEcho(t, s)
		failed, err := s.CallTool(limit(t), "fail", nil)
		require.NoError(t, err, "a failed tool returns a result, not an error")
		require.True(t, failed.IsError)
		require.Equal(t, "it went wrong", text(t, failed))

		_, err = s.CallTool(limit(t), "no such tool", nil)
		require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "%v", err)
		require.Equal(t, mcpclient.Answered, mcpclient.OutcomeOf(err))

		// This name needs header encoding. go-sdk compares the encoded header with the name in the
		// body and refuses the call; the others answer "unknown tool".
		_, err = s.CallTool(limit(t), "ünknown\nname ", nil)
		require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "%v", err)
		require.Equal(t, []string{"echo", "fail"}, []string{<-w.runs, <-w.runs})
		require.Empty(t, w.runs)
	})
}

// Integers beyond 2^53 survive in both directions.
func TestBigIntegers(t *testing.T) {
	each(t, nil, func(t *testing.T, _ peer, _ *world, f *front) {
		s := connect(t, f, nil)
		result, err := s.CallTool(limit(t), "big", nil)
		require.NoError(t, err)
		require.JSONEq(t, bigContent, string(result.RawStructuredContent))
		require.Contains(t, string(result.RawStructuredContent), "9007199254740993")
		require.Contains(t, string(result.RawStructuredContent), "18446744073709551615")
		var decoded struct {
			ID   int64
			List []json.Number
		}
		require.NoError(t, json.Unmarshal(result.RawStructuredContent, &decoded))
		require.Equal(t, int64(9007199254740993), decoded.ID)
		require.Equal(t, []json.Number{"18446744073709551615", "-9223372036854775807"}, decoded.List)

		mirrored, err := s.CallTool(limit(t), "mirror", map[string]any{"n": int64(-9007199254740995), "u": uint64(1<<64 - 1)})
		require.NoError(t, err)
		require.JSONEq(t, `{"n":-9007199254740995,"u":18446744073709551615}`, string(mirrored.RawStructuredContent))
		require.Contains(t, string(mirrored.RawStructuredContent), "-9007199254740995")
	})
}

// A tool parameter marked x-mcp-header is also sent as a header, even if the client has not listed
// the tools. When the server refuses the first call, the client lists the tools and repeats the
// call.
func TestMirroredHeaders(t *testing.T) {
	each(t, modern, func(t *testing.T, p peer, w *world, f *front) {
		s := connect(t, f, nil)
		values := [][2]string{{"eu-west", "eu-west"}, {" münchen\n", "=?base64?IG3DvG5jaGVuCg==?="}}
		if p.distinguishesEmpty {
			values = append(values, [2]string{"", ""})
		}
		for _, value := range values {
			result, err := s.CallTool(limit(t), "region", map[string]any{"region": value[0]})
			require.NoError(t, err)
			require.Equal(t, value[1], text(t, result))
			require.Equal(t, "region", <-w.runs)
		}
		require.Empty(t, w.runs)
		require.Equal(t, len(values)+1, f.count(called("tools/call")), "the first call is sent twice because the server refused it")
	})
}
