package canonical_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/canonical"
)

func TestText(t *testing.T) {
	text := func(raw string) string { return string(canonical.Text([]byte(raw))) }
	same := text(`{"a":"a","b":[1,true,null,{"c":{},"d":[]}]}`)
	require.Equal(t, same, text(` { "b" : [ 1 , true , null, {"d":[],"c":{}} ] , "a" : "\u0061" } `))
	for _, other := range []string{
		`{"a":"a","b":[1.0,true,null,{"c":{},"d":[]}]}`, `{"a":"a","b":[true,1,null,{"c":{},"d":[]}]}`,
		`{"a":"A","b":[1,true,null,{"c":{},"d":[]}]}`, `{"a":"a","b":[1,true,null,{"c":{}}]}`, `{"a":"a"}`,
	} {
		require.NotEqual(t, same, text(other))
	}
	require.Equal(t, text(`{"a":1,"b":2,"a":0}`), text(`{"b":2,"a":1,"a":0}`))
	require.NotEqual(t, text(`{"a":1,"a":0}`), text(`{"a":0,"a":1}`), "the last member may count")
	require.NotEqual(t, text(`["a","b"]`), text(`["a\",\"b"]`))
	for _, invalid := range []string{``, `not JSON`, `{"a":1} x`, `[1`, `{"a"`} {
		require.Equal(t, invalid, text(invalid))
	}
}
