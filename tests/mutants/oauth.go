package main

import "slices"

// oauthMutants are defects of packages oauth, filestore and loopback.
func oauthMutants() []mutant {
	return slices.Concat(oauthDiscovery(), oauthTolerance(), oauthLogin(), oauthRedirects(), oauthFallbacks(), oauthTokens(), oauthRequests(),
		oauthSDKs(), oauthEgress(), oauthStore(), oauthLoopback())
}

// oauthDiscovery are defects in discovering the authorization server.
func oauthDiscovery() []mutant {
	return []mutant{
		{
			name: "oauth: metadata of another issuer is used", file: "oauth/discoverserver.go",
			old: `if !sameIssuer(m.Issuer, issuer) {`, new: `if m.Issuer == "" {`,
			test: "TestServerMetadata",
		},
		{
			name: "oauth: an issuer with a slash after its path is another issuer", file: "oauth/issuer.go",
			old: `!strings.ContainsAny(host, "/?#")`, new: `host != "?"`,
			test: "TestSameIssuer",
		},
		{
			name: "oauth: metadata of another resource does not end the search", file: "oauth/search.go",
			old: `errors.As(err, &e) && !e.isOther ||`, new: `errors.As(err, &e) && e.isOther ||`,
			test: "TestResourceMetadata",
		},
		{
			name: "oauth: default endpoints are used after a 401", file: "oauth/discover.go",
			old: `if resource.refused {`, new: `if resource.refused && server.Issuer == "" {`,
			test: "TestOriginAfter401NeedsMetadata",
		},
		{
			name: "oauth: default endpoints are used although a challenge names metadata", file: "oauth/discoverresource.go",
			old: `if len(hints) > 0 || !tried`, new: `if !tried`,
			test: "TestResourceMetadata",
		},
		{
			name: "oauth: a member that protects is ignored if its type is wrong", file: "oauth/tolerant.go",
			old: `"token_endpoint", "authorization_response_iss_parameter_supported"}`, new: `"token_endpoint"}`,
			test: "TestMembersOfAWrongType",
		},
		{
			name: "oauth: a token that must be bound is used as a bearer token", file: "oauth/tokenrequest.go",
			old: `case req.bound:`, new: `case req.bound && r.Access == "":`,
			test: "DPoP|TestTokenReplies",
		},
		{
			name: "oauth: metadata of another resource is used", file: "oauth/discoverresource.go",
			old: `case !coversEndpoint(m.Resource, endpoint):`, new: `case m.Resource == "":`,
			test: "TestMetadataOfAnotherResourceIsNotUsed",
		},
		{
			name: "oauth: credentials follow the resource to another authorization server", file: "oauth/discover.go",
			old: `if pinned != "" {`, new: `if pinned == named[0] {`,
			test: "TestIssuerIsChosen",
		},
		{
			name: "oauth: a server may name an endpoint at a forbidden address", file: "oauth/discoverserver.go",
			old: `d.fetcher.egress.parse(endpoint); err != nil {`, new: `d.fetcher.egress.parse(endpoint); isNoDocument(err) {`,
			test: "TestServerMetadata",
		},
	}
}

// oauthTolerance are defects of the checks beside what the package tolerates.
func oauthTolerance() []mutant {
	return []mutant{
		{
			name: "oauth: a token is obtained for a resource over plain http", file: "oauth/authorize.go",
			old: `c.checkExposed("authorize"); err != nil {`, new: `c.checkExposed("authorize"); err != nil && len(a.hints) == 0 {`,
			test: "TestNoTokenInTheClear",
		},
		{
			name: "oauth: a stored token is sent over plain http", file: "oauth/roundtrip.go",
			old: ` || t.client.fetcher.egress.exposed {`, new: ` {`,
			test: "TestNoTokenInTheClear",
		},
		{
			name: "oauth: a call is sent again after a 401 with its result", file: "oauth/body.go",
			old: `isReply && reply.Result != nil`, new: `isReply && reply.Result == nil`,
			test: "TestNoResendOfACallWithAResult",
		},
		{
			name: "oauth: a call is sent again after a 401 with events", file: "oauth/body.go",
			old: `media == "text/event-stream" && len(d.text) > 0 ||`, new: `media == "" && len(d.text) < 0 ||`,
			test: "TestNoResendOfACallWithAResult",
		},
		{
			name: "oauth: another SDK's call is sent again after a 401 with its result", file: "oauth/loginroundtripper.go",
			old: `if detach(resp); mayHaveRun(resp) {`, new: `if detach(resp); resp.Body == nil {`,
			test: "TestNoResendUnderAnotherSDK",
		},
		{
			name: "oauth: a flood of callbacks fills the log", file: "oauth/flow.go",
			old: `if n <= maxNotes {`, new: `if n > 0 {`,
			test: "TestFloodOfCallbacks",
		},
		{
			name: "oauth: a promise of iss is forgotten in the next document", file: "oauth/discoverserver.go",
			old: `m.IssuerInResponse = promised`, new: `_ = promised`,
			test: "TestPromiseOfIssInAnyDocument",
		},
		{
			name: "oauth: assertions for one server are sent to another", file: "oauth/clients.go",
			old: `(assertion || replayable)`, new: `(assertion || replayable && c.cfg.Grant != nil)`,
			test: "TestCredentialsStayWithTheirServer",
		},
		{
			name: "oauth: invalid granted scopes are kept", file: "oauth/tolerant.go",
			old: `append([]string{}, validScopes(list)...)`, new: `list`,
			test: "TestGrantedScopesAreValid",
		},
	}
}

