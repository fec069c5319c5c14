package toolspec_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// tools returns the tools of a list, as JSON.
func tools(t *testing.T, list string) []mcpclient.Tool {
	t.Helper()
	var all []mcpclient.Tool
	require.NoError(t, json.Unmarshal([]byte(list), &all))
	return all
}

// recorded returns the tools in a file of testdata.
func recorded(t *testing.T, name string) []mcpclient.Tool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var page struct {
		Tools []mcpclient.Tool `json:"tools"`
	}
	require.NoError(t, json.Unmarshal(data, &page))
	return page.Tools
}

func namesOf(functions []toolspec.Function) []string {
	var names []string
	for i := range functions {
		names = append(names, functions[i].Name)
	}
	return names
}

func TestFunctions(t *testing.T) {
	functions := toolspec.Functions("shop", tools(t, `[{"name":"sell","title":"Sell","description":"sells",
		"inputSchema":{"type":"object", "properties":{"id":{"const":12345678901234567890}}},"outputSchema":{"type":"object"},
		"annotations":{"readOnlyHint":true}},{"name":"buy.now","annotations":{"title":"Buy"}}]`))
	require.Equal(t, []string{"shop__buy_now_" + hashOf(functions[0].Name), "shop__sell"}, namesOf(functions))
	buy, sell := functions[0], functions[1]
	require.Equal(t, "Buy", buy.Title)
	require.JSONEq(t, `{"type":"object"}`, string(buy.Parameters))
	require.Nil(t, buy.Output)
	require.Equal(t, [3]string{"shop", "sell", "sells"}, [3]string{sell.Server, sell.Tool, sell.Description})
	require.Contains(t, string(sell.Parameters), `{"type":"object", `, "the exact bytes of the server")
	require.JSONEq(t, `{"type":"object"}`, string(sell.Output))
	require.True(t, *sell.Annotations.ReadOnlyHint)
}

func hashOf(name string) string { return name[len(name)-8:] }

// Model providers cache prompts by their beginning, so the order of a server's list must not
// matter.
func TestOrderOfTheListDoesNotMatter(t *testing.T) {
	list := recorded(t, "everything.json")
	list = append(list, tools(t, `[{"name":"get..//+++:.:x"},{"name":"get..++./:+:+x"},{"name":"echo","description":"another"}]`)...)
	want := toolspec.Functions("shop", list)
	encoded, _, err := toolspec.Anthropic.Encode(want)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got := toolspec.Functions("shop", list)
		require.Equal(t, want, got)
		random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		again, _, err := toolspec.Anthropic.Encode(got)
		require.NoError(t, err)
		require.Equal(t, string(encoded), string(again))
	}
}

// The hashes of these two names begin with the same 32 bits, and their other characters are the
// same after replacement.
func TestToolsWithTheSameHash(t *testing.T) {
	first, second := "get..++./:+:+x", "get..//+++:.:x"
	require.Equal(t, toolspec.Name("shop", first), toolspec.Name("shop", second))
	functions := toolspec.Functions("shop", tools(t, `[{"name":"get..//+++:.:x"},{"name":"get..++./:+:+x"}]`))
	require.Len(t, functions, 2)
	for i := range functions {
		named := functions[i].Name == toolspec.Name("shop", first)
		require.Equal(t, functions[i].Tool == first, named, "the first name keeps its function name")
	}
}

func TestOneToolForEachName(t *testing.T) {
	functions := toolspec.Functions("shop", tools(t, `[{"name":"buy"},{"name":"buy","description":"steal"},{"name":"buy"}]`))
	require.Equal(t, []string{"shop__buy"}, namesOf(functions))
}

func TestToolsForTheUserInterfaceAreLeftOut(t *testing.T) {
	functions := toolspec.Functions("shop", tools(t, `[
		{"name":"a","_meta":{"ui":{"visibility":["app"]}}},
		{"name":"b","_meta":{"ui":{"visibility":["model","app"]}}},
		{"name":"c","_meta":{"ui":{"resourceUri":"ui://c"}}},
		{"name":"d","_meta":{"ui":{"visibility":null}}},
		{"name":"g","_meta":{"ui":{"visibility":[]}}},
		{"name":"h","_meta":{"ui":{"visibility":["Model",7]}}},
		{"name":"e","_meta":{"ui":"app"}},
		{"name":"f","_meta":{"ui":{"visibility":"app"}}}]`))
	require.Equal(t, []string{"shop__b", "shop__c", "shop__d", "shop__e", "shop__f"}, namesOf(functions))
	made := mcpclient.Tool{}
	made.Name = "x"
	require.Equal(t, []string{"shop__x"}, namesOf(toolspec.Functions("shop", []mcpclient.Tool{made})), "without Raw")
}

// A fingerprint depends on what the definition says, not on how it is written.
func TestFingerprints(t *testing.T) {
	definitions := []string{
		`[{"name":"a","description":"b","inputSchema":{"type":"object"}}]`,
		`[{"inputSchema": {"type":"object"}, "description":"\u0062", "name":"a"}]`,
		`[{"name":"a","description":"c","inputSchema":{"type":"object"}}]`,
		`[{"name":"a","description":"b","inputSchema":{"type":"object","required":[]}}]`,
		`[{"name":"a","description":"b","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]`,
	}
	var prints []string
	for _, definition := range definitions {
		prints = append(prints, toolspec.Functions("shop", tools(t, definition))[0].Fingerprint)
	}
	require.Equal(t, prints[0], prints[1])
	slices.Sort(prints)
	require.Len(t, slices.Compact(prints), 4)
}
