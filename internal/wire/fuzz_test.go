package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// FuzzCallToolResult compares the decoded result with mcp-go's. It skips texts that mcp-go rejects,
// and texts that this package deliberately reads in another way.
func FuzzCallToolResult(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, kept := new(callToolResult), new(callToolResult)
		err := Unmarshal(data, got.decoder(false))
		errKept := Unmarshal(data, kept.decoder(true))
		if (err == nil) != (errKept == nil) || err == nil && !json.Valid(data) {
			t.Fatalf("error %v, with the raw result kept %v", err, errKept)
		}
		if err == nil {
			if !bytes.Equal(kept.Raw, bytes.Trim(data, " \t\r\n")) {
				t.Fatalf("raw is %s", kept.Raw)
			}
			checkRaw(t, got)
			// The text of an error may contain an offset, and the two decoders start at different
			// offsets.
			if a, b := marshal(t, got.CallToolResult), marshal(t, kept.CallToolResult); !bytes.Equal(a, b) {
				t.Fatalf("%s with the raw result kept, otherwise %s", b, a)
			}
		}
		var want mcp.CallToolResult
		if json.Unmarshal(data, &want) != nil || !plain(data) || errors.Is(err, jsonrpc.ErrDepth) {
			return
		}
		if err != nil {
			t.Fatalf("mcp-go accepts it: %v", err)
		}
		compare(t, got, &want)
	})
}

// Both decoders agree on a result that has every known type.
func TestCallToolResultAgreesWithMCPGo(t *testing.T) {
	text := strings.Replace(fullCall, `,{"type":"hologram","points":[1,2]}`, "", 1)
	require.True(t, plain([]byte(text)))
	var want mcp.CallToolResult
	require.NoError(t, json.Unmarshal([]byte(text), &want))
	require.Len(t, want.Content, 8)
	compare(t, decodeCall(t, text), &want)
}

// FuzzPage compares pages with a reference that reads each item into a new value and lets append
// size the list. All lists read the same text as their items.
func FuzzPage(f *testing.F) {
	for _, text := range []string{fullTools, fullPrompts, fullResources, fullTemplates} {
		f.Add([]byte(text[strings.IndexByte(text, '[') : strings.LastIndexByte(text, ']')+1]))
	}
	for _, text := range []string{
		`null`, `[]`, `{}`, `[1,{"name":"a"}]`, ` [ {"title":"a","name":5} , {"name":"b"}]`, `[{"name":"a"},{"name":"b","_meta":{"a":1}},{}]`,
		`[{"name":"a","inputSchema":{"a":[[[]]]},"annotations":{"readOnlyHint":true,"readOnlyHint":false,"idempotentHint":null}}]`,
		`[{"uri":"u","name":"a"},{"uri":"","icons":[{"sizes":7}]},{"name":"a","arguments":[{"name":1}]}]`, `[{"name":"a"},` + "{\"name\":\"\xff\\n\"}]",
		`[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"},{"name":"e","description":"a long one, much longer than the others"},{"name":"f"}`,
		`[{"name":"a","_meta":{"progressToken":{}}},{"name":"\ud800","title":null},tru]`,
	} {
		f.Add([]byte(text))
	}
	unparsed := List[template]{Member: templateList.Member, Item: func(r *Reader, t *template) {
		templateList.Item(r, t)
		t.URITemplate = nil // holds functions, which cannot be compared
	}}
	f.Fuzz(func(t *testing.T, data []byte) {
		comparePage(t, data, &toolList)
		comparePage(t, data, &promptList)
		comparePage(t, data, &resourceList)
		comparePage(t, data, &unparsed)
	})
}

func comparePage[T any](t *testing.T, data []byte, list *List[T]) {
	t.Helper()
	got, want := &Page[T]{List: list}, &Page[T]{List: list}
	r, reference := Reader{Cursor: jsonrpc.NewCursor(data, 0)}, Reader{Cursor: jsonrpc.NewCursor(data, 0)}
	got.items(&r)
	referenceItems(want, &reference)
	if fmt.Sprint(r.Err()) != fmt.Sprint(reference.Err()) || r.Err() == nil && r.Pos() != reference.Pos() || r.kept != reference.kept {
		t.Fatalf("error %v at %d, reference %v at %d", r.Err(), r.Pos(), reference.Err(), reference.Pos())
	}
	if !slices.EqualFunc(got.Items, want.Items, func(a, b T) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("got %+v\nreference %+v", got.Items, want.Items)
	}
	if !slices.EqualFunc(got.Invalid, want.Invalid, func(a, b Invalid) bool {
		return bytes.Equal(a.Raw, b.Raw) && fmt.Sprintf("%T %v", a.Err, a.Err) == fmt.Sprintf("%T %v", b.Err, b.Err) && offsetOf(a.Err) == offsetOf(b.Err)
	}) {
		t.Fatalf("invalid %+v\nreference %+v", got.Invalid, want.Invalid)
	}
}

// offsetOf returns the offset in an error, which its text does not show together with a path.
func offsetOf(err error) int {
	var shape *jsonrpc.ShapeError
	if errors.As(err, &shape) {
		return shape.Offset
	}
	return -1
}

