package jsonrpc

import "bytes"

// Trim returns data without a leading byte order mark and leading white space.
func Trim(data []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
}

// IsBatch reports whether data is a JSON array. In revisions with batches, that is an array of
// messages.
func IsBatch(data []byte) bool {
	if len(data) > 0 && data[0] == '{' {
		return false // nearly always, and small enough to be inlined
	}
	data = Trim(data)
	return len(data) > 0 && data[0] == '['
}

// Each calls f with the text of each message of a batch until f returns false. It returns an error
// only if data is not exactly one JSON array.
func Each(data []byte, f func(message []byte) bool) error {
	c := NewCursor(Trim(data), 0)
	c.EnterArray()
	for c.NextElement() {
		if element := c.Skip(); element != nil && !f(element) {
			return nil
		}
	}
	c.End()
	return c.Err()
}

// Only returns the text of the message if data is a batch with one message. Otherwise it returns
// data.
func Only(data []byte) []byte {
	if !IsBatch(data) {
		return data
	}
	var only []byte
	n := 0
	err := Each(data, func(message []byte) bool {
		only, n = message, n+1
		return n < 2
	})
	if err != nil || n != 1 {
		return data
	}
	return only
}
