package simulation_test

import (
	"fmt"
	"strings"
)

// Reply prescribes what happens to one request. The zero value is a proper answer without a fault.
type Reply struct {
	Wait      span   `json:",omitempty"` // delay before any other step
	How       string `json:",omitempty"` // json, stream, accepted (a stream with status 202), ask (an elicitation), status, redirect, reset, eof or hang; empty: a proper answer
	NoRun     bool   `json:",omitempty"` // the server or gateway that answers did not execute the call
	Status    int    `json:",omitempty"` // for status and redirect
	Code      int    `json:",omitempty"` // the body is a JSON-RPC error with this code
	ID        string `json:",omitempty"` // id in the body: string (the id of the request as a string), null or wrong; empty: the id of the request
	Malformed bool   `json:",omitempty"` // the error is a string, which JSON-RPC forbids
	Header    string `json:",omitempty"` // one additional header line
	Foreign   bool   `json:",omitempty"` // the redirect leads to another origin
	Events    string `json:",omitempty"` // events sent on a stream before the answer, one letter for each; see the constants below
	Gap       span   `json:",omitempty"` // delay before each event and before the answer
	Late      bool   `json:",omitempty"` // the stream has one more event after the answer
	Unchunked bool   `json:",omitempty"` // the stream ends when its connection ends
	Cut       int    `json:",omitempty"` // the reply breaks off after this many bytes
	CutBy     string `json:",omitempty"` // how the reply breaks off: reset or silence; empty: eof
	Early     bool   `json:",omitempty"` // the server answers after reading only the head of the request
	Close     span   `json:",omitempty"` // how long after the reply the server closes the connection without notice
	Loses     bool   `json:",omitempty"` // the server loses its sessions right before the reply
}

// The letters of Reply.Events, in order: progress, a repetition of the previous event, a comment, a
// log message, an event without data, an elicitation (legacy only).
const (
	eventProgress    = 'p'
	eventAgain       = 'd'
	eventComment     = 'h'
	eventLog         = 'l'
	eventEmpty       = 'i'
	eventElicitation = 'q'
)

// own reports whether the body is a well-formed message with the id of the request.
func (r Reply) own() bool { return !r.Malformed && (r.ID == "" || r.ID == "string") }

// answers reports whether the body is a JSON-RPC response to the request.
func (r Reply) answers() bool {
	switch r.How {
	case "", "ask":
		return true
	case "json", "stream", "accepted":
		return r.own()
	case "status":
		return r.Code != 0 && r.own()
	}
	return false
}

// final reports whether the head of the reply settles the call: a redirect, or a final refusal.
func (r Reply) final() bool { return r.How == "redirect" || r.How == "status" && refuses(r.Status) }

// faulty reports whether the reply is anything but a complete and successful answer.
func (r Reply) faulty() bool { return !r.answers() || r.Code != 0 || r.Malformed || r.Cut > 0 }

// refuses reports whether an HTTP status is a final refusal.
func refuses(status int) bool {
	return status >= 300 && status < 500 && status != 408 || status == 501 || status == 505
}

// unseen reports whether the reply proves that the request was not processed. An honest server
// never sends such a reply after executing the call.
func (r Reply) unseen(modern bool) bool {
	switch {
	case r.Early:
		return true
	case r.How == "redirect":
		return !r.Foreign && (r.Status == 307 || r.Status == 308)
	case r.How != "status":
		return false
	}
	switch r.Status {
	case 401, 425, 429:
		return true
	case 403:
		return strings.HasPrefix(r.Header, "WWW-Authenticate")
	case 400:
		return r.Code <= -32020 && r.Code >= -32022
	case 404:
		return !modern && !r.answers()
	case 405, 406, 411, 413, 414, 415, 421, 426, 431, 501, 505:
		return !r.answers()
	}
	return false
}

// runs reports whether an honest server executes the call before it sends this reply.
func (r Reply) runs(modern bool) bool { return !r.NoRun && r.How != "ask" && !r.unseen(modern) }

// String describes a reply in a few words.
func (r Reply) String() string {
	words := []string{r.How}
	if r.How == "" {
		words[0] = "proper"
	}
	add := func(on bool, format string, args ...any) {
		if on {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(r.Status != 0, "%03d", r.Status)
	add(r.Code != 0, "error %d", r.Code)
	add(r.ID != "", "with %s id", r.ID)
	add(r.Malformed, "malformed")
	add(r.Foreign, "to another origin")
	add(r.Events != "", "after events %s", r.Events)
	add(r.Gap > 0, "%v apart", r.Gap)
	add(r.Late, "and one late event")
	add(r.Header != "", "[%s]", r.Header)
	add(r.NoRun, "(not executed)")
	add(r.Early, "before reading the body")
	add(r.Cut > 0, "cut after %d bytes", r.Cut)
	add(r.CutBy != "", "by %s", r.CutBy)
	add(r.Unchunked, "unchunked")
	add(r.Wait > 0, "after %v", r.Wait)
	add(r.Loses, "and the sessions are lost")
	add(r.Close > 0, "connection closed %v later", r.Close)
	return strings.Join(words, " ")
}
