package sse

import (
	"io"
	"math"
	"math/big"
	"strings"
	"time"
)

// record is an Event in plain values, which are still valid after the next call.
type record struct {
	Name     string
	Data     string
	NilData  bool
	ID       string
	HasID    bool
	Retry    time.Duration
	HasRetry bool
}

// reference parses a whole stream as the standard describes: it splits the stream into lines and
// processes one line after another. It is slow, but obviously correct.
func reference(stream string) ([]record, error) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(stream, "\r\n", "\n")
	stream = strings.ReplaceAll(stream, "\r", "\n")
	lines := strings.Split(stream, "\n")
	rest := lines[len(lines)-1] // without a line end
	lines = lines[:len(lines)-1]

	var got []record
	var fields [][2]string // of the current block
	for _, line := range lines {
		switch {
		case line == "":
			if e, ok := dispatch(fields); ok {
				got = append(got, e)
			}
			fields = nil
		case strings.HasPrefix(line, ":"):
		default:
			name, value, _ := strings.Cut(line, ":")
			fields = append(fields, [2]string{name, strings.TrimPrefix(value, " ")})
		}
	}
	if len(fields) > 0 || rest != "" && !strings.HasPrefix(rest, ":") {
		return got, io.ErrUnexpectedEOF
	}
	return got, io.EOF
}

// dispatch returns the event of a block with these fields.
func dispatch(fields [][2]string) (record, bool) {
	var e record
	var data []string
	for _, f := range fields {
		name, value := f[0], f[1]
		switch name {
		case "data":
			data = append(data, value)
		case "event":
			e.Name = value
		case "id":
			if !strings.Contains(value, "\x00") {
				e.ID, e.HasID = value, true
			}
		case "retry":
			if value != "" && strings.Trim(value, "0123456789") == "" {
				ms, _ := new(big.Int).SetString(value, 10)
				ns := ms.Mul(ms, big.NewInt(int64(time.Millisecond)))
				e.Retry, e.HasRetry = math.MaxInt64, true
				if ns.IsInt64() {
					e.Retry = time.Duration(ns.Int64())
				}
			}
		}
	}
	e.Data, e.NilData = strings.Join(data, "\n"), data == nil
	return e, data != nil || e.HasID || e.HasRetry
}