// oauthLogin are defects of the authorization code grant.
func oauthLogin() []mutant {
	return []mutant{
		{
			name: "oauth: a redirect URI at another host is accepted", file: "oauth/register.go",
			old: `strings.EqualFold(a.Hostname(), b.Hostname())`, new: `a.Hostname() != ""`,
			test: "TestSameRedirect",
		},
		{
			name: "oauth: the code challenge is omitted", file: "oauth/authparams.go",
			old: `options = append(options, oauth2.S256ChallengeOption(f.verifier))`, new: ``,
			test: "TestAuthorizationRequest",
		},
		{
			name: "oauth: a server that does not support PKCE is used", file: "oauth/flow.go",
			old: `!at.server.supportsPKCE()`, new: `at.server.from == "?"`,
			test: "TestLoginIsRefused",
		},
		{
			name: "oauth: a callback with any state is accepted", file: "oauth/flow.go",
			old: `[]byte(f.state)) != 1 {`, new: `[]byte(f.state)) > 1 {`,
			test: "TestForeignCallbacksAndDuplicates",
		},
		{
			name: "oauth: a callback from another issuer is accepted", file: "oauth/flow.go",
			old:  `case present && issuer[0] != server.Issuer && issuer[0] != cmp.Or(server.named, server.Issuer):`,
			new:  `case present && issuer[0] == cmp.Or("", ""):`,
			test: "TestCallbackIsJudged",
		},
		{
			name: "oauth: a callback without the required issuer is accepted", file: "oauth/flow.go",
			old: `case !present && server.IssuerInResponse:`, new: `case !present && server.Issuer == "":`,
			test: "TestCallbackIsJudged",
		},
		{
			name: "oauth: the browser opens a URL with any scheme", file: "oauth/flow.go",
			old:  `case u.Scheme == "https", u.Scheme == "http" && (insecure || httprule.IsLoopback(u.Hostname())):`,
			new:  `case u.Scheme != "", httprule.IsLoopback(u.Hostname()):`,
			test: "TestAuthorizationURLs",
		},
		{
			name: "oauth: a call made after a failed login shares its result", file: "oauth/known.go",
			old: `began.Equal(f.until) && f.from.Equal(f.until))`, new: `began.Equal(f.until))`,
			test: "TestCallRightAfterAFailedLogin",
		},
		{
			name: "oauth: the registration is kept after a login without a callback", file: "oauth/flow.go",
			old: `if who != nil && !started {`, new: `if who != nil && started {`,
			test: "TestRegistrationIsForgotten",
		},
		{
			name: "oauth: a user who declined is prompted again", file: "oauth/known.go",
			old: `k.declined = declinedAll`, new: `k.declined = declinedNothing`,
			test: "TestHundredRefusalsPromptOnceIfDeclined",
		},
	}
}

// oauthRedirects are defects in the redirect URI and the parameters of a login.
func oauthRedirects() []mutant {
	return []mutant{
		{
			name: "oauth: AuthParams may replace state and scope", file: "oauth/authparams.go",
			old: `case slices.Contains(protectedParams, plainParam(name)):`, new: `case slices.Contains(protectedParams[:3], plainParam(name)):`,
			test: "TestProtectedParams|TestSentParamsAreProtected",
		},
		{
			name: "oauth: another spelling of a protected parameter is accepted", file: "oauth/authparams.go",
			old: `slices.Contains(protectedParams, plainParam(name))`, new: `slices.Contains(protectedParams, name)`,
			test: "TestProtectedParams",
		},
		{
			name: "oauth: a callback at any path is accepted", file: "oauth/callback.go",
			old: `got != want {`, new: `got == "" {`,
			test: "TestMixUp|TestPathOfCallback",
		},
		{
			name: "oauth: all servers get the same redirect path", file: "oauth/callback.go",
			old: `[]byte(plainIssuer(issuer))`, new: `[]byte(issuer[:4])`,
			test: "TestMixUp|TestFirstRedirect",
		},
	}
}

