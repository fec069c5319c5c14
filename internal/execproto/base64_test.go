package execproto

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

// strictly decodes like the standard library in strict mode, and without its tolerance for line
// breaks.
func strictly(dst, text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, "\r\n") {
		return nil, errNotCanonical
	}
	return base64.StdEncoding.Strict().AppendDecode(dst, text)
}

// sameBase64 checks that encoding and decoding give the same results as the standard library, and
// leave adjacent bytes unchanged.
func sameBase64(t *testing.T, data []byte) {
	t.Helper()
	const before, around = "before", 0xa5
	room := func(n int) []byte {
		b := bytes.Repeat([]byte{around}, len(before)+n+64)
		return b[:copy(b, before)]
	}
	intact := func(b []byte, n int) {
		t.Helper()
		require.Equal(t, before, string(b[:len(before)]))
		rest := b[:cap(b)][len(before)+n:]
		require.Equal(t, bytes.Repeat([]byte{around}, len(rest)), rest)
	}

	want := base64.StdEncoding.EncodeToString(data)
	got := appendBase64(room(len(want)), data)
	require.Equal(t, before+want, string(got))
	intact(got, len(want))

	decoded, wantErr := strictly([]byte(before), data)
	got, err := appendDecoded(room(decodedLen(data)), data)
	require.Equal(t, wantErr == nil, err == nil)
	if err == nil {
		require.Equal(t, decoded, got)
		intact(got, decodedLen(data))
	}
	got, err = appendDecoded(room(decodedLen([]byte(want))), []byte(want))
	require.NoError(t, err)
	require.Equal(t, before+string(data), string(got))
	intact(got, decodedLen([]byte(want)))
}

func TestBase64(t *testing.T) {
	for n := range 120 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i*31 + n)
		}
		sameBase64(t, data)
		text := []byte(base64.StdEncoding.EncodeToString(data))
		for i := range text {
			for _, wrong := range []byte("=-\r\n\x00\xffAB/") {
				bad := bytes.Clone(text)
				bad[i] = wrong
				sameBase64(t, bad)
			}
		}
	}
}

// A text has one encoding. Other texts that lax decoders accept are refused.
func TestBase64IsStrict(t *testing.T) {
	for _, text := range []string{
		"YQ", "YQ=", "YR==", "YWJ=", "YWI", "YQ==\n", "\nYQ==", "Y\nQ==", "YW\r\nJj", "YWJj\n\n\n\n", "YQ==YQ==", "YW Jj", "YWJj====", "-_-_", "=", "====",
	} {
		_, err := appendDecoded(nil, []byte(text))
		require.Error(t, err, "%q", text)
	}
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte("any carnal pleasure, any carnal pleasure, any carnal pleasure"))
	f.Add([]byte(base64.StdEncoding.EncodeToString(make([]byte, 200))))
	f.Fuzz(sameBase64)
}
