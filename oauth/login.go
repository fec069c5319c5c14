package oauth

import (
	"context"
	"errors"
	"slices"
)

// login runs Config.Login, saves the token and makes it current. If the server refuses the scopes,
// login runs Config.Login again with what may work instead.
func (c *Client) login(ctx context.Context, at *target) error {
	ctx, stop := context.WithTimeoutCause(ctx, c.cfg.LoginTimeout, errLoginTimeout)
	defer stop()
	defer context.AfterFunc(c.closing, stop)()
	var tried fallbacks
	for {
		mine := *at
		if tried.withoutOffline {
			mine.scopes = withoutOffline(mine.scopes)
		}
		f, err := c.newFlow(ctx, &mine, tried.last == registerAgain)
		if err != nil {
			return err
		}
		tok, err := c.loginOnce(ctx, f)
		if err == nil {
			if tried.last == dropOffline {
				c.remember(ctx, tok.Issuer, tok.ClientID, func(w *workaround) { w.NoOffline = true })
			}
			c.install(context.WithoutCancel(ctx), tok)
			return nil
		}
		if !tried.next(f, err) {
			return err
		}
		c.log.Info("the authorization server refused the scopes; the login begins again", "issuer", at.server.Issuer, "change", tried.last)
	}
}

// fallbacks are what a login has tried after the server refused its scopes. Each is tried at most
// once.
type fallbacks struct {
	withoutOffline bool
	registered     bool // a registration was made
	last           fallback
}

type fallback string

const (
	dropOffline   fallback = "without offline_access"
	registerAgain fallback = "new registration"
)

// next chooses the next fallback after a login ended with err. It returns false if there is none. A
// registration that was made for fewer scopes is replaced first: it is the likeliest reason.
func (t *fallbacks) next(f *flow, err error) bool {
	f.mu.Lock()
	who := f.who
	f.mu.Unlock()
	if codeOf(err) != codeInvalidScope || who == nil {
		return false
	}
	t.registered = t.registered || who.isNew
	canDrop := !t.withoutOffline && slices.Contains(f.at.scopes, scopeOffline)
	canRegister := !t.registered && f.c.isDynamic(f.at.server) && len(f.at.scopes) > 0
	switch {
	case canRegister && (!canDrop || !contains(who.scopes, f.at.scopes)):
		t.registered, t.last = true, registerAgain
	case canDrop:
		t.withoutOffline, t.last = true, dropOffline
	default:
		return false
	}
	return true
}

// withoutOffline returns the scopes without offline_access.
func withoutOffline(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == scopeOffline })
}

// loginOnce runs Config.Login once and returns the token. The flow's registration is forgotten if no
// callback arrived.
func (c *Client) loginOnce(ctx context.Context, f *flow) (*token, error) {
	err := c.cfg.Login.Login(ctx, f)
	tok, flowErr := f.end()
	f.forgetUnused(ctx)
	switch {
	case tok != nil:
		if err != nil {
			c.log.Info("login completed, but Login returned an error", "error", err)
		}
		tok.anew = true
		return tok, nil
	case c.closing.Err() != nil:
		return nil, &Error{Kind: KindClosed, Op: "log in", Err: ErrClosed}
	case flowErr != nil:
		err = flowErr
	case err == nil:
		err = errors.New("Login returned before the login was complete")
	case ctx.Err() != nil && !errors.Is(err, ErrDeclined):
		err = f.explain(context.Cause(ctx))
	}
	var typed *Error
	switch {
	case errors.As(err, &typed):
		return nil, err
	case errors.Is(err, ErrDeclined):
		return nil, &Error{Kind: KindDeclined, Op: "log in", Err: err}
	}
	return nil, &Error{Kind: KindLogin, Op: "log in", Err: err}
}
