package jsonrpc

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, escaped like encoding/json with SetEscapeHTML(false):
// each byte that is not UTF-8 becomes \ufffd.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n, high := indexSpecial([]byte(s)) // the compiler avoids the copy
		if high {
			dst = appendUnicode(dst, s[:n])
		} else {
			dst = append(dst, s[:n]...)
		}
		if n == len(s) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, s[n])
		s = s[n+1:]
	}
}

// appendUnicode appends text in which only bytes above 0x7f may need an escape.
func appendUnicode(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029': // line terminators in older JavaScript
			dst = append(append(dst, s[start:i]...), `\u202`...)
			dst = append(dst, hexDigits[r&0xf])
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...)
}

// appendEscape appends the escape of a quote, a backslash or a control character.
func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
	case '\b':
		b = 'b'
	case '\f':
		b = 'f'
	case '\n':
		b = 'n'
	case '\r':
		b = 'r'
	case '\t':
		b = 't'
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&0xf])
	}
	return append(dst, '\\', b)
}

// AppendRequest appends a request. params is raw JSON; if it is nil, the member is omitted.
func AppendRequest(dst []byte, id int64, method string, params []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, `,"method":`...)
	return appendCall(dst, method, params)
}

// AppendNotification appends a notification. params is raw JSON; if it is nil, the member is
// omitted.
func AppendNotification(dst []byte, method string, params []byte) []byte {
	return appendCall(append(dst, `{"jsonrpc":"2.0","method":`...), method, params)
}

func appendCall(dst []byte, method string, params []byte) []byte {
	dst = AppendString(dst, method)
	if params != nil {
		dst = append(append(dst, `,"params":`...), params...)
	}
	return append(dst, '}')
}

// AppendResult appends a response with a result. rawID and result are raw JSON. A nil rawID is
// written as null, a nil result as {}, which is MCP's empty result.
func AppendResult(dst []byte, rawID, result []byte) []byte {
	dst = append(appendID(dst, rawID), `,"result":`...)
	if result == nil {
		result = []byte("{}")
	}
	return append(append(dst, result...), '}')
}

// AppendError appends a response with the error e. A nil rawID is written as null, and nil Data is
// omitted. e must not be nil.
func AppendError(dst []byte, rawID []byte, e *Error) []byte {
	dst = append(appendID(dst, rawID), `,"error":{"code":`...)
	dst = strconv.AppendInt(dst, e.Code, 10)
	dst = append(dst, `,"message":`...)
	dst = AppendString(dst, e.Message)
	if e.Data != nil {
		dst = append(append(dst, `,"data":`...), e.Data...)
	}
	return append(dst, "}}"...)
}

// appendID appends the start of a response, up to its ID.
func appendID(dst []byte, rawID []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	if rawID == nil {
		return append(dst, "null"...)
	}
	return append(dst, rawID...)
}
