package oauth

// ResourceMetadata is the metadata of a protected resource (RFC 9728 section 2).
type ResourceMetadata struct {
	Resource               string   `json:"resource"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
	ResourceName           string   `json:"resource_name"`
	DPoPAlgorithms         []string `json:"dpop_signing_alg_values_supported"`
	DPoPRequired           bool     `json:"dpop_bound_access_tokens_required"`

	// Guessed says that the resource has no metadata: it predates revision 2025-06-18, and its
	// authorization server is its own origin.
	Guessed bool `json:"-"`
}

// ServerMetadata is the metadata of an authorization server (RFC 8414 section 2, OpenID Connect
// Discovery 1.0 section 3).
type ServerMetadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	ScopesSupported       []string `json:"scopes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	GrantProfiles         []string `json:"authorization_grant_profiles_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	DPoPAlgorithms        []string `json:"dpop_signing_alg_values_supported"`
	ClientIDMetadata      bool     `json:"client_id_metadata_document_supported"`
	IssuerInResponse      bool     `json:"authorization_response_iss_parameter_supported"`

	// Guessed says that the server has no metadata, and that the endpoints are the defaults of
	// revision 2025-03-26.
	Guessed bool `json:"-"`
}
