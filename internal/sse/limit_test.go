package sse

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allocated returns the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// The limit counts from the first byte of a block to the line end that completes the block. The
// result does not depend on how the bytes arrive.
func TestLimit(t *testing.T) {
	const limit = 20
	for _, c := range []struct {
		name, stream string
		want         []record
		tooLarge     bool
	}{
		{"just fits", "data: 6789012345678\n\n", nil, true},
		{"one less", "data: 678901234567\n\n", []record{data("678901234567")}, false},
		{"line just too long", "data: 67890123456789\n\n", nil, true},
		{"many lines", "data:a\ndata:b\ndata:c\n\n", nil, true},
		{"two lines fit", "data:a\ndata:b\n\n", []record{data("a\nb")}, false},
		{"comments in a block count", "data: a\n: 345678901\n\n", nil, true},
		{"comments before a block do not", ": 345678901\ndata: a\n\n", []record{data("a")}, false},
		{"each block is counted separately", strings.Repeat("data: 789012\r\n\r\n", 3), []record{data("789012"), data("789012"), data("789012")}, false},
		{"the previous block is delivered", "data: a\n\ndata: 67890123456789\n\n", []record{data("a")}, true},
		{"an endless comment line", ": 3456789012345678901", nil, true},
		{"a byte order mark does not count", "\ufeffdata: 678901234567\n\n", []record{data("678901234567")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(how string, pieces ...string) {
				got, err := read(t, NewReader(&chunks{left: pieces}, limit))
				require.Equal(t, c.want, got, how)
				var tooLarge *TooLargeError
				if require.Equal(t, c.tooLarge, errors.As(err, &tooLarge), "%s: %v", how, err); c.tooLarge {
					require.Equal(t, &TooLargeError{Limit: limit}, tooLarge)
				} else {
					require.Equal(t, io.EOF, err, how)
				}
			}
			check("whole", c.stream)
			check("byte by byte", bytewise(c.stream)...)
			for i := 1; i < len(c.stream); i++ {
				check(fmt.Sprintf("split at %d", i), c.stream[:i], c.stream[i:])
			}
		})
	}
}

func TestTooLargeErrorNamesTheLimit(t *testing.T) {
	require.EqualError(t, &TooLargeError{Limit: 20}, "sse: event exceeds the limit of 20 bytes")
}

func TestLargestLimit(t *testing.T) {
	got, err := read(t, NewReader(strings.NewReader("data: a\n\ndata: b\n\n"), math.MaxInt))
	require.Equal(t, []record{data("a"), data("b")}, got)
	require.Equal(t, io.EOF, err)
}

func TestEndlessLineEndsAtTheLimit(t *testing.T) {
	for _, c := range []struct {
		name          string
		maxEvent, max int
		pattern       string
	}{
		{"small limit, data", 100_000, 100_000, "data: x"},
		{"small limit, comment", 100_000, 100_000, ": x"},
		{"small limit, data lines", 100_000, 100_000, "data: x\n"},
		{"smaller than the first buffer", 10, 10, "data: x"},
		{"default limit", 0, DefaultMaxEvent, "data: x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &endless{pattern: c.pattern, size: 200 << 20}
			var err error
			spent := allocated(func() { _, err = NewReader(src, c.maxEvent).Next() })
			require.Equal(t, &TooLargeError{Limit: c.max}, err)
			require.LessOrEqual(t, src.off, max(c.max, firstBuffer), "bytes read from the source")
			require.LessOrEqual(t, spent, uint64(3*c.max+4*firstBuffer), "total bytes allocated, by doubling")
		})
	}
}

// Keep-alive comments may arrive for days without an event.
func TestCommentsBetweenBlocksDoNotCount(t *testing.T) {
	src := io.MultiReader(&endless{pattern: ": keep-alive\n\n: again\r\n", size: 23 * 200_000}, strings.NewReader("data: a\n\n"))
	r := NewReader(src, 100)
	got, err := read(t, r)
	require.Equal(t, []record{data("a")}, got)
	require.Equal(t, io.EOF, err)
	require.Len(t, r.buf, firstBuffer, "the window must not grow")
}

func TestLongStreamKeepsItsBuffer(t *testing.T) {
	r := NewReader(&endless{pattern: "event: message\nid: 17\ndata: 0123456789\n\n"}, 0)
	for range 100_000 {
		e, err := r.Next()
		require.NoError(t, err)
		if string(e.Data) != "0123456789" {
			t.Fatalf("data %q", e.Data)
		}
	}
	require.Len(t, r.buf, firstBuffer)
}

