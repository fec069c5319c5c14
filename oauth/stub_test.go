package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// temporary: until discovery is there
type plainWeb struct{ c *Client }

func (p plainWeb) do(req *http.Request) (*answer, error) {
	resp, err := p.c.outgoing().RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &answer{resp.StatusCode, resp.Header, b}, err
}

func (p plainWeb) get(ctx context.Context, u string, v any) error {
	req, _ := http.NewRequestWithContext(ctx, "GET", u, nil)
	a, err := p.do(req)
	if err != nil {
		return err
	}
	return json.Unmarshal(a.body, v)
}

func (p plainWeb) resource(ctx context.Context, endpoint *url.URL, hint string) (*ResourceMetadata, error) {
	m := new(ResourceMetadata)
	u := *endpoint
	u.Path = "/.well-known/oauth-protected-resource" + u.Path
	err := p.get(ctx, u.String(), m)
	if err == nil && m.Resource != endpoint.String() {
		err = &Error{Kind: KindMetadata, Err: errors.New("mismatch")}
	}
	return m, err
}

func (p plainWeb) server(ctx context.Context, issuer string, fallback bool) (*ServerMetadata, error) {
	m := new(ServerMetadata)
	return m, p.get(ctx, issuer+"/.well-known/oauth-authorization-server", m)
}

func (p plainWeb) register(ctx context.Context, s *ServerMetadata, redirect string) (*registered, error) {
	if r := p.c.cfg.Registration; r.ClientID != "" {
		return &registered{clientID: r.ClientID, secret: r.ClientSecret, authMethod: r.AuthMethod, issuer: s.Issuer}, nil
	}
	body, _ := json.Marshal(map[string]any{"redirect_uris": []string{redirect}})
	req, _ := http.NewRequestWithContext(ctx, "POST", s.RegistrationEndpoint, strings.NewReader(string(body)))
	req.Header.Set("Content-Type", "application/json")
	a, err := p.do(req)
	if err != nil {
		return nil, err
	}
	var v struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
		Auth   string `json:"token_endpoint_auth_method"`
	}
	err = json.Unmarshal(a.body, &v)
	return &registered{clientID: v.ID, secret: v.Secret, authMethod: v.Auth, redirectURIs: []string{redirect}, issuer: s.Issuer}, err
}

func (p plainWeb) postForm(ctx context.Context, u string, form url.Values, header http.Header) (*answer, error) {
	req, _ := http.NewRequestWithContext(ctx, "POST", u, strings.NewReader(form.Encode()))
	req.Header = header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(req)
}

func wire(c *Client) {
	p := plainWeb{c}
	c.discovery, c.registrar, c.fetcher = p, p, p
}
