package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a server and returns a client that trusts it.
func start(t *testing.T, http2 bool) (*Server, *http.Client) {
	t.Helper()
	s, err := Start(t.Context())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(s.Addresses().CA))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, Protocols: protocols}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, s.Close())
	})
	return s, &http.Client{Transport: transport}
}

// send sends a request and returns the status and the body of the response.
func send(t *testing.T, c *http.Client, method, url, message string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(message))
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// Replies are the same over every network, with and without a length, in one write and in several.
func TestRepliesAreTheSameOverEveryNetwork(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s, c := start(t, http2)
		urls := []string{s.Addresses().Plain, s.Addresses().TLS}
		if http2 {
			urls = []string{s.Addresses().HTTP2}
		}
		for _, url := range urls {
			for _, tool := range workload.Tools {
				message := `{"id":"x","method":"tools/call","params":{"name":"` + tool.Name + `","_meta":{"progressToken":5}}}`
				r, err := workload.Answer("/", []byte(message))
				require.NoError(t, err)
				status, body := send(t, c, http.MethodPost, url+"/", message)
				require.Equal(t, http.StatusOK, status)
				require.Equal(t, string(append(r.Append(nil), r.Last...)), body, tool.Name)
			}
			status, _ := send(t, c, http.MethodPost, url+"/", `{"method":"notifications/initialized"}`)
			require.Equal(t, http.StatusAccepted, status)
			status, _ = send(t, c, http.MethodDelete, url+"/", "")
			require.Equal(t, http.StatusOK, status)
			status, _ = send(t, c, http.MethodGet, url+"/", "")
			require.Equal(t, http.StatusMethodNotAllowed, status)
			status, _ = send(t, c, http.MethodPost, url+"/", `{"id":1,"method":"other"}`)
			require.Equal(t, http.StatusBadRequest, status)
		}
	}
}

func TestOnlyHTTP2IsServedWhereItIsMeasured(t *testing.T) {
	s, c := start(t, false)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Addresses().HTTP2, http.NoBody)
	require.NoError(t, err)
	resp, err := c.Do(req)
	if err == nil {
		defer resp.Body.Close()
		require.Equal(t, http.StatusHTTPVersionNotSupported, resp.StatusCode)
	}
}

func TestConnectionsAndStreamsAreCounted(t *testing.T) {
	s, c := start(t, false)
	for range 3 {
		send(t, c, http.MethodDelete, s.Addresses().Plain, "")
	}
	require.Equal(t, Stats{Accepted: 1, Open: 1}, s.Stats())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Addresses().Plain+workload.StreamPath, http.NoBody)
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Eventually(t, func() bool { return s.Stats().Streams == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	require.Eventually(t, func() bool { return s.Stats().Streams == 0 }, 10*time.Second, time.Millisecond)
}
