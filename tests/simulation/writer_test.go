package simulation_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// refuse sends a reply with this status, header line and body.
func (v *exchange) refuse(status int, header, contentType, body string) bool {
	return v.say(Reply{How: "status", Status: status}, plain(status, header, contentType, body))
}

// say sends the text of a whole reply. Before that it records what the reply means for the call. If
// the reply is cut, only the part before the cut counts.
func (v *exchange) say(r Reply, text string) bool {
	head := strings.Index(text, "\r\n\r\n") + 4
	sent := func(length int) bool { return v.w.cut == 0 || v.w.cut >= length }
	if v.op > 0 && v.kind != "resume" {
		v.j.said(v.op, sent(head) && r.final(), sent(len(text)) && r.answers())
	}
	return v.w.write(text)
}

// plain returns the text of a reply with Content-Length.
func plain(status int, header, contentType, body string) string {
	if header != "" {
		header += "\r\n"
	}
	if contentType != "" {
		header += "Content-Type: " + contentType + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %03d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// writer sends a reply and breaks it off after a number of bytes.
type writer struct {
	c    net.Conn
	s    *server
	sent int
	cut  int // 0: never
	by   string

	silent atomic.Bool // the server can no longer see whether the client closes the connection
}

// write sends a part of the reply. It returns false if the server must close the connection.
func (w *writer) write(text string) bool {
	if w.cut == 0 || w.sent+len(text) < w.cut {
		n, err := io.WriteString(w.c, text)
		w.sent += n
		return err == nil
	}
	_, _ = io.WriteString(w.c, text[:max(w.cut-w.sent, 0)])
	switch w.by {
	case "reset":
		w.s.sleep(time.Microsecond) // lets the written bytes arrive
		w.c.(*memnet.Conn).Reset()
	case "silence":
		w.silence()
	}
	return false
}

// silence makes the connection drop all further data in both directions. The server can no longer
// tell whether the client is still waiting.
func (w *writer) silence() {
	w.silent.Store(true)
	w.c.(*memnet.Conn).Silence()
}
