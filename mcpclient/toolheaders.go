package mcpclient

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// toolHeaders is what the session remembers of a listed tool for calling it.
type toolHeaders struct {
	params     []headerParam // arguments to mirror into headers (2026-07-28)
	safeToCall bool          // annotated as read-only or idempotent
}

// headerParam is one x-mcp-header annotation: the argument at path goes into Mcp-Param-name.
type headerParam struct {
	path []string
	name string
}

func (t *toolHeaders) repeatable() bool { return t != nil && t.safeToCall }

// toolIndex holds the newest definition of each tool that matters for calling it.
type toolIndex struct {
	mu    sync.RWMutex
	tools map[string]*toolHeaders // guarded by mu

	schemas toolSchemas
}

func (x *toolIndex) lookup(name string) *toolHeaders {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tools[name]
}

// learnTools remembers a page of tools and returns those that may be used.
func (s *Session) learnTools(tools []Tool, modern bool) []Tool {
	x := &s.tools
	kept := tools[:0]
	for i := range tools {
		t := &tools[i]
		info := &toolHeaders{safeToCall: isTrue(t.Annotations.ReadOnlyHint) || isTrue(t.Annotations.IdempotentHint)}
		if modern {
			params, err := headerParams(t.RawInputSchema)
			if err != nil {
				s.log.Warn("tool left out: invalid x-mcp-header", "tool", t.Name, "error", err)
				x.store(s, t.Name, nil)
				x.schemas.forget(t.Name)
				continue
			}
			info.params = params
		}
		x.store(s, t.Name, info)
		x.schemas.learn(t.Name, t.RawOutputSchema, s.opts.Limits.Items)
		kept = append(kept, *t)
	}
	clear(tools[len(kept):])
	return kept
}

// store keeps what differs from the usual: most tools need no entry.
func (x *toolIndex) store(s *Session, name string, info *toolHeaders) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if info == nil || (len(info.params) == 0 && !info.safeToCall) {
		delete(x.tools, name)
		return
	}
	if x.tools == nil {
		x.tools = make(map[string]*toolHeaders)
	}
	if _, there := x.tools[name]; there || len(x.tools) < s.opts.Limits.Items {
		x.tools[name] = info
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

const annotation = "x-mcp-header"

// headerParams finds the annotations of an input schema. Valid ones sit on
// properties of type string, integer or boolean that are reached through
// "properties" alone; any other makes the tool invalid (2026-07-28, "Schema extension").
func headerParams(schema []byte) ([]headerParam, error) {
	if !bytes.Contains(schema, []byte(annotation)) && !bytes.Contains(schema, []byte(`\u`)) {
		return nil, nil
	}
	scan := annotationScan{names: make(map[string]bool)}
	cur := jsonrpc.NewCursor(schema, 0)
	scan.schema(&cur, nil, true)
	if err := cur.Err(); err != nil {
		return nil, err
	}
	return scan.found, nil
}

type annotationScan struct {
	found []headerParam
	names map[string]bool // lower-cased
}

// schema reads one schema. Reachable says that only "properties" led here.
func (a *annotationScan) schema(cur *jsonrpc.Cursor, path []string, reachable bool) {
	if cur.Kind() != jsonrpc.Object {
		a.elsewhere(cur)
		return
	}
	var (
		kind, name string
		annotated  bool
	)
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		switch {
		case string(key) == annotation:
			annotated = true
			if cur.Kind() != jsonrpc.String {
				cur.Fail(fmt.Errorf("%s of %s is not a string", annotation, pathName(path)))
				return
			}
			name = cur.String()
		case string(key) == "type" && cur.Kind() == jsonrpc.String:
			kind = cur.String()
		case string(key) == "properties" && reachable && cur.Kind() == jsonrpc.Object:
			a.properties(cur, path)
		case isData(string(key)):
			cur.Skip()
		default:
			a.elsewhere(cur)
		}
	}
	if annotated && cur.Err() == nil {
		a.take(cur, path, name, kind, reachable)
	}
}

// properties reads the members of "properties": each value is a schema of its own.
func (a *annotationScan) properties(cur *jsonrpc.Cursor, path []string) {
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		a.schema(cur, slices.Concat(path, []string{string(key)}), true)
	}
}

