// Package jsonrpc reads and writes JSON-RPC 2.0 messages in one pass.
//
// It has three layers. [Cursor] walks one JSON text (RFC 8259) over a byte
// slice: strict, bounded in depth, without a tree and without reflection.
// [Message] is the JSON-RPC 2.0 envelope on top of it; the result is handed to
// a [ResultDecoder] where it stands in the buffer, so that nothing is scanned
// twice. The Append functions write messages.
//
// What is accepted is what encoding/json accepts, with two differences: names
// of members match in exact case only, and the depth is limited to a number of
// the caller's choice. Invalid UTF-8 and lone surrogates in strings become
// U+FFFD, as they do there.
package jsonrpc
