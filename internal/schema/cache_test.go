package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The cache keeps compiled schemas up to a maximum number and a maximum total size.
func TestArgumentSchemasAreBounded(t *testing.T) {
	var c Cache
	first, err := c.Get(json.RawMessage(`{"minimum":0}`))
	require.NoError(t, err)
	again, err := c.Get(json.RawMessage(`{"minimum":0}`))
	require.NoError(t, err)
	require.Same(t, first, again)
	for i := range 2 * maxCached {
		_, err := c.Get(json.RawMessage(fmt.Sprintf(`{"minimum":%d}`, i)))
		require.NoError(t, err)
		require.LessOrEqual(t, len(c.schemas), maxCached)
	}
	for i := range 20 {
		_, err := c.Get(json.RawMessage(fmt.Sprintf(`{"title":"%d%s"}`, i, strings.Repeat("x", 100_000))))
		require.NoError(t, err)
		require.LessOrEqual(t, c.bytes, maxCachedBytes)
	}
}
