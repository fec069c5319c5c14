package jsonrpc

import "bytes"

// Trim returns a text without white space and a byte order mark before it.
func Trim(data []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
}

// IsBatch reports whether a text is an array: of messages, in revisions that have batches.
func IsBatch(data []byte) bool {
	data = Trim(data)
	return len(data) > 0 && data[0] == '['
}

// Each calls f with the text of each message of a batch until f returns false. Its error says that
// data is not one array, and nothing else.
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

// Only returns the text of the only message of a batch, and data itself if it is anything else.
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
