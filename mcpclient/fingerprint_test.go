package mcpclient_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func toolFrom(t *testing.T, definition string) mcpclient.Tool {
	t.Helper()
	var tool mcpclient.Tool
	require.NoError(t, json.Unmarshal([]byte(definition), &tool), definition)
	return tool
}

// Only a real difference between two definitions changes the fingerprint.
func TestFingerprint(t *testing.T) {
	const definition = `{"name":"t","description":"a <b> é","x":[1,{"b":null,"a":true}],"n":12345678901234567890}`
	want := toolFrom(t, definition).Fingerprint()
	require.Regexp(t, "^[0-9a-f]{64}$", want)
	for name, same := range map[string]string{
		"white space": "\n{ \"name\" : \"t\",\t\"description\":\"a <b> é\",\"x\":[1, {\"b\":null , \"a\":true}],\"n\":12345678901234567890 }\n",
		"order":       `{"n":12345678901234567890,"x":[1,{"a":true,"b":null}],"description":"a <b> é","name":"t"}`,
		"escapes":     `{"name":"\u0074","description":"a \u003cb\u003e \u00e9","x":[1,{"b":null,"\u0061":true}],"n":12345678901234567890}`,
	} {
		require.Equal(t, want, toolFrom(t, same).Fingerprint(), name)
	}
	seen := map[string]string{want: definition}
	for _, other := range []string{
		`{"name":"t","description":"a <b> é","x":[1,{"b":null,"a":true}],"n":12345678901234567891}`,   // beyond float64
		`{"name":"t","description":"a <b> é","x":[1.0,{"b":null,"a":true}],"n":12345678901234567890}`, // another text of the number
		`{"name":"t","description":"a <b> é","x":[{"b":null,"a":true},1],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","x":["1",{"b":null,"a":true}],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","x":[1,{"b":"null","a":true}],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","x":[1,{"b":null,"a":"true"}],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> e","x":[1,{"b":null,"a":true}],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","x":[1,{"b":null,"a":true},{}],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","x":[1,{"b":null,"a":true},[]],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","x":[1,{"b":null,"a":true}],"n":12345678901234567890,"_meta":{}}`,
		`{"name":"t","description":"evil","description":"a <b> é","x":[1,{"b":null,"a":true}],"n":12345678901234567890}`,
		`{"name":"t","description":"a <b> é","description":"evil","x":[1,{"b":null,"a":true}],"n":12345678901234567890}`,
	} {
		sum := toolFrom(t, other).Fingerprint()
		require.Empty(t, seen[sum], other)
		seen[sum] = other
	}
}

// A tool that was not listed, or whose Raw is no JSON, has a fingerprint as well.
func TestFingerprintWithoutADefinition(t *testing.T) {
	made := mcpclient.Tool{Tool: mcp.NewTool("t")}
	require.NotEqual(t, made.Fingerprint(), mcpclient.Tool{Tool: mcp.NewTool("u")}.Fingerprint())
	require.Equal(t, made.Fingerprint(), mcpclient.Tool{Tool: mcp.NewTool("t")}.Fingerprint())
	broken := mcpclient.Tool{Raw: json.RawMessage(`{"name":"t"`)}
	require.NotEqual(t, broken.Fingerprint(), mcpclient.Tool{Raw: json.RawMessage(`{"name":"t"} `)}.Fingerprint())
	require.NotEqual(t, mcpclient.Tool{Raw: json.RawMessage(`{"name":"t"}}`)}.Fingerprint(), mcpclient.Tool{Raw: json.RawMessage(`{"name":"t"}`)}.Fingerprint())
}

// The work for a fingerprint is linear in the size of the definition, however deep it nests.
func TestFingerprintOfADeepDefinition(t *testing.T) {
	const depth = 500
	wide := `"` + strings.Repeat("x", 1<<20) + `"`
	definition := `{"name":"t","x":` + strings.Repeat(`{"a":[`, depth/2) + wide + strings.Repeat(`]}`, depth/2) + `}`
	tool := toolFrom(t, definition)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tool.Fingerprint()
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "copying the text once for each level would take %d MiB", depth)
}