// oauthFallbacks are defects in the fallbacks of registration, client authentication and renewal.
func oauthFallbacks() []mutant {
	return []mutant{
		{
			name: "oauth: a secret is sent in a form that the server does not advertise", file: "oauth/workaround.go",
			old: `if method != used && req.at.server.advertises(method) {`, new: `if method != used {`,
			test: "TestOtherMethod",
		},
		{
			name: "oauth: a remembered method is used although the server no longer advertises it", file: "oauth/workaround.go",
			old: `if method == "" || !server.advertises(method) {`, new: `if method == "" {`,
			test: "TestWorkaroundIsForgotten",
		},
		{
			name: "oauth: a step-up uses a registration without its scopes", file: "oauth/clients.go",
			old: `return !r.limited || contains(r.scopes, scopes)`, new: `return true`,
			test: "TestStepUpRegistersFirst",
		},
		{
			name: "oauth: a client registers without its scopes", file: "oauth/register.go",
			old: `Scope: strings.Join(scopes, " "),`, new: ``,
			test: "TestClientRegistersWithItsScopes",
		},
		{
			name: "oauth: a login registers again after it has registered", file: "oauth/login.go",
			old: `t.registered = t.registered || who.isNew`, new: ``,
			test: "TestRefusedScopes",
		},
		{
			name: "oauth: offline_access is omitted although it works", file: "oauth/login.go",
			old: `if tried.last == dropOffline {`, new: `if tried.last != "" {`,
			test: "TestRefusedScopes",
		},
		{
			name: "oauth: an outage makes the client prompt the user", file: "oauth/failing.go",
			old: `return e.Status == http.StatusInternalServerError ||`, new: `return e.Status >= http.StatusInternalServerError ||`,
			test: "TestTemporaryFailureKeepsTheLogin",
		},
		{
			name: "oauth: one failed refresh makes the client prompt the user", file: "oauth/failing.go",
			old: `if !f.isLasting(now) {`, new: `if f.Count == 0 {`,
			test: "TestTemporaryFailureKeepsTheLogin",
		},
		{
			name: "oauth: each call prompts the user while the refresh fails", file: "oauth/authorize.go",
			old: `cur.forgive()`, new: ``,
			test: "TestFailedLoginIsNotRepeatedAtOnce",
		},
		{
			name: "oauth: a client falls back from its key to a secret", file: "oauth/workaround.go",
			old: `|| who.method(server, r.Key) == authPrivateKey`, new: `|| r.MetadataURL != ""`,
			test: "TestOtherMethod",
		},
		{
			name: "oauth: a refused code is sent again", file: "oauth/workaround.go",
			old: `case codeInvalidGrant, codeInvalidScope,`, new: `case codeInvalidScope,`,
			test: "TestOtherMethod",
		},
	}
}

