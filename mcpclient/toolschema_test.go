package mcpclient

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// compiled are the outputs of a tool's schema for several that ask at once.
func compiled(t *testing.T, x *toolSchemas, name string) any {
	t.Helper()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[any]bool{}
		one  any
	)
	for range 8 {
		wg.Go(func() {
			output, known := x.lookup(name)
			if !known || output == nil {
				t.Error("not known")
				return
			}
			s, err := output.get()
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[s], one = true, s
		})
	}
	wg.Wait()
	require.Len(t, seen, 1)
	return one
}

// A schema is compiled once, however many calls need it and however often the
// list is read, until its definition changes.
func TestOutputSchemaIsCompiledOnce(t *testing.T) {
	var x toolSchemas
	x.learn("a", json.RawMessage(`{"type":"object"}`), 10)
	first := compiled(t, &x, "a")
	x.learn("a", json.RawMessage(`{"type":"object"}`), 10)
	require.Same(t, first, compiled(t, &x, "a"))
	x.learn("a", json.RawMessage(`{"type":"array"}`), 10)
	require.NotSame(t, first, compiled(t, &x, "a"))
}

// Compiled schemas of arguments are kept, but not more than a bound of them, nor of their bytes.
func TestArgumentSchemasAreBounded(t *testing.T) {
	var c schemaCache
	first, err := c.get(json.RawMessage(`{"minimum":0}`))
	require.NoError(t, err)
	again, err := c.get(json.RawMessage(`{"minimum":0}`))
	require.NoError(t, err)
	require.Same(t, first, again)
	for i := range 2 * maxCachedSchemas {
		_, err := c.get(json.RawMessage(fmt.Sprintf(`{"minimum":%d}`, i)))
		require.NoError(t, err)
		require.LessOrEqual(t, len(c.schemas), maxCachedSchemas)
	}
	for i := range 20 {
		_, err := c.get(json.RawMessage(fmt.Sprintf(`{"title":"%d%s"}`, i, strings.Repeat("x", 100_000))))
		require.NoError(t, err)
		require.LessOrEqual(t, c.bytes, maxCachedSchemaBytes)
	}
}
