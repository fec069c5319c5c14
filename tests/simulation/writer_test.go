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

// refuse answers with a status.
func (v *visit) refuse(status int, header, contentType, body string) bool {
	return v.say(Reply{How: "status", Status: status}, plain(status, header, contentType, body))
}

// say sends a whole reply, and notes what it means to the call as far as it is sent.
func (v *visit) say(r Reply, text string) bool {
	head := strings.Index(text, "\r\n\r\n") + 4
	sent := func(length int) bool { return v.w.cut == 0 || v.w.cut >= length }
	if v.op > 0 && v.kind != "resume" {
		v.j.said(v.op, sent(head) && r.final(), sent(len(text)) && r.answers())
	}
	return v.w.write(text)
}

// plain is a reply with a body of a known length.
func plain(status int, header, contentType, body string) string {
	if header != "" {
		header += "\r\n"
	}
	if contentType != "" {
		header += "Content-Type: " + contentType + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %03d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// writer sends a reply, and breaks it off after some bytes.
type writer struct {
	c    net.Conn
	s    *server
	sent int
	cut  int // 0: never
	by   string

	silent atomic.Bool // what the client does is not seen
}

// write sends a part of the reply. A false result ends the connection.
func (w *writer) write(text string) bool {
	if w.cut == 0 || w.sent+len(text) < w.cut {
		n, err := io.WriteString(w.c, text)
		w.sent += n
		return err == nil
	}
	_, _ = io.WriteString(w.c, text[:max(w.cut-w.sent, 0)])
	switch w.by {
	case "reset":
		w.s.sleep(time.Microsecond) // what was written arrives
		w.c.(*memnet.Conn).Reset()
	case "silence":
		w.silence()
	}
	return false
}

// silence loses everything from now on; it does not show any more whether the client waits.
func (w *writer) silence() {
	w.silent.Store(true)
	w.c.(*memnet.Conn).Silence()
}