// The window of a stream that sends little at a time stays small. It grows only as far as reads fill
// it.
func TestWindowGrowsOnDemand(t *testing.T) {
	quiet := NewReader(&messages{&endless{pattern: "data: 0123456789\n\n"}}, 0)
	busy := NewReader(&endless{pattern: "data: 0123456789\n\n"}, 0)
	for range 10_000 {
		for _, r := range []*Reader{quiet, busy} {
			_, err := r.Next()
			require.NoError(t, err)
		}
	}
	require.Equal(t, []int{idleBuffer, firstBuffer}, []int{len(quiet.buf), len(busy.buf)})
}

// messages returns at most 18 bytes per Read, as a server does that sends one small event at a time.
type messages struct{ src io.Reader }

func (m *messages) Read(p []byte) (int, error) { return m.src.Read(p[:min(len(p), 18)]) }

// A large tool list at the start of a long stream must not keep its memory allocated.
func TestBufferShrinksAfterALargeEvent(t *testing.T) {
	const large = 8 << 20
	r := NewReader(&packets{io.MultiReader(
		strings.NewReader("id: "+strings.Repeat("i", 2*maxKept)+"\ndata: "+strings.Repeat("x", large)+"\n\n"),
		&endless{pattern: "data: small\n\n"},
	)}, 0)
	e, err := r.Next()
	require.NoError(t, err)
	require.Len(t, e.Data, large)
	require.Greater(t, len(r.buf), large)
	for range smallBlocks + packet {
		e, err = r.Next()
		require.NoError(t, err)
		require.Equal(t, "small", string(e.Data))
	}
	require.Len(t, r.buf, firstBuffer)
	require.Nil(t, r.block.id)
}

// Several large events in a row keep their buffer.
func TestBufferStaysForLargeEvents(t *testing.T) {
	event := "data: " + strings.Repeat("x", 1<<20) + "\n\n"
	r := NewReader(&endless{pattern: event}, 0)
	_, err := r.Next()
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if e, err := r.Next(); err != nil || len(e.Data) != 1<<20 {
			t.Fatal(len(e.Data), err)
		}
	}))
	require.Len(t, r.buf, 2<<20)
}

func TestNoAllocationPerEvent(t *testing.T) {
	for _, pattern := range []string{
		"data: 0123456789\n\n",
		"event: message\nid: 01234567-89ab\nretry: 3000\ndata: {}\n\n",
		": comment\r\ndata: a\r\ndata: b\r\nid: 2\r\ndata: c\r\n\r\n",
		"id: " + strings.Repeat("x", 5000) + "\r\r",
	} {
		r := NewReader(&endless{pattern: pattern}, 0)
		next := func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		for range 1000 {
			next()
		}
		require.Zero(t, testing.AllocsPerRun(10_000, next), "%.20q", pattern)
	}
}

// Joining the lines of an event must not copy the lines that were joined before: 64 Ki lines of 8
// bytes would then cost gigabytes of copying.
func TestManyLinesAreJoinedInLinearTime(t *testing.T) {
	stream := strings.Repeat("data: y\n", 64<<10) + "\n"
	want := strings.Repeat("y\n", 64<<10-1) + "y"
	var e Event
	var err error
	spent := allocated(func() { e, err = NewReader(strings.NewReader(stream), 0).Next() })
	require.NoError(t, err)
	require.Equal(t, want, string(e.Data))
	require.LessOrEqual(t, spent, uint64(4*len(stream)), "bytes allocated for %d", len(stream))

	// The joined data does not move while it grows: each line is copied once, to the end of the
	// previous lines.
	window := []byte(stream)
	var b block
	for i := 0; i+8 < len(window); i += 8 {
		b.field(window, i, i+7)
		if b.dataFrom != len("data: ") || b.dataTo != b.dataFrom+2*(i/8)+1 {
			t.Fatalf("after line %d the data is at [%d:%d]", i/8, b.dataFrom, b.dataTo)
		}
	}
}

// However small the chunks of an event are, its bytes are copied at most once per doubling of the
// buffer, and once to the front of the buffer.
func TestWindowMovesInLinearTime(t *testing.T) {
	const size = 512 << 10
	event := "data: " + strings.Repeat("x", size) + "\n\n"
	for _, piece := range []int{1, 7, 1400, 4096, 100_000} {
		var pieces []string
		for s := strings.Repeat(event, 4); s != ""; {
			n := min(piece, len(s))
			pieces, s = append(pieces, s[:n]), s[n:]
		}
		r := NewReader(&scattered{pieces}, 0)
		for range 4 {
			e, err := r.Next()
			require.NoError(t, err)
			require.Len(t, e.Data, size)
		}
		require.LessOrEqual(t, r.moved, 2*4*len(event), "bytes moved with chunks of %d", piece)
	}
}
