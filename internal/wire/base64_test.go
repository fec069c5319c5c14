package wire

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every byte at every position of a word is a digit, or none.
func TestEveryByteInBase64(t *testing.T) {
	for b := range 256 {
		for at := range 16 {
			text := []byte(strings.Repeat("Ab+/0z9Z", 2))
			text[at] = byte(b)
			_, err := base64.StdEncoding.DecodeString(string(text))
			skipped := err == nil && b != '\r' && b != '\n' && b != '='
			require.Equal(t, skipped, base64Run(text) == len(text), "%q", text)
		}
	}
}

func FuzzBase64(f *testing.F) {
	for _, s := range []string{
		"", "=", "==", "A", "AA", "AA=", "AA==", "AAA", "AAA=", "AAAA", "AAAA=", "AAAA====", "AA==AA==", "A===", "AA=A", "AA=\n=\r\n", "\n", "A\nA\r\nAA",
		"AA-_", "AAAAAAAA\x00AAA", "AAAAAAA AAAA", strings.Repeat("QUJD", 40) + "QUI=", strings.Repeat("A", 79), "AB==", "é===",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := base64.StdEncoding.DecodeString(s)
		if got, want := validBase64([]byte(s)), err == nil; got != want {
			t.Fatalf("validBase64(%q) = %v, encoding/base64 returned %v", s, got, err)
		}
		if got, want := plainBase64([]byte(s)), err == nil && !strings.ContainsAny(s, "\r\n"); got != want {
			t.Fatalf("plainBase64(%q) = %v, encoding/base64 returned %v", s, got, err)
		}
	})
}
