// Package queue holds values that wait for a consumer. It keeps their order, bounds their number
// and bytes, merges equal values, and limits the rate of some kinds of values.
package queue

import "time"

// Item is a value that waits in a [Buffer], with the rules for treating it there.
type Item[K comparable, V any] struct {
	Value V
	// Bytes is the size of the item that counts against MaxBytes.
	Bytes int
	// Key identifies what the item is about. An item is merged into a waiting item with an equal
	// key. Items with the zero key are never merged.
	Key K
	// Last allows merging only into the newest waiting item. It is for items whose order matters.
	Last bool
	// Keep admits the item even if the buffer is full.
	Keep bool
	// Every holds the item back until this long after the last item with its key was taken. Items
	// behind it are taken first. It does not count against MaxItems.
	Every time.Duration
}

// Buffer is an ordered, bounded buffer of items. Set its exported fields before the first Push. A
// Buffer is not safe for concurrent use.
type Buffer[K comparable, V any] struct {
	// MaxItems and MaxBytes bound the waiting items. A single item may be larger than MaxBytes.
	MaxItems, MaxBytes int
	// Dropped replaces an item that does not fit. It is added as if its Keep were set.
	Dropped Item[K, V]
	// Merge merges an item into a waiting one. If Merge is nil, the waiting item stays as it is.
	Merge func(waiting *V, next V)

	items []Item[K, V]
	bytes int
	held  int                 // number of items with an Every
	keys  map[K]struct{}      // keys of items that merge with any waiting item
	due   map[K]time.Duration // when an item with this key and an Every may be taken
}

// Push adds an item or merges it into a waiting one. If the item does not fit, Push adds or merges
// Dropped instead. Push returns true if it added an item, and false if it merged one.
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

// merges reports whether the item merges with any waiting item, not only with the newest one.
func (it *Item[K, V]) merges() bool {
	var zero K
	return it.Key != zero && !it.Last
}

// merge merges it into a waiting item with the same key. It returns false if no such item waits.
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

// Take removes the oldest item that is not held back at time now. If all items are held back, Take
// returns how long to wait. ok is false if the buffer is empty.
func (b *Buffer[K, V]) Take(now time.Duration) (v V, wait time.Duration, ok bool) {
	for i := range b.items { // skips at most one item for each key with an Every
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

// remove removes an item. The items before it keep their order.
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
