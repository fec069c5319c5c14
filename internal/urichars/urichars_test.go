package urichars

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValid(t *testing.T) {
	for _, text := range []string{"", "https://a.example/~b/c;d?e=%20&f=(*)#g", "%C3%a9", "[::1]:80", "!$&'()*+,;=-._~@"} {
		require.True(t, Valid(text), text)
	}
	for _, text := range []string{"a b", "\n", "\x00", "\x7f", `"`, "<", ">", `\`, "^", "`", "{", "|", "}", "é", "%", "%2", "%2g", "%g2", "a%"} {
		require.False(t, Valid(text), "%q", text)
	}
}

// Every byte is in exactly one class, or must be escaped.
func TestClasses(t *testing.T) {
	unreserved, reserved := 0, 0
	for b := range 256 {
		require.False(t, Unreserved(byte(b)) && Reserved(byte(b)), "%q", b)
		if Unreserved(byte(b)) {
			unreserved++
		}
		if Reserved(byte(b)) {
			reserved++
		}
	}
	require.Equal(t, []int{26 + 26 + 10 + 4, 18}, []int{unreserved, reserved})
	require.True(t, Escape("%fFx"))
	require.False(t, Escape("x%20"))
}
