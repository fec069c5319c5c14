package loopback

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
)

func TestPages(t *testing.T) {
	v := &visit{resource: `<script>alert(1)</script>.example.com`}
	for _, p := range []page{
		endPage(nil), endPage(oauth.ErrDeclined), endPage(errors.New("SECRET")),
		endPage(&oauth.Error{Kind: oauth.KindRefused, Code: "SECRET", Description: "SECRET"}), endPage(&oauth.Error{Kind: oauth.KindNetwork}),
		endPage(&oauth.Error{Kind: oauth.KindResponse}), endPage(&oauth.Error{Kind: oauth.KindStore}),
		endPage(context.Canceled), endPage(context.DeadlineExceeded),
		foreignPage, againPage, nothingPage, astrayPage, methodPage, strangePage,
	} {
		w := httptest.NewRecorder()
		v.show(w, p)
		header, body := w.Header(), w.Body.String()
		require.Equal(t, p.Status, w.Code)
		require.Equal(t, p.Status == 200, p.Good, p.Title)
		require.Contains(t, body, "<h1>"+p.Title+"</h1>")
		require.Contains(t, html.UnescapeString(body), p.Text)
		require.Contains(t, body, `name="viewport" content="width=device-width`)
		require.Contains(t, body, "prefers-color-scheme: dark")
		require.NotContains(t, body, "<script")
		require.NotContains(t, body, "SECRET")
		require.NotRegexp(t, `(?i)(src=|href="[^d]|url\(|@import|https?:)`, body, "nothing is loaded")

		inPage := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(body)
		require.Len(t, inPage, 2)
		sum := sha256.Sum256([]byte(inPage[1]))
		policy := header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "text/html; charset=utf-8", header.Get("Content-Type"))
		require.Equal(t, strconv.Itoa(len(body)), header.Get("Content-Length"))
	}
}
