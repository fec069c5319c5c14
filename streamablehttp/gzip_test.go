package streamablehttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

func acceptGzip(cfg *Config) { cfg.AcceptGzip = true }

// encoded returns a response with a Content-Encoding.
func encoded(status int, contentType, encoding string, body io.Reader) roundTripper {
	return always(func() *http.Response {
		resp := respond(status, contentType, body)
		resp.Header.Set("Content-Encoding", encoding)
		return resp
	})
}

// withoutAsking changes nothing: the client does not request gzip.
func withoutAsking(*Config) {}

// bothAskings are the configurations in which gzip is decoded with one result.
var bothAskings = map[string]func(*Config){"requested": acceptGzip, "not requested": withoutAsking}

func TestUnsupportedEncoding(t *testing.T) {
	for _, contentType := range []string{typeJSON, typeStream} {
		for _, encoding := range []string{"br", "deflate", "zstd", "gzip, gzip", "x\x1b[2J"} {
			body := &trackedBody{Reader: bytes.NewReader(zipped(answer))}
			_, err := callOnce(t, encoded(http.StatusOK, contentType, encoding, body))
			require.IsType(t, (*ProtocolError)(nil), err)
			require.ErrorContains(t, err, "content encoding")
			requireOneLine(t, err)
			require.Positive(t, body.closed.Load())
		}
		_, err := callOnce(t, encoded(http.StatusOK, contentType, "br", bytes.NewReader(nil)), acceptGzip)
		require.ErrorContains(t, err, `content encoding "br" is not supported`)
	}
	_, err := callOnce(t, encoded(http.StatusOK, typeJSON, "identity", strings.NewReader(answer)))
	require.NoError(t, err)

	// For an error reply, the status still decides the outcome.
	_, err = callOnce(t, encoded(http.StatusBadGateway, "text/html", "br", strings.NewReader("\x13\xe5p")))
	refused, ok := err.(*HTTPError)
	require.True(t, ok, "%T", err)
	require.Empty(t, refused.Preview)
}

func TestGzipDecoded(t *testing.T) {
	for asked, asking := range bothAskings {
		t.Run(asked, func(t *testing.T) { gzipIsDecoded(t, asking) })
	}
}

func gzipIsDecoded(t *testing.T, asking func(*Config)) {
	t.Helper()
	for _, encoding := range []string{"gzip", "x-gzip", " GZip "} {
		recv, err := callOnce(t, encoded(http.StatusOK, typeJSON, encoding, bytes.NewReader(zipped(answer))), asking)
		require.NoError(t, err)
		require.Equal(t, result, recv.result)
		recv, err = callOnce(t, encoded(http.StatusOK, typeStream, encoding, bytes.NewReader(zipped(answerEvent))), asking)
		require.NoError(t, err)
		require.Equal(t, result, recv.result)
	}
	_, err := callOnce(t, encoded(http.StatusBadRequest, typeJSON, "gzip", bytes.NewReader(zipped(refusals[0].body))), asking)
	require.IsType(t, (*RPCError)(nil), err)
	members := append(zipped(answer[:10]), zipped(answer[10:])...)
	recv, err := callOnce(t, encoded(http.StatusOK, typeJSON, "gzip", bytes.NewReader(members)), asking)
	require.NoError(t, err)
	require.Equal(t, result, recv.result)
}

// The declared length is that of the compressed body, so it is not compared with the limit on the
// decompressed body.
func TestGzipBomb(t *testing.T) {
	for asked, asking := range bothAskings {
		t.Run(asked, func(t *testing.T) { bombIsBounded(t, asking) })
	}
}

func bombIsBounded(t *testing.T, asking func(*Config)) {
	t.Helper()
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := io.Copy(w, &endless{' ', 16 << 20})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for contentType, status := range map[string]int{typeJSON: 200, typeStream: 200, "text/html": 502} {
		body := &trackedBody{Reader: bytes.NewReader(bomb.Bytes())}
		spent := allocated(func() {
			_, err = callOnce(t, encoded(status, contentType, "gzip", body), asking, func(cfg *Config) {
				cfg.Limits = Limits{MaxBody: 1 << 20, MaxEvent: 1 << 20}
			})
		})
		if status == http.StatusOK {
			require.IsType(t, (*LimitError)(nil), err, contentType)
		} else {
			require.IsType(t, (*HTTPError)(nil), err)
		}
		require.Less(t, spent, uint64(8<<20), contentType)
	}
}

// A compressed body that is truncated at any byte is a lost answer, even if the part that arrived
// decodes to the whole answer.
func TestGzipCut(t *testing.T) {
	whole := zipped(answer)
	for cut := range whole {
		recv, err := callOnce(t, encoded(http.StatusOK, typeJSON, "gzip", bytes.NewReader(whole[:cut])), acceptGzip)
		requireCut(t, err)
		require.Empty(t, recv.result, "cut at %d", cut)
	}
	whole = zipped("data: " + answer)
	for cut := range whole {
		_, err := callOnce(t, encoded(http.StatusOK, typeStream, "gzip", bytes.NewReader(whole[:cut])), acceptGzip)
		requireCut(t, err)
	}
	broken := errors.New("link lost")
	_, err := callOnce(t, encoded(http.StatusOK, typeJSON, "gzip", failing(string(whole[:30]), broken)), acceptGzip)
	requireCut(t, err)
	require.ErrorIs(t, err, broken)

	damaged := bytes.Clone(zipped(answer))
	damaged[len(damaged)-6] ^= 1 // the checksum
	_, err = callOnce(t, encoded(http.StatusOK, typeJSON, "gzip", bytes.NewReader(damaged)), acceptGzip)
	require.Error(t, err)
}

// Events of a compressed stream arrive when they are flushed, not at its end.
func TestGzipStream(t *testing.T) {
	for asked, asking := range bothAskings {
		t.Run(asked, func(t *testing.T) { eventsArriveCompressed(t, asked == "requested", asking) })
	}
}

func eventsArriveCompressed(t *testing.T, requested bool, asking func(*Config)) {
	t.Helper()
	seen := make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if (r.Header.Get("Accept-Encoding") == "gzip") != requested {
			panic("gzip was requested, or not, against the configuration")
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", typeStream)
		zw := gzip.NewWriter(w)
		_, _ = io.WriteString(zw, `data: {"jsonrpc":"2.0","method":"m"}`+"\n\n")
		_ = zw.Flush()
		w.(http.Flusher).Flush()
		<-seen // the server sends the answer only after the client delivered the notification
		_, _ = io.WriteString(zw, answerEvent)
		_ = zw.Close()
	}
	overNetwork(t, handler, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt, asking)
		recv := &heard{notified: func(string) { close(seen) }}
		require.NoError(t, c.do(t.Context(), c.legacy(), recv))
		require.Equal(t, result, recv.result)
	})
}
