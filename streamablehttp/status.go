package streamablehttp

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is what a response's status and content type make of it.
type reply uint8

const (
	replyRefused reply = iota // not 2xx: see refusal
	replyEmpty                // 2xx that cannot hold an answer
	replyJSON                 // one JSON message
	replyStream               // an event stream
	replyOther                // 2xx with something else, such as a web page
)

// replyKind is the one table from status and content type to what a reply to a
// request is. A missing content type is read as JSON: servers forget it, and
// the strict decoding behind it tells.
func replyKind(resp *http.Response) reply {
	switch {
	case resp.StatusCode/100 != 2:
		return replyRefused
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNonAuthoritativeInfo:
		return replyEmpty
	}
	switch mediaType(resp.Header) {
	case typeJSON, "":
		return replyJSON
	case typeStream:
		return replyStream
	}
	return replyOther
}

func mediaType(h http.Header) string {
	value := h.Get("Content-Type")
	switch value {
	case typeJSON, typeStream, "":
		return value
	}
	name, _, err := mime.ParseMediaType(value)
	if err != nil {
		name, _, _ = strings.Cut(value, ";")
		name = strings.ToLower(strings.TrimSpace(name))
	}
	return name
}

// retryAfter reads a Retry-After header, seconds or a date; −1 when there is
// none that can be read.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return -1
	}
	wait := MaxRetryAfter
	if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	} else if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if !allDigits(value) {
		return -1
	}
	return min(max(wait, 0), MaxRetryAfter)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