// oauthTokens are defects in storing and renewing tokens.
func oauthTokens() []mutant {
	return []mutant{
		{
			name: "oauth: each caller starts a separate login", file: "internal/singleflight/singleflight.go", pkg: "oauth",
			old: `if g.last != nil && g.last.number >= min(ended, now) {`, new: `if g.last != nil && g.last.number >= ended {`,
			test: "TestHundredCallsWithoutATokenLogInOnce",
		},
		{
			name: "oauth: a refresh ends with the caller that started it", file: "oauth/renew.go",
			old: `c.join(&c.renewal, c.renewLimit(), c.renewing(old, refusal))`,
			new: `c.join(&c.renewal, c.renewLimit(), func(_ context.Context, w *work) error {
			return c.renewing(old, refusal)(ctx, w)
		})`,
			test: "TestCancelLosesNoRotatedToken",
		},
		{
			name: "oauth: a rotated refresh token is not replaced", file: "oauth/renew.go",
			old: `if next.Refresh == "" {`, new: `if old.Refresh != "" {`,
			test: "TestOldRefreshTokenIsKeptIfThereIsNoNewOne",
		},
		{
			name: "oauth: a token is refreshed without the lease", file: "oauth/renew.go",
			old: `c.store.Lease(ctx, key, c.leaseLimit()+saveLimit)`, new: `func() {}, error(nil)`,
			test: "TestProcessesShareRotatingTokens",
		},
		{
			name: "oauth: a new token is used before it is saved", file: "oauth/renew.go",
			old: `err := c.save(ctx, key, next.tokenRecord, version)`, new: `c.held.Store(next)
	err := c.save(ctx, key, next.tokenRecord, version)`,
			test: "TestTokenIsSavedBeforeItIsUsed",
		},
		{
			name: "oauth: a new token is lost when the refresh runs out of time", file: "oauth/renew.go",
			old: `context.WithTimeout(context.WithoutCancel(ctx), saveLimit)`, new: `context.WithTimeout(ctx, saveLimit)`,
			test: "TestSavingHasItsOwnTimeLimit",
		},
		{
			name: "oauth: an expired token is used", file: "oauth/token.go",
			old: `case left <= min(maxExpiryMargin, lifetime/10):`, new: `case left <= -lifetime:`,
			test: "TestFreshness",
		},
		{
			name: "oauth: a token of another client is used", file: "oauth/stored.go",
			old: `r.ClientID != c.cfg.Registration.ClientID:`, new: `r.ClientID == "":`,
			test: "TestTokenOfAnotherClientIsNotUsed",
		},
		{
			name: "oauth: a lock is held during the token request", file: "internal/singleflight/singleflight.go", pkg: "oauth",
			old: `	run()
		g.ended`, new: `	g.mu.Lock()
		run()
		g.mu.Unlock()
		g.ended`,
			test: "TestLocksAreFreeDuringATokenRequest",
		},
	}
}

// oauthRequests are defects in sending requests and in reading and reporting responses.
func oauthRequests() []mutant {
	return []mutant{
		{
			name: "oauth: a token is sent to another origin", file: "oauth/roundtrip.go",
			old: `own || !t.client.covers(req.URL) ||`, new: `own ||`,
			test: "TestTokenIsSentToOneOriginOnly",
		},
		{
			name: "oauth: a token is sent to another port", file: "internal/httprule/httprule.go", pkg: "oauth",
			old: `&& port(a) == port(b)`, new: ``,
			test: "TestTokenIsSentToOneOriginOnly",
		},
		{
			name: "oauth: the body of a 401 is read without limit", file: "oauth/body.go",
			old: `io.LimitReader(body, maxRefusedBody+1)`, new: `body`,
			test: "TestDetachBoundsTheBody",
		},
		{
			name: "oauth: a cut body of a 401 ends without an error", file: "oauth/body.go",
			old: `if err == io.EOF && d.err != nil {`, new: `if err == nil && d.err != nil {`,
			test: "TestDetachBoundsTheBody",
		},
		{
			name: "oauth: a document is read without limit", file: "oauth/fetch.go",
			old: `io.LimitReader(resp.Body, maxDocument+1)`, new: `resp.Body`,
			test: "TestLongDocumentIsNotReadOn",
		},
		{
			name: "oauth: a token is not remembered for masking", file: "oauth/roundtrip.go",
			old: `x.t.client.sent.note(tok)`, new: `_ = tok`,
			test: "TestEchoedTokenIsMasked",
		},
		{
			name: "a type with secrets prints its strings", file: "internal/redact/print.go",
			old: `case !open:`, new: `case false:`,
			test: "TestNoSecretIsPrinted", pkg: "tests/redaction",
		},
		{
			name: "oauth: errors show the query of a URL", file: "oauth/issuer.go",
			old: `Path: u.Path, RawPath: u.RawPath}`, new: `Path: u.Path, RawQuery: u.RawQuery}`,
			test: "TestRefusalsNameTheirEvidence",
		},
		{
			name: "oauth: an error contains a secret", file: "oauth/tokenrequest.go",
			old: `redact.Clean(redact.Mask(reply.Description, secrets), maxDescription)`, new: `redact.Clean(reply.Description, maxDescription)`,
			test: "TestNoSecretIsShown",
		},
	}
}

