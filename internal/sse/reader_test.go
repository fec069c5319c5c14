package sse

import (
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func data(s string) record { return record{Data: s} }

func idOnly(s string) record { return record{ID: s, HasID: true, NilData: true} }

func retryOnly(d time.Duration) record { return record{Retry: d, HasRetry: true, NilData: true} }

// formats covers the format line by line. Every entry is also read in chunks.
var formats = []struct {
	name   string
	stream string
	want   []record
	err    error // nil means io.EOF
}{
	{name: "empty stream"},
	{name: "blank lines", stream: "\n\r\n\r\r\n\n"},
	{name: "LF", stream: "data: a\n\ndata: b\n\n", want: []record{data("a"), data("b")}},
	{name: "CR", stream: "data: a\r\rdata: b\r\r", want: []record{data("a"), data("b")}},
	{name: "CRLF", stream: "data: a\r\n\r\ndata: b\r\n\r\n", want: []record{data("a"), data("b")}},
	{name: "mixed line ends", stream: "data: a\r\n\rdata: b\r\n\ndata: c\n\r\ndata: d\r\rdata: e\n\n",
		want: []record{data("a"), data("b"), data("c"), data("d"), data("e")}},
	{name: "LF CR is two line ends", stream: "data: a\n\rdata: b\n\r", want: []record{data("a"), data("b")}},
	{name: "event ended by CR at the end of the stream", stream: "data: a\n\r", want: []record{data("a")}},

	{name: "BOM", stream: "\ufeffdata: a\n\n", want: []record{data("a")}},
	{name: "BOM alone", stream: "\ufeff"},
	{name: "BOM and blank line", stream: "\ufeff\n"},
	{name: "BOM before a comment", stream: "\ufeff: hi\n\ndata: a\n\n", want: []record{data("a")}},
	{name: "second BOM is part of the name", stream: "\ufeff\ufeffdata: a\n\ndata: b\n\n", want: []record{data("b")}},
	{name: "BOM later is part of the name", stream: "data: a\n\n\ufeffdata: b\n\n", want: []record{data("a")}},
	{name: "BOM in data is data", stream: "data:\ufeffa\n\n", want: []record{data("\ufeffa")}},
	{name: "part of a BOM is an unknown field", stream: "\xef\xbbdata: a\n\ndata: b\n\n", want: []record{data("b")}},
	{name: "part of a BOM, then the end", stream: "\xef\xbb", err: io.ErrUnexpectedEOF},
	{name: "part of a BOM, then a line end", stream: "\xef\n\ndata: b\n\n", want: []record{data("b")}},

	{name: "one space after the colon is removed", stream: "data:  a \n\n", want: []record{data(" a ")}},
	{name: "no space after the colon", stream: "data:a\n\n", want: []record{data("a")}},
	{name: "a tab stays", stream: "data:\ta\n\n", want: []record{data("\ta")}},
	{name: "colons in the value", stream: "data: a: b:c\n\n", want: []record{data("a: b:c")}},
	{name: "names are case-sensitive", stream: "Data: a\nDATA: b\n\n"},
	{name: "names are not trimmed", stream: " data: a\ndata : b\n\n"},
	{name: "a longer name is another name", stream: "datum: a\ndat: b\ndataa: c\ndata_: d\n\n"},
	{name: "unknown fields", stream: "x: 1\ndata: a\ny\n:\nz: 2\n\n", want: []record{data("a")}},
	{name: "invalid UTF-8", stream: "data: \xff\xfe\x00\n\n", want: []record{data("\xff\xfe\x00")}},

	{name: "comments", stream: ": hello\n:\n::\n\n: again\ndata: a\n: inside\n\n", want: []record{data("a")}},
	{name: "comment between data lines", stream: "data: a\n: b\ndata: c\n\n", want: []record{data("a\nc")}},
	{name: "comment that looks like data", stream: ":data: a\n\n: data: b\n\n"},

	{name: "data without a colon", stream: "data\n\n", want: []record{data("")}},
	{name: "empty data", stream: "data:\n\ndata: \n\n", want: []record{data(""), data("")}},
	{name: "two empty data lines", stream: "data\ndata:\n\n", want: []record{data("\n")}},
	{name: "several data lines", stream: "data: a\ndata\ndata:b\ndata:  c\n\n", want: []record{data("a\n\nb\n c")}},
	{name: "several data lines, CRLF", stream: "data: a\r\ndata: b\r\ndata: c\r\n\r\n", want: []record{data("a\nb\nc")}},
	{name: "a long first line, short ones after", stream: "data: aaaaaaaaaaaaaaaa\ndata:b\ndata:c\n\n",
		want: []record{data("aaaaaaaaaaaaaaaa\nb\nc")}},
	{name: "fields between data lines keep their values",
		stream: "data:a\nid:12345678\nevent:abcdefgh\nretry:7\ndata:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\ndata:c\n\n",
		want: []record{{Name: "abcdefgh", Data: "a\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\nc",
			ID: "12345678", HasID: true, Retry: 7 * time.Millisecond, HasRetry: true}}},

	{name: "event name", stream: "event: ping\ndata: a\n\ndata: b\n\n", want: []record{{Name: "ping", Data: "a"}, data("b")}},
	{name: "last event name wins", stream: "event: x\nevent: y\ndata: a\n\n", want: []record{{Name: "y", Data: "a"}}},
	{name: "empty event name resets", stream: "event: x\nevent\ndata: a\n\n", want: []record{data("a")}},
	{name: "event name alone is not an event", stream: "event: x\n\ndata: a\n\n", want: []record{data("a")}},

	{name: "id", stream: "id: 1\ndata: a\n\ndata: b\nid: 2\n\n",
		want: []record{{Data: "a", ID: "1", HasID: true}, {Data: "b", ID: "2", HasID: true}}},
	{name: "id alone", stream: "id: 1\n\n", want: []record{idOnly("1")}},
	{name: "empty id resets", stream: "id\n\nid:\n\nid: 1\nid: \n\n", want: []record{idOnly(""), idOnly(""), idOnly("")}},
	{name: "last id wins", stream: "id: 1\nid: 22\nid: 3\n\n", want: []record{idOnly("3")}},
	{name: "id with NUL is ignored", stream: "id: 1\nid: 2\x00\n\nid: \x00\n\nid: \x003\ndata: a\n\n",
		want: []record{idOnly("1"), data("a")}},
	{name: "id is not trimmed", stream: "id:  a b \n\n", want: []record{idOnly(" a b ")}},

	{name: "retry", stream: "retry: 1500\n\n", want: []record{retryOnly(1500 * time.Millisecond)}},
	{name: "retry with data", stream: "retry:5\ndata: a\n\n",
		want: []record{{Data: "a", Retry: 5 * time.Millisecond, HasRetry: true}}},
	{name: "retry zero", stream: "retry: 000\n\n", want: []record{retryOnly(0)}},
	{name: "retry with non-digits is ignored",
		stream: "retry\nretry:\nretry: -1\nretry: +1\nretry: 1.5\nretry: 1s\nretry:  1\nretry: 1 \nretry: ١\nretry: 0x1\n\n"},
	{name: "an invalid retry keeps the valid one", stream: "retry: 1\nretry: x\n\n", want: []record{retryOnly(time.Millisecond)}},
	{name: "last retry wins", stream: "retry: 1\nretry: 2\n\n", want: []record{retryOnly(2 * time.Millisecond)}},
	{name: "retry just fits", stream: "retry: 9223372036854\n\n", want: []record{retryOnly(9223372036854 * time.Millisecond)}},
	{name: "retry saturates", stream: "retry: 9223372036855\n\nretry: 18446744073709551616\n\nretry: " + strings.Repeat("9", 300) + "\n\n",
		want: []record{retryOnly(math.MaxInt64), retryOnly(math.MaxInt64), retryOnly(math.MaxInt64)}},
	{name: "a long invalid retry is still invalid", stream: "retry: " + strings.Repeat("9", 300) + "x\n\n"},
	{name: "leading zeros of retry", stream: "retry: " + strings.Repeat("0", 300) + "7\n\n",
		want: []record{retryOnly(7 * time.Millisecond)}},

	{name: "cut in a line", stream: "data: a\n\nid: 9\ndata: b", want: []record{data("a")}, err: io.ErrUnexpectedEOF},
	{name: "cut after a line", stream: "data: a\n\nid: 9\ndata: b\n", want: []record{data("a")}, err: io.ErrUnexpectedEOF},
	{name: "cut after CR", stream: "data: b\r", err: io.ErrUnexpectedEOF},
	{name: "cut after an unknown field", stream: "x: y\n", err: io.ErrUnexpectedEOF},
	{name: "cut after an event name", stream: "event: y\n", err: io.ErrUnexpectedEOF},
	{name: "cut in the first byte", stream: "d", err: io.ErrUnexpectedEOF},
	{name: "cut in a comment between blocks", stream: "data: a\n\n: b", want: []record{data("a")}},
	{name: "cut after a comment between blocks", stream: ": b\n"},
	{name: "cut in a comment inside a block", stream: "data: a\n: b", err: io.ErrUnexpectedEOF},
}

func TestFormat(t *testing.T) {
	for _, c := range formats {
		t.Run(c.name, func(t *testing.T) {
			wantErr := c.err
			if wantErr == nil {
				wantErr = io.EOF
			}
			check := func(how string, pieces ...string) {
				got, err := read(t, NewReader(&chunks{left: pieces}, 0))
				require.Equal(t, c.want, got, how)
				require.Equal(t, wantErr, err, how)
			}
			check("whole", c.stream)
			check("byte by byte", bytewise(c.stream)...)
			for i := 1; i < len(c.stream); i++ {
				check(fmt.Sprintf("split at %d", i), c.stream[:i], c.stream[i:])
			}
			want, refErr := reference(c.stream)
			require.Equal(t, c.want, want, "the reference agrees")
			require.Equal(t, wantErr, refErr, "the reference agrees")
		})
	}
}

// An Event distinguishes nil from empty values, which record does not for names and ids.
func TestNilAndEmpty(t *testing.T) {
	r := NewReader(strings.NewReader("event\ndata\nid\n\nid:1\nevent:x\n\nretry:1\n\n"), 0)
	e, err := r.Next()
	require.NoError(t, err)
	require.Nil(t, e.Name)
	require.Equal(t, []byte{}, e.Data)
	require.Equal(t, []byte{}, e.ID)
	e, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, Event{Name: []byte("x"), ID: []byte("1"), HasID: true}, e)
	e, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, Event{Retry: time.Millisecond, HasRetry: true}, e)
}