// elsewhere reads a value in which no annotation may be: not below "items",
// "anyOf", "$defs" and the like.
func (a *annotationScan) elsewhere(cur *jsonrpc.Cursor) {
	switch cur.Kind() {
	case jsonrpc.Object:
		cur.EnterObject()
		for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
			if string(key) == annotation && cur.Kind() == jsonrpc.String {
				cur.Fail(fmt.Errorf("%s where no chain of properties leads", annotation))
				return
			}
			if isData(string(key)) {
				cur.Skip()
				continue
			}
			a.elsewhere(cur)
		}
	case jsonrpc.Array:
		cur.EnterArray()
		for cur.NextElement() {
			a.elsewhere(cur)
		}
	default:
		cur.Skip()
	}
}

// isData reports whether a schema keyword holds values, in which the annotation's name means nothing.
func isData(keyword string) bool {
	switch keyword {
	case "default", "const", "enum", "examples":
		return true
	}
	return false
}

var errHeaderName = errors.New("is not an HTTP token")

// take checks one annotation and keeps it.
func (a *annotationScan) take(cur *jsonrpc.Cursor, path []string, name, kind string, reachable bool) {
	lower := strings.ToLower(name)
	switch {
	case !reachable || len(path) == 0:
		cur.Fail(fmt.Errorf("%s where no chain of properties leads", annotation))
	case !httprule.IsToken(name):
		cur.Fail(fmt.Errorf("%s %q of %s %w", annotation, name, pathName(path), errHeaderName))
	case kind != "string" && kind != "integer" && kind != "boolean":
		cur.Fail(fmt.Errorf("%s of %s is on a property of type %q", annotation, pathName(path), kind))
	case a.names[lower]:
		cur.Fail(fmt.Errorf("%s %q is there twice", annotation, name))
	default:
		a.names[lower] = true
		a.found = append(a.found, headerParam{path: path, name: name})
	}
}

func pathName(path []string) string { return strconv.Quote(strings.Join(path, ".")) }

// mirror fills the headers that a call's arguments are mirrored into. The
// definition is looked up again on each try: a fresh list may have changed it.
func (c *call) mirror() error {
	if c.method != methodCallTool {
		return nil
	}
	c.mirrored = nil
	c.tool = c.s.tools.lookup(c.name)
	if c.tool == nil || !c.used.modern() {
		return nil
	}
	for _, p := range c.tool.params {
		value, there, err := argumentText(c.args, p.path)
		if err != nil {
			return &invalidError{fmt.Errorf("argument %s, mirrored into a header: %w", pathName(p.path), err)}
		}
		if there {
			c.mirrored = append(c.mirrored, streamablehttp.Param{Name: p.name, Value: value})
		}
	}
	return nil
}

// maxSafeInteger bounds integers that are mirrored: ±(2⁵³−1).
const maxSafeInteger = 1<<53 - 1

var errNotMirrored = errors.New("only a string, an integer within ±(2^53-1) or a boolean can be sent in a header")

// argumentText reads the argument at path as header text; absent and null have none.
func argumentText(args []byte, path []string) (text string, there bool, err error) {
	cur := jsonrpc.NewCursor(args, 0)
	for _, name := range path {
		if cur.Kind() != jsonrpc.Object {
			return "", false, nil
		}
		found := false
		cur.EnterObject()
		for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
			if string(key) == name {
				found = true
				break
			}
			cur.Skip()
		}
		if !found {
			return "", false, cur.Err()
		}
	}
	switch cur.Kind() {
	case jsonrpc.Null:
		return "", false, nil
	case jsonrpc.String:
		return cur.String(), true, cur.Err()
	case jsonrpc.Bool:
		return strconv.FormatBool(cur.Bool()), true, cur.Err()
	case jsonrpc.Number:
		n := cur.Int64()
		if cur.Err() != nil || n > maxSafeInteger || n < -maxSafeInteger {
			return "", false, errNotMirrored
		}
		return strconv.FormatInt(n, 10), true, nil
	default:
		return "", false, errNotMirrored
	}
}
