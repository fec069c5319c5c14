package mcpclient

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that never tells that its pages are done does not fill the memory:
// the oldest are forgotten.
func TestVisitsAreBounded(t *testing.T) {
	var v visits
	for i := range maxVisits + 1 {
		require.True(t, v.add(fmt.Sprint(i)))
	}
	require.Len(t, v.open, maxVisits)
	require.Len(t, v.order, maxVisits)
	require.False(t, v.end("0"))
	require.False(t, v.add("1"), "it is there")
	require.True(t, v.end("1"))
	require.True(t, v.end(fmt.Sprint(maxVisits)))
	require.Len(t, v.order, maxVisits-2)
}