func referenceItems[T any](p *Page[T], r *Reader) {
	for range r.Elements() {
		before := *r
		item := new(T)
		p.List.Item(r, item)
		switch err := r.Err(); {
		case err == nil:
			p.Items = append(p.Items, *item)
		case isInvalid(err):
			*r = before
			rebase(err, -r.item().start)
			p.Invalid = append(p.Invalid, Invalid{Raw: r.Raw(), Err: err})
		}
	}
}

// FuzzDecoders looks for panics and for accepted texts that are not JSON.
func FuzzDecoders(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range everything {
			if Unmarshal(data, d.dec()) == nil && !json.Valid(data) {
				t.Fatalf("%s accepts invalid JSON", d.name)
			}
		}
	})
}

func addSeeds(f *testing.F) {
	for _, d := range everything {
		f.Add([]byte(d.text))
	}
	for _, text := range []string{
		strings.Replace(fullCall, `,{"type":"hologram","points":[1,2]}`, "", 1), // without the item that mcp-go rejects
		`{}`, `null`, `{"content":[{"text":"a\ud83d\ude00\ud800","type":"text"}]}`, `{"content":[{"type":"text","text":null}],"isError":null}`,
		`{"content":[{"type":"tool_result","content":[{"type":"tool_result","content":[]}]}]}`,
		`{"content":[{"type":"hologram","type":"text","text":"x"}]}`, `{"content":[{"type":"image","data":"A"}]}`,
		`{"structuredContent":9007199254740993,"inputRequests":{"a":{"method":"roots/list"}},"requestState":"x"}`,
	} {
		f.Add([]byte(text))
	}
}

// checkRaw checks that the parts that are kept raw are valid JSON.
func checkRaw(t *testing.T, got *callToolResult) {
	for _, item := range got.Content {
		if u, ok := item.(unknownContent); ok && !json.Valid(u.Raw) {
			t.Fatalf("raw content is not JSON: %q", u.Raw)
		}
	}
	if got.RawStructuredContent != nil && !json.Valid(got.RawStructuredContent) {
		t.Fatalf("structured content is not JSON: %q", got.RawStructuredContent)
	}
}

func compare(t *testing.T, got *callToolResult, want *mcp.CallToolResult) {
	for _, item := range allContent(got.Content) {
		if u, ok := item.(unknownContent); ok {
			// This package is stricter on purpose.
			if errors.Is(u.Err, ErrBase64) || errors.Is(u.Err, ErrNested) {
				return
			}
			t.Fatalf("%s is unknown (%v), but mcp-go knows it", u.Raw, u.Err)
		}
	}
	ours := got.CallToolResult
	theirs := *want
	theirs.InputRequests = nil // our decoder puts them elsewhere
	var a, b any
	if json.Unmarshal(marshal(t, ours), &a) != nil || json.Unmarshal(marshal(t, theirs), &b) != nil {
		t.Fatal("the decoded result does not encode to JSON")
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("got %s\nmcp-go has %s", marshal(t, ours), marshal(t, theirs))
	}
	if !bytes.Equal(ours.RawStructuredContent, theirs.RawStructuredContent) {
		t.Fatalf("got structured content %s, mcp-go has %s", ours.RawStructuredContent, theirs.RawStructuredContent)
	}
}

// allContent returns the items and those inside tool results.
func allContent(items []mcp.Content) []mcp.Content {
	all := items[:len(items):len(items)]
	for _, item := range items {
		if r, ok := item.(mcp.ToolResultContent); ok {
			all = append(all, r.Content...)
		}
	}
	return all
}

func marshal(t *testing.T, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// knownNames are the member names that one of the two decoders knows.
var knownNames = strings.Fields(`_meta resultType content structuredContent isError inputRequests requestState type text data
	mimeType uri name title description size resource blob id input toolUseId annotations audience priority lastModified
	progressToken method params`)

// plain reports whether data is an object that encoding/json and this package should read in the
// same way. In such an object, no name is duplicated, no name differs from a known name only in
// case, and no value is an unexpected null.
func plain(data []byte) bool {
	c := jsonrpc.NewCursor(data, 10_000)
	return c.Kind() == jsonrpc.Object && plainValue(&c)
}

func plainValue(c *jsonrpc.Cursor) bool {
	switch c.Kind() {
	case jsonrpc.Object:
		seen := map[string]bool{}
		c.EnterObject()
		for key, ok := c.NextKey(); ok; key, ok = c.NextKey() {
			name := string(key)
			if seen[name] || foreign(name) || name == "text" && c.Kind() == jsonrpc.Null || !plainValue(c) {
				return false
			}
			seen[name] = true
		}
	case jsonrpc.Array:
		c.EnterArray()
		for c.NextElement() {
			if c.Kind() == jsonrpc.Null || !plainValue(c) {
				return false
			}
		}
	default:
		c.Skip()
	}
	return c.Err() == nil
}

func foreign(name string) bool {
	for _, known := range knownNames {
		if name != known && strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}