// Appending to one slice of an event must not overwrite another.
func TestSlicesAreClipped(t *testing.T) {
	r := NewReader(strings.NewReader("event: e\nid: i\ndata: d\n\ndata: next\n\n"), 0)
	e, err := r.Next()
	require.NoError(t, err)
	for _, s := range [][]byte{e.Name, e.Data, e.ID} {
		require.Equal(t, len(s), cap(s))
	}
}

// The Read that completes an event delivers the event. If the Reader read more, a silent peer, such
// as an MCP server between two messages, would delay the event.
func TestNoReadBeyondTheEvent(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n", "\r\n\r", "\n\r"} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			src := &counting{src: &chunks{left: []string{"data: a" + end + "data: b" + end, "\ndata: c" + end}}}
			r := NewReader(src, 0)
			for i, want := range []string{"a", "b", "c"} {
				e, err := r.Next()
				require.NoError(t, err)
				require.Equal(t, want, string(e.Data))
				require.Equal(t, 1+i/2, src.reads, "reads for event %q", want)
			}
		})
	}
}

func TestEventIsValidUntilTheNextCall(t *testing.T) {
	var stream strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&stream, "id: %d\ndata: %s\n\n", i, strings.Repeat("x", i))
	}
	r := NewReader(strings.NewReader(stream.String()), 0)
	for i := range 1000 {
		e, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(e.ID))
		require.Equal(t, strings.Repeat("x", i), string(e.Data))
	}
	_, err := r.Next()
	require.Equal(t, io.EOF, err)
}
