package main

// oauthSDKs are defects in serving clients of other SDKs, and in tokens that the user has already.
func oauthSDKs() []mutant {
	return []mutant{
		{
			name: "oauth: a 401 of another origin starts a login", file: "oauth/loginroundtripper.go",
			old: `own || !t.client.covers(req.URL) ||`, new: `own ||`,
			test: "TestLoginRoundTripperLeavesOthersAlone",
		},
		{
			name: "oauth: a request logs in without limit", file: "oauth/loginroundtripper.go",
			old: `if logins == maxLogins {`, new: `if logins == 10*maxLogins {`,
			test: "TestLoginRoundTripperIsBounded",
		},
		{
			name: "oauth: a stream prompts again and again after a failed login", file: "oauth/loginroundtripper.go",
			old: `c.known.failure(); err != nil {`, new: `c.known.failure(); err != nil && logins > 0 {`,
			test: "TestLoginRoundTripperReads",
		},
		{
			name: "oauth: the end of a session prompts the user", file: "oauth/loginroundtripper.go",
			old: `|| req.Method == http.MethodDelete {`, new: `{`,
			test: "TestLoginRoundTripperDelete",
		},
		{
			name: "oauth: a step-up is refused to a token that lacks its scopes", file: "oauth/known.go",
			old: `contains(cur.Requested, a.scopes) && k.steps`, new: `k.steps`,
			test: "TestStepUpAgainAfterALogin",
		},
		{
			name: "oauth: a refused token is taken from its source again", file: "oauth/source.go",
			old: `if old == nil || old.Access != next.Access {`, new: `if old == nil || next.Access != "" {`,
			test: "TestSourceWithoutAnotherToken",
		},
		{
			name: "oauth: a source that blocks holds a request", file: "oauth/source.go",
			old: `call.Wait(ctx, context.Background())`, new: `call.Wait(context.WithoutCancel(ctx), context.Background())`,
			test: "TestSourceThatBlocks",
		},
		{
			name: "oauth: the error of a source contains a response body", file: "oauth/source.go",
			old: `e.Err = redact.Reworded(err, text)`, new: `e.Err = err`,
			test: "TestSourceErrors",
		},
		{
			name: "oauth: a token with line breaks is sent", file: "oauth/source.go",
			old: `given == nil || !isVisible(given.AccessToken)`, new: `given == nil || given.AccessToken == ""`,
			test: "TestSourceErrors",
		},
		{
			name: "oauth: a bound token is handed out as a bearer token", file: "oauth/tokensource.go",
			old: `case tok.key != nil:`, new: `case tok.key != nil && tok.Access == "":`,
			test: "TestTokenSourceRefusesBoundTokens",
		},
	}
}
