package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// body returns the whole body of the reply to a message.
func body(t *testing.T, path, message string) string {
	t.Helper()
	r, err := Answer(path, []byte(message))
	require.NoError(t, err)
	return string(append(r.Append(nil), r.Last...))
}

func TestRepliesAreWholeMessages(t *testing.T) {
	for _, tool := range Tools {
		for _, version := range []string{Legacy, Modern} {
			t.Run(tool.Name+" "+version, func(t *testing.T) {
				reply := body(t, "", fmt.Sprintf(`{"id":7,"method":"tools/call","params":{"name":%q,"_meta":{"progressToken":"t","v":%q}}}`, tool.Name, version))
				events := []string{reply}
				if tool.Stream {
					events = strings.Split(strings.TrimSuffix(reply, "\n\n"), "\n\n")
				}
				require.Len(t, events, tool.Events+1)
				var last struct {
					ID     int `json:"id"`
					Result struct {
						ResultType string                  `json:"resultType"`
						Content    []struct{ Text string } `json:"content"`
						Structured json.RawMessage         `json:"structuredContent"`
					} `json:"result"`
				}
				for i, text := range events {
					text = strings.TrimPrefix(text, event)
					require.Equal(t, i == tool.Events, strings.Contains(text, `"id":7`))
					require.Equal(t, i < tool.Events, strings.Contains(text, `"progressToken":"t"`))
					require.NoError(t, json.Unmarshal([]byte(text), &last))
				}
				require.Equal(t, version == Modern, last.Result.ResultType == "complete")
				require.Equal(t, string(tool.Structured), string(last.Result.Structured))
				if tool.Text != "" {
					require.Equal(t, tool.Text, last.Result.Content[0].Text)
				}
			})
		}
	}
}

func TestSizesAreAsNamed(t *testing.T) {
	for tool, size := range map[*Tool]int{JSON200: 200, JSON10k: 10_000, Structured10k: 10_000, JSON1M: Mebi} {
		reply := body(t, "", fmt.Sprintf(`{"id":7,"method":"tools/call","params":{"name":%q}}`, tool.Name))
		require.InEpsilon(t, size, len(reply), 0.06, tool.Name)
	}
}

func TestListsHaveTheirTools(t *testing.T) {
	for _, tools := range []int{FewTools, ManyTools, NumerousTools} {
		var reply struct {
			Result struct {
				Tools []struct{ Name string } `json:"tools"`
			} `json:"result"`
		}
		require.NoError(t, json.Unmarshal([]byte(body(t, ListPath(tools), `{"id":1,"method":"tools/list"}`)), &reply))
		require.Len(t, reply.Result.Tools, tools)
		require.Equal(t, ToolName(tools-1), reply.Result.Tools[tools-1].Name)
	}
}

func TestUnknownMessagesAreRefused(t *testing.T) {
	for _, message := range []string{
		`{"id":1,"method":"tools/call","params":{"name":"bench_other"}}`, `{"id":1,"method":"tools/call"`, `{"id":1,"method":"ping"}`,
		`{"id":1,"method":"tools/list"}`,
	} {
		_, err := Answer("/nowhere", []byte(message))
		require.Error(t, err, message)
	}
	r, err := Answer("", []byte(`{"method":"notifications/initialized"}`))
	require.NoError(t, err)
	require.True(t, r.None)
}
