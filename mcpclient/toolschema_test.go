package mcpclient

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// compiled requests the compiled output schema of a tool on several goroutines at once, checks that
// they all get the same one, and returns it.
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
				t.Error("the schema is not known")
				return
			}
			s, err := output.Get()
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

// A schema is compiled once, however many calls need it and however often the tools are listed. It
// is compiled again only if the tool's definition changes.
func TestOutputSchemaIsCompiledOnce(t *testing.T) {
	var x toolSchemas
	x.learn("a", json.RawMessage(`{"type":"object"}`), 10)
	first := compiled(t, &x, "a")
	x.learn("a", json.RawMessage(`{"type":"object"}`), 10)
	require.Same(t, first, compiled(t, &x, "a"))
	x.learn("a", json.RawMessage(`{"type":"array"}`), 10)
	require.NotSame(t, first, compiled(t, &x, "a"))
}
