package mcpclient

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// If a server never reports completions, the client drops the oldest elicitation IDs, so its memory
// stays bounded.
func TestURLElicitationsAreBounded(t *testing.T) {
	var e urlElicitations
	for i := range maxURLElicitations + 1 {
		require.True(t, e.add(fmt.Sprint(i)))
	}
	require.Len(t, e.ids, maxURLElicitations)
	require.False(t, e.remove("0"))
	require.False(t, e.add("1"), "the ID is known")
	require.False(t, e.add(""))
	require.True(t, e.remove("1"))
	require.True(t, e.remove(fmt.Sprint(maxURLElicitations)))
	require.Len(t, e.ids, maxURLElicitations-2)
}