// oauthEgress are defects that allow requests to forbidden addresses.
func oauthEgress() []mutant {
	return []mutant{
		{
			name: "oauth: the redirect of a POST is followed", file: "oauth/fetch.go",
			old: `if err == nil && a.status/100 == 3 {`, new: `if err == nil && a.status/100 == 3 {
		if to, err := u.Parse(a.header.Get("Location")); err == nil && to.Path != u.Path {
			return f.post(ctx, op, to, v, contentType, body, header)
		}`,
			test: "TestPostIsNotRedirected",
		},
		{
			name: "oauth: a redirect to another origin is followed", file: "oauth/fetch.go",
			old: `case !httprule.SameOrigin(from, to):`, new: `case to.Host == "":`,
			test: "TestRedirects",
		},
		{
			name: "oauth: a public resource leads into a private network", file: "oauth/egress.go",
			old: `case class == netclass.Private && !allowed && !e.private:`, new: `case class == netclass.Private && !allowed && e.private:`,
			test: "TestEgress",
		},
		{
			name: "oauth: AllowPrivate opens metadata services", file: "oauth/egress.go",
			old: `case class == netclass.Never:`, new: `case class == netclass.Never && !e.private:`,
			test: "TestAllowPrivateAllowsNoMore",
		},
		{
			name: "oauth: the addresses of a name are not checked", file: "oauth/egress.go",
			old: `transport.WithDialGuard(ctx, v.judge)`, new: `transport.WithDialGuard(ctx, func(netip.AddrPort) error { return nil })`,
			test: "TestWhereNamesMayLead",
		},
	}
}

// oauthStore are defects in storing tokens in files.
func oauthStore() []mutant {
	const dir = "oauth/filestore/"
	return []mutant{
		{
			name: "filestore: other users can read the tokens", file: "internal/sharedfile/sharedfile.go", pkg: "oauth/filestore",
			old: `f.Chmod(0o600)`, new: `f.Chmod(0o644)`,
			test: "TestOtherUsersHaveNoAccess",
		},
		{
			name: "filestore: a directory that other users can read is used", file: dir + "access_unix.go",
			old: `case mode&0o077 != 0:`, new: `case mode&0o022 != 0:`,
			test: "TestJudge",
		},
		{
			name: "filestore: a lease is released immediately", file: dir + "store.go",
			old: `return sync.OnceFunc(unlock), nil`, new: `unlock()
	return sync.OnceFunc(func() {}), nil`,
			test: "TestTwelveClientsRefreshOnce",
		},
		{
			name: "filestore: a newer value is overwritten", file: dir + "store.go",
			old: `case r.Version != version:
			return oauth.ErrConflict
		}
		return write(`, new: `case r.Version == "" && version != "":
			return oauth.ErrConflict
		}
		return write(`,
			test: "TestContract",
		},
		{
			name: "filestore: a value of another key is returned", file: dir + "record.go",
			old: `case r.Key != asJSON(key):`, new: `case r.Key == "":`,
			test: "TestDamagedFile",
		},
		{
			name: "filestore: a lock follows a symbolic link", file: "internal/sharedfile/system_unix.go", pkg: "oauth/filestore",
			old: `const noFollow = syscall.O_NOFOLLOW`, new: `const noFollow = 0 * syscall.O_NOFOLLOW`,
			test: "TestSymbolicLinks",
		},
	}
}

// oauthLoopback are defects in receiving the callback from the browser.
func oauthLoopback() []mutant {
	const dir = "oauth/loopback/"
	return []mutant{
		{
			name: "loopback: a callback for a foreign host is accepted", file: dir + "visit.go",
			old: `case !v.isHost(r.Host):`, new: `case r.Host == "":`,
			test: "TestWhatIsNotACallback",
		},
		{
			name: "loopback: a callback at another path is accepted", file: dir + "visit.go",
			old: `case r.URL.Path != v.path && !isDone && r.URL.Query().Has("state"):
		v.show(w, astrayPage)
	case r.URL.Path != v.path && !isDone:`, new: `case r.URL.Path == "":`,
			test: "TestCallbackAtAnotherPath|TestMixUp",
		},
		{
			name: "loopback: all servers get the same path", file: dir + "listen.go",
			old: `cmp.Or(l.Path, pathOf(proposed), defaultPath)`, new: `cmp.Or(l.Path, defaultPath)`,
			test: "TestMixUp|TestProposedPath",
		},
		{
			name: "loopback: a foreign callback ends the login", file: dir + "visit.go",
			old: `if errors.Is(err, oauth.ErrForeignCallback) {
		return`, new: `if errors.Is(err, errOver) {
		return`,
			test: "TestForeignCallback",
		},
		{
			name: "loopback: other machines can reach the callback", file: dir + "listen.go",
			old: `if err != nil || !addr.IsLoopback() ||`, new: `if err != nil ||`,
			test: "TestHosts",
		},
		{
			name: "loopback: success is shown before the code is exchanged", file: dir + "visit.go",
			old: `v.show(w, nothingPage)
		return`, new: `v.show(w, endPage(nil))
		return`,
			test: "TestSuccessIsShownAfterTheExchange|TestWhatIsNotACallback",
		},
	}
}
