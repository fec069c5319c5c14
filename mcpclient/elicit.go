package mcpclient

import (
	"encoding/json"
	"net/url"

	"github.com/mark3labs/mcp-go/mcp"
)

// FormRequest is a form that the server wants a person to fill in (2025-11-25
// and 2026-07-28, "Elicitation", form mode). All texts in it are the server's: do
// not make addresses in them clickable, nor in those of a [URLRequest] but its URL.
type FormRequest struct {
	// Message says what is asked and why.
	Message string
	// Form is what to fill in.
	Form *Form
	// Meta is the request's _meta, nil when absent.
	Meta *mcp.Meta
	// Raw is the request's parameters as received.
	Raw json.RawMessage
}

// URLRequest is a page that the server wants a person to visit (2025-11-25 and
// 2026-07-28, "Elicitation", URL mode): to log in to a third party, to pay.
// What happens there is between that person and the page.
//
// Whoever handles it must show the whole URL and get consent before it is
// opened, must open it where neither this program nor a model can see the page,
// and must not fetch it ahead. Nothing here opens or fetches it. A URL that is
// not safe to show as what it is never gets here; see Warnings for the rest.
type URLRequest struct {
	// Message says why the page is to be visited.
	Message string
	// URL is the page: absolute, https (or http on this machine), without user
	// information. Show URL.String(), and its host with emphasis.
	URL *url.URL
	// Warnings say what a person should know of the URL before consenting, such
	// as that its host is in Punycode; nil if there is nothing.
	Warnings []string
	// ElicitationID is what a legacy server calls this request when it tells
	// that it is complete ([Handlers].ElicitationComplete); "" if it has no name.
	ElicitationID string
	// Meta is the request's _meta, nil when absent.
	Meta *mcp.Meta
	// Raw is the request's parameters as received.
	Raw json.RawMessage
}

// AcceptElicitation is the answer of a person who filled in the form, or who
// consented to visit the page. Content encodes to the object that the form's
// fields make; nil accepts a form as it is, with its default values, and is the
// only content of a page.
func AcceptElicitation(content any) *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{
		Action: mcp.ElicitationResponseActionAccept, Content: content,
	}}
}

// DeclineElicitation is the answer of a person who said no.
func DeclineElicitation() *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline}}
}

// CancelElicitation is the answer of a person who did not choose: the form was closed.
func CancelElicitation() *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionCancel}}
}
