package wire

import (
	"encoding/base64"
	"strings"
	"testing"
)

func FuzzBase64(f *testing.F) {
	for _, s := range []string{
		"", "=", "==", "A", "AA", "AA=", "AA==", "AAA", "AAA=", "AAAA", "AAAA=", "AAAA====", "AA==AA==", "A===", "AA=A", "AA=\n=\r\n", "\n", "A\nA\r\nAA",
		"AA-_", "AAAAAAAA\x00AAA", "AAAAAAA AAAA", strings.Repeat("QUJD", 40) + "QUI=", strings.Repeat("A", 79), "AB==", "é===",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := base64.StdEncoding.DecodeString(s)
		if got, want := validBase64(s), err == nil; got != want {
			t.Fatalf("validBase64(%q) = %v, encoding/base64 returned %v", s, got, err)
		}
	})
}
