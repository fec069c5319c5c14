package streamablehttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// printer is a Receiver that prints what arrives.
type printer struct{}

func (printer) DecodeResult(data []byte) (int, error) {
	var result json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&result); err != nil {
		return 0, err
	}
	fmt.Printf("result: %s\n", result)
	return int(dec.InputOffset()), nil
}

func (printer) Notification(method string, params []byte) { fmt.Printf("%s: %s\n", method, params) }
func (printer) Request(string, []byte, []byte) error      { return nil }
func (printer) Event()                                    {}

// One POST to a modern server. Headers mirror the method and the name, so a gateway can route the
// request without reading its body.
func ExampleConn_Call() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"headers":"%s %s"}}`, r.Header.Get("Mcp-Method"), r.Header.Get("Mcp-Name"))
	}))
	defer server.Close()
	network := transport.NewDirect(nil)
	defer network.Close()
	conn, err := streamablehttp.New(server.URL, streamablehttp.Config{RoundTripper: network})
	if err != nil {
		log.Panic(err)
	}
	defer conn.Close()

	session := conn.NewSession("2026-07-28", "", true)
	err = conn.Call(context.Background(), session, &streamablehttp.Request{
		ID: 1, Method: "tools/call", Name: "brew", HasName: true,
		Body: []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"brew"}}`),
	}, printer{})
	fmt.Println("error:", err)
	// Output:
	// result: {"headers":"tools/call brew"}
	// error: <nil>
}

// A legacy server closes the stream before its answer. Call resumes the stream after the last
// event.
func ExampleConn_Call_resume() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, "id: 7\nretry: 100\n"+
				`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"water is hot"}}`+"\n\n")
			return
		}
		_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","id":1,"result":{"resumed after":"`+r.Header.Get("Last-Event-Id")+`"}}`+"\n\n")
	}))
	defer server.Close()
	network := transport.NewDirect(nil)
	defer network.Close()
	conn, err := streamablehttp.New(server.URL, streamablehttp.Config{RoundTripper: network})
	if err != nil {
		log.Panic(err)
	}
	defer conn.Close()

	session := conn.NewSession("2025-11-25", "session-1", false)
	err = conn.Call(context.Background(), session, &streamablehttp.Request{
		ID: 1, Method: "tools/call", Body: []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"brew"}}`),
	}, printer{})
	fmt.Println("error:", err)
	// Output:
	// notifications/message: {"data":"water is hot"}
	// result: {"resumed after":"7"}
	// error: <nil>
}
