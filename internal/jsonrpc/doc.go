// Package jsonrpc reads and writes JSON-RPC 2.0 messages in one pass.
//
// It has three layers. [Cursor] reads one JSON text (RFC 8259) from a byte slice. It is strict,
// bounds the depth, and uses neither a tree nor reflection. [Message] is the JSON-RPC 2.0 envelope
// on top of it. It passes the result to a [ResultDecoder] in place in the buffer, so that nothing
// is scanned twice. The Append functions write messages.
//
// The package accepts the same texts as encoding/json, with two differences: the case of member
// names must match exactly, and the caller limits the depth. Invalid UTF-8 and lone surrogates in
// strings become U+FFFD, as in encoding/json.
package jsonrpc
