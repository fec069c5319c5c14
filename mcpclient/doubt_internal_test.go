package mcpclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Several calls meet a doubtful reply before the recovery of the first one has begun. All of them
// join it. Once it has ended, doubtful replies are taken as they are until the pause is over.
func TestDoubtsBeforeTheRecoveryBegins(t *testing.T) {
	var d doubts
	require.True(t, d.due(0))
	require.True(t, d.due(0), "the recovery has not begun yet")
	d.settle()
	require.False(t, d.due(0))
	require.False(t, d.due(doubtFirst-1))
	require.True(t, d.due(doubtFirst))
	d.settle()
	require.False(t, d.due(2*doubtFirst), "the pause has doubled")
	require.True(t, d.due(doubtFirst+2*time.Second))
}
