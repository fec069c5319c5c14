package loopback

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strconv"

	"github.com/hawser-mcp/hawser/oauth"
)

// page is a page for the user. It contains no text from a request, a server or an error. It may
// show the host of the resource, which the program chose.
type page struct {
	Status      int
	Good        bool
	Title, Text string
	Resource    string // shown between Title and Text, unless it is empty
}

var (
	foreignPage = page{
		Status: http.StatusBadRequest, Title: "This is another sign-in",
		Text: "The address that led here belongs to another sign-in. The current one continues: return to its page, or start again from your program.",
	}
	againPage = page{
		Status: http.StatusConflict, Title: "Already done",
		Text: "This sign-in has already ended. You can close this window and go back to your program.",
	}
	nothingPage = page{
		Status: http.StatusNotFound, Title: "Nothing here",
		Text: "This address is only used at the end of a sign-in. You can close this window.",
	}
	astrayPage = page{
		Status: http.StatusNotFound, Title: "Not accepted",
		Text: "The sign-in came back to another address than the current one uses, perhaps from another server. It was not used. " +
			"Go back to your program and try again.",
	}
	methodPage = page{
		Status: http.StatusMethodNotAllowed, Title: "Not supported",
		Text: "The sign-in returned in a way that is not supported here. Go back to your program and try again.",
	}
	strangePage = page{
		Status: http.StatusMisdirectedRequest, Title: "Refused",
		Text: "This server does not handle that address. You can close this window.",
	}
)

// endPage returns the last page of a login with the result err. The page omits the text of err,
// because a server may have written it. The program reports that text.
func endPage(err error) page {
	switch {
	case err == nil:
		return page{
			Status: http.StatusOK, Good: true, Title: "You are signed in",
			Text: "You can close this window and go back to your program.",
		}
	case errors.Is(err, oauth.ErrDeclined):
		return page{
			Status: http.StatusForbidden, Title: "You declined",
			Text: "Your program did not get access. You can close this window; to try again, start from your program.",
		}
	case errors.Is(err, context.DeadlineExceeded):
		return page{
			Status: http.StatusGatewayTimeout, Title: "That took too long",
			Text: "The sign-in was given up. Go back to your program and try again.",
		}
	case errors.Is(err, context.Canceled):
		return page{
			Status: http.StatusServiceUnavailable, Title: "The sign-in was canceled",
			Text: "Your program is no longer waiting for it. You can close this window.",
		}
	default:
		return page{
			Status: http.StatusBadGateway, Title: "The sign-in failed",
			Text: reason(err) + " Go back to your program, which may show more details.",
		}
	}
}

// reason returns a sentence that says why a login failed.
func reason(err error) string {
	switch oauth.KindOf(err) {
	case oauth.KindNetwork:
		return "The authorization server could not be reached, or it failed."
	case oauth.KindRefused:
		return "The authorization server refused."
	case oauth.KindResponse:
		return "The authorization server's answer cannot be trusted."
	case oauth.KindStore:
		return "The access could not be saved."
	default:
		return "Your program did not get access."
	}
}

//go:embed page.css
var style string

//go:embed page.html
var layout string

var pageTemplate = template.Must(template.New("page").Parse(layout))

// contentPolicy is a Content-Security-Policy that allows only the page's own style sheet and data:
// images.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// setHeaders sets the common response headers. They forbid storing or framing the page, and keep
// its address out of Referer headers.
func setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// show sends a page as the response.
func (v *visit) show(w http.ResponseWriter, p page) {
	if p.Good || p.Status == http.StatusForbidden || p.Status == http.StatusBadGateway {
		p.Resource = v.resource
	}
	var html bytes.Buffer
	err := pageTemplate.Execute(&html, struct {
		page
		Style template.CSS
	}{p, template.CSS(style)}) //nolint:gosec // a constant of this package
	if err != nil {
		http.Error(w, p.Title, http.StatusInternalServerError)
		return
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(html.Len()))
	w.WriteHeader(p.Status)
	_, _ = w.Write(html.Bytes()) // the browser may have disconnected
}
