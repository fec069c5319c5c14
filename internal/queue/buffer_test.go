package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// taken takes all items that are not held back at time now, and returns their values.
func taken(b *Buffer[string, string], now time.Duration) (values []string) {
	for {
		v, wait, ok := b.Take(now)
		if !ok || wait > 0 {
			return values
		}
		values = append(values, v)
	}
}

// add pushes each value with the value itself as the key.
func add(b *Buffer[string, string], values ...string) {
	for _, v := range values {
		b.Push(Item[string, string]{Value: v, Key: v, Bytes: len(v)})
	}
}

var dropped = Item[string, string]{Value: "dropped", Key: "dropped", Last: true}

func newBuffer(items, bytes int) *Buffer[string, string] {
	return &Buffer[string, string]{MaxItems: items, MaxBytes: bytes, Dropped: dropped}
}

func TestBufferKeepsOrder(t *testing.T) {
	b := newBuffer(10, 100)
	for _, v := range []string{"a", "a", "b"} {
		require.True(t, b.Push(Item[string, string]{Value: v}), "items without a key are never merged")
	}
	require.Equal(t, []string{"a", "a", "b"}, taken(b, 0))
	_, wait, ok := b.Take(0)
	require.False(t, ok)
	require.Zero(t, wait)
}

func TestBufferMergesEqualKeys(t *testing.T) {
	b := newBuffer(10, 100)
	add(b, "a", "b", "a", "b", "c")
	require.Equal(t, []string{"a", "b", "c"}, taken(b, 0))
	add(b, "a")
	require.Equal(t, []string{"a"}, taken(b, 0), "nothing is merged into an item that was taken")

	b.Merge = func(waiting *string, next string) { *waiting += next }
	add(b, "a", "b", "a", "b", "b")
	require.Equal(t, []string{"aa", "bbb"}, taken(b, 0))
}

func TestBufferMergesWithTheNewestOnly(t *testing.T) {
	b := newBuffer(10, 100)
	for range 2 {
		b.Push(dropped)
		b.Push(dropped)
		add(b, "a")
	}
	b.Push(dropped)
	require.Equal(t, []string{"dropped", "a", "dropped"}, taken(b, 0), "the second a was merged into the first, and so was the item before it")
}

func TestFullBufferDropsTheNewest(t *testing.T) {
	b := newBuffer(2, 100)
	add(b, "a", "b", "c", "d", "a")
	b.Push(Item[string, string]{Value: "kept", Keep: true})
	add(b, "e", "f")
	require.Equal(t, []string{"a", "b", "dropped", "kept", "dropped"}, taken(b, 0))
	add(b, "g")
	require.Equal(t, []string{"g"}, taken(b, 0))
}

func TestBufferIsBoundedInBytes(t *testing.T) {
	b := newBuffer(10, 4)
	add(b, "aaa", "bb", "c")
	require.Equal(t, []string{"aaa", "dropped", "c"}, taken(b, 0))
	add(b, "longer than four", "d")
	require.Equal(t, []string{"longer than four", "dropped"}, taken(b, 0), "a single item may exceed the bound")
	add(b, "aaaa")
	require.Equal(t, []string{"aaaa"}, taken(b, 0), "taking items makes room")
}

func TestBufferHoldsBack(t *testing.T) {
	b := newBuffer(1, 100)
	slow := func(v string) Item[string, string] {
		return Item[string, string]{Value: v, Key: v, Every: 10, Keep: true}
	}
	b.Push(slow("x"))
	require.Equal(t, []string{"x"}, taken(b, 5), "the first item is not held back")
	b.Push(slow("x"))
	b.Push(slow("y"))
	b.Push(slow("x"))
	add(b, "a")
	require.Equal(t, []string{"y", "a"}, taken(b, 6), "later items are taken first, and items that are held back take no room")
	b.Push(slow("y"))
	_, wait, ok := b.Take(8)
	require.True(t, ok)
	require.Equal(t, time.Duration(7), wait, "the time until x may be taken")
	require.Equal(t, []string{"x"}, taken(b, 15))
	require.Equal(t, []string{"y"}, taken(b, 16))
}
