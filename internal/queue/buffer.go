// Package queue holds values that wait for a consumer: in order, bounded in number and bytes, with
// equal values merged and values of some kinds held back so that they come at a limited rate.
package queue

import "time"

// Item is a value that waits in a [Buffer], and how it may be treated there.
type Item[K comparable, V any] struct {
	Value V
	// Bytes is how much the item counts against the bound in bytes.
	Bytes int
	// Key names what the item is about. An item is merged into a waiting one with an equal key.
	// Items with the zero key are never merged.
	Key K
	// Last restricts merging to the newest item: an item between two others says something new.
	Last bool
	// Keep admits the item even if the buffer is full.
	Keep bool
	// Every holds the item back until this long after the last one with its key was taken. Items
	// behind it go first, and it does not count against the bound in number.
	Every time.Duration
}

// Buffer is an ordered, bounded buffer of items. Set its exported fields before the first Push. It
// is not safe for concurrent use.
type Buffer[K comparable, V any] struct {
	// MaxItems and MaxBytes bound what waits. A single item may be larger than MaxBytes.
	MaxItems, MaxBytes int
	// Dropped takes the place of an item that does not fit. Its Keep is taken as set.
	Dropped Item[K, V]
	// Merge folds an item into a waiting one. Nil leaves the waiting one as it is.
	Merge func(waiting *V, next V)

	items []Item[K, V]
	bytes int
	held  int                 // how many items have an Every
	keys  map[K]struct{}      // of items that merge with any
	due   map[K]time.Duration // when an item with an Every may be taken
}

// Push adds an item, merges it into a waiting one, or, if it does not fit, does that with Dropped.
// It reports whether there is a new item.
func (b *Buffer[K, V]) Push(it Item[K, V]) bool {
	if b.merge(it) {
		return false
	}
	counted := len(b.items) - b.held
	full := counted >= b.MaxItems || (counted > 0 && b.bytes+it.Bytes > b.MaxBytes)
	if full && !it.Keep {
		if it = b.Dropped; b.merge(it) {
			return false
		}
	}
	b.items = append(b.items, it)
	b.bytes += it.Bytes
	if it.Every > 0 {
		b.held++
	}
	if it.merges() {
		if b.keys == nil {
			b.keys = make(map[K]struct{})
		}
		b.keys[it.Key] = struct{}{}
	}
	return true
}

// merges reports whether the item merges with any waiting one, not only with the newest.
func (it *Item[K, V]) merges() bool {
	var zero K
	return it.Key != zero && !it.Last
}

// merge merges an item into a waiting one with its key, if there is one.
func (b *Buffer[K, V]) merge(it Item[K, V]) bool {
	var zero K
	first := max(len(b.items)-1, 0)
	switch _, waits := b.keys[it.Key]; {
	case it.Key == zero:
		return false
	case it.Last:
	case !waits || b.Merge == nil:
		return waits
	default:
		first = 0
	}
	for i := first; i < len(b.items); i++ {
		if b.items[i].Key != it.Key {
			continue
		}
		if b.Merge != nil {
			b.Merge(&b.items[i].Value, it.Value)
		}
		return true
	}
	return false
}

// Take removes the oldest item that is not held back at now. If all are held back, it returns how
// long until one is not. OK is false if the buffer is empty.
func (b *Buffer[K, V]) Take(now time.Duration) (v V, wait time.Duration, ok bool) {
	for i := range b.items { // skips one item at most for each key with an Every
		it := &b.items[i]
		if it.Every > 0 {
			if left := b.due[it.Key] - now; left > 0 {
				if wait == 0 || left < wait {
					wait = left
				}
				continue
			}
			if b.due == nil {
				b.due = make(map[K]time.Duration)
			}
			b.due[it.Key] = now + it.Every
		}
		return b.remove(i), 0, true
	}
	return v, wait, len(b.items) > 0
}

// remove takes an item out. Those before it keep their order.
func (b *Buffer[K, V]) remove(i int) V {
	it := b.items[i]
	copy(b.items[1:i+1], b.items[:i])
	b.items[0] = Item[K, V]{}
	if b.items = b.items[1:]; len(b.items) == 0 {
		b.items = nil
	}
	b.bytes -= it.Bytes
	if it.Every > 0 {
		b.held--
	}
	if it.merges() {
		delete(b.keys, it.Key)
	}
	return it.Value
}
