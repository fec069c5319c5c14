package streamablehttp

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is the kind of a reply, by its status and content type.
type reply uint8

const (
	replyRefused reply = iota // not 2xx, see refusal
	replyEmpty                // 2xx that cannot have an answer
	replyJSON                 // one JSON message
	replyStream               // an event stream
	replyOther                // 2xx with anything else, such as a web page
)

// replyKind is the status table: it maps status and content type to the kind of a reply. A missing
// content type counts as JSON, because some servers omit it and decoding is strict.
func replyKind(resp *http.Response) reply {
	switch {
	case resp.StatusCode/100 != 2:
		return replyRefused
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent && mediaType(resp.Header) == typeStream:
		return replyStream // some servers send 202 with their answer
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
	value = onlyType(value)
	name, _, err := mime.ParseMediaType(value)
	if err != nil {
		name, _, _ = strings.Cut(value, ";")
		name = strings.ToLower(strings.TrimSpace(name))
	}
	return name
}

// onlyType returns the content type of a header in which a proxy repeated it, as in "a/b, a/b". If
// the types differ, it returns value unchanged.
func onlyType(value string) string {
	first, rest, doubled := strings.Cut(value, ",")
	if !doubled {
		return value
	}
	for other := range strings.SplitSeq(rest, ",") {
		if !strings.EqualFold(strings.TrimSpace(other), strings.TrimSpace(first)) {
			return value
		}
	}
	return first
}

// retryAfter parses a Retry-After header, in seconds or as a date, and clamps it to maxRetryAfter.
// It returns −1 if the header is missing or invalid.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return -1
	}
	wait := maxRetryAfter
	if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	} else if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if !allDigits(value) {
		return -1
	}
	return min(max(wait, 0), maxRetryAfter)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
