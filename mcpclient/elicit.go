package mcpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/safeurl"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/mcpclient/form"
)

// FormRequest is a form that the server asks the user to fill in (2025-11-25 and 2026-07-28,
// "Elicitation", form mode). All text in it comes from the server: do not make URLs in that text
// clickable.
type FormRequest struct {
	// Message says what the server requests and why.
	Message string
	// Form is the form to fill in.
	Form *form.Form
	// Meta is the request's _meta, nil if absent.
	Meta *mcp.Meta
	// Raw holds the request's parameters as received.
	Raw json.RawMessage
}

// URLRequest is a URL that the server asks the user to visit, for example to log in to a third
// party or to pay (2025-11-25 and 2026-07-28, "Elicitation", URL mode). The client does not see
// what the user does on that page.
//
// A handler must show the whole URL and get the user's consent before it opens the URL. It must
// open the URL where neither this program nor a model can see the page, and must not fetch the URL
// in advance. Hawser neither opens nor fetches the URL, and refuses URLs that are not safe to show.
// The other text also comes from the server: do not make URLs in it clickable.
type URLRequest struct {
	// Message says why the user should visit the URL.
	Message string
	// URL is absolute, has the scheme https (or http on this machine) and no user information. Show
	// URL.String() and emphasize its host.
	URL *url.URL
	// Warnings are what the user should know before consenting, for example that the host is in
	// Punycode. Nil means that there are none.
	Warnings []string
	// ElicitationID is the ID by which a legacy server reports completion
	// ([Handlers].ElicitationComplete), "" if there is none.
	ElicitationID string
	// Meta is the request's _meta, nil if absent.
	Meta *mcp.Meta
	// Raw holds the request's parameters as received.
	Raw json.RawMessage
}

// AcceptElicitation answers that the user submitted the form or consented to visit the URL. For a
// form, content must encode to an object with the form's fields, and nil accepts the default
// values. For a URL, content must be nil.
func AcceptElicitation(content any) *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{
		Action: mcp.ElicitationResponseActionAccept, Content: content,
	}}
}

// DeclineElicitation answers that the user refused.
func DeclineElicitation() *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline}}
}

// CancelElicitation answers that the user dismissed the request without a decision.
func CancelElicitation() *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionCancel}}
}

var (
	errNoSchema = errors.New(`no "requestedSchema"`)
	errNoURL    = errors.New(`no "url"`)
)

// decodeElicitation decodes the parameters of elicitation/create into a form request or a URL
// request. The result shares memory with params. A request without a mode is for a form
// (2026-07-28, "Elicitation Requests"). A missing message is accepted: the user can still see what
// is requested.
func decodeElicitation(params json.RawMessage, version string) (*FormRequest, *URLRequest, error) {
	var (
		mode, message, address, id string
		schema                     json.RawMessage
		meta                       *mcp.Meta
	)
	r := wire.NewReader(params, nil)
	for key := range r.Members() {
		switch string(key) {
		case "mode":
			mode = r.OptString()
		case "message":
			message = r.OptString()
		case "requestedSchema":
			schema = r.OptRaw()
		case "url":
			address = r.OptString()
		case "elicitationId":
			id = r.OptString()
		case "_meta":
			meta = r.Meta()
		default:
			r.Skip()
		}
	}
	r.End()
	if err := r.Err(); err != nil {
		return nil, nil, publicError(err)
	}
	switch mode {
	case "", "form":
		if schema == nil {
			return nil, nil, errNoSchema
		}
		parsed, err := form.Parse(schema)
		if err != nil {
			return nil, nil, fmt.Errorf("requestedSchema: %w", publicError(err))
		}
		return &FormRequest{Message: message, Form: parsed, Meta: meta, Raw: params}, nil, nil
	case "url":
		if address == "" {
			return nil, nil, errNoURL
		}
		u, warnings, err := safeurl.Check(address)
		if errors.Is(err, safeurl.ErrLength) {
			err = &LimitError{What: "bytes in a URL", Limit: safeurl.MaxLength}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("url: %w", err)
		}
		if eraOf(version) == EraModern { // modern requests have no ID
			id = ""
		}
		return nil, &URLRequest{Message: message, URL: u, Warnings: warnings, ElicitationID: id, Meta: meta, Raw: params}, nil
	}
	return nil, nil, fmt.Errorf("unknown mode %s", wire.PathKey([]byte(mode)))
}
