package mcpclient

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A call has the size of its allocation class, 768 bytes less the header of an object with pointers.
// One field more would cost each call 128 bytes.
func TestCallFitsItsSizeClass(t *testing.T) {
	const class, header = 768, 8
	t.Logf("%d bytes", unsafe.Sizeof(call{}))
	require.LessOrEqual(t, unsafe.Sizeof(call{}), uintptr(class-header))
}
