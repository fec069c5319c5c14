//go:build !race

package jsonrpc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// These tests count allocations. The race detector changes the count, so the tests are not built
// with it.

func requireAllocs(t *testing.T, want float64, what string, f func()) {
	t.Helper()
	require.Equal(t, want, testing.AllocsPerRun(20, f), what)
}

// kept lets strings escape to the heap.
var kept string

func TestStringsAllocateOnce(t *testing.T) {
	once := map[string][]byte{
		"short":        []byte(`"a\nb"`),
		"broken UTF-8": []byte("\"a\xff\xfe\\n\xff\""),
		"huge":         toolText(2 * maxScratch),
	}
	for _, text := range texts {
		once[text.name] = text.json
	}
	for name, text := range once {
		requireAllocs(t, 1, name, func() {
			c := NewCursor(text, 0)
			if kept = c.String(); kept == "" {
				t.Fatal(c.Err())
			}
		})
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	text := []byte(`{"name":"x","list":[1,-2.5,true,null,{"deep":[[[]]]}],"größe":"naïve","n":1.50e2}`)
	requireAllocs(t, 0, "walk", func() {
		c := NewCursor(text, 0)
		c.EnterObject()
		for {
			key, ok := c.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "name", "größe":
				c.StringBytes()
			case "list":
				c.EnterArray()
				for c.NextElement() {
					if c.Kind() == Number {
						c.Float64()
					} else if !c.TryNull() {
						c.Skip()
					}
				}
			case "n":
				c.Int64()
			}
		}
		c.End()
		if c.Err() != nil {
			t.Fatal(c.Err())
		}
	})
	listing := listing(20)
	requireAllocs(t, 0, "Skip", func() {
		c := NewCursor(listing, 0)
		if c.Skip() == nil {
			t.Fatal(c.Err())
		}
	})
}

func TestEnvelopeAllocatesNothing(t *testing.T) {
	var dec contentLength
	requireAllocs(t, 0, "response", func() {
		var m Message
		if err := m.Decode(response, &dec); err != nil || m.ResultErr != nil || !m.IDIs(12345) {
			t.Fatal(err, m.ResultErr)
		}
	})
	for _, method := range serverMethods {
		text := AppendNotification(nil, method, []byte(`{"a":1}`))
		requireAllocs(t, 0, method, func() {
			var m Message
			if err := m.Decode(text, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 1024)
	id, raw := []byte("12"), []byte(`{"a":1}`)
	requireAllocs(t, 0, "append", func() {
		out := AppendRequest(dst, 12, "tools/call", raw)
		out = AppendNotification(out, "notifications/cancelled", raw)
		out = AppendResult(out, id, nil)
		out = AppendError(out, id, &Error{Code: -32601, Message: "a\nb\xff"})
		if len(out) > cap(dst) {
			t.Fatal("the buffer is too small for this test")
		}
	})
}
