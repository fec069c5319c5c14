package mcpclient

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
)

// Extension is an extension of the protocol that the client supports (2026-07-28, "Extension
// Negotiation"). The client declares it to servers of both eras, and declares no others.
//
// The extensions that the server declares are in [Session.Capabilities], by their identifiers.
// Unless [Options].Strict is set, the client does not require that the server declares an extension
// before it uses it.
type Extension struct {
	// ID identifies the extension: a prefix and a name, such as "io.modelcontextprotocol/ui".
	ID string
	// Settings is what the client declares for the extension. It encodes to a JSON object; nil is
	// the empty object.
	Settings any
	// Since is the oldest protocol revision that has the extension, such as "2026-07-28". In a
	// session with an older revision, the client does not declare or use the extension. If Since is
	// empty, every revision has it.
	Since string
	// Claims are the types of results that the extension adds. A result of a type that no extension
	// claims fails its call with [KindProtocol] and the outcome [Unknown].
	Claims []Claim
	// Names holds the requests of the extension that name something, and the string parameter that
	// names it, such as {"tasks/get": "taskId"}. [Session.Request] sends a modern server the value
	// of that parameter in the header Mcp-Name. Methods of the protocol itself are not allowed.
	Names map[string]string
	// Notifications holds the handlers of the extension's notifications, by method. They run like
	// the notification handlers of [Handlers], and [Handlers].Notification does not receive these
	// notifications. A legacy session opens its shared stream for them. params are as received, nil
	// for a notification without parameters. Methods of the protocol itself are not allowed.
	Notifications map[string]func(ctx context.Context, s *Session, params json.RawMessage)
}

// capabilities returns the client capabilities to declare: those of the handlers, and the
// extensions that the revision has.
func (o *Options) capabilities(era Era, version string) mcp.ClientCapabilities {
	c := o.Handlers.capabilities(era)
	for i := range o.Extensions {
		e := &o.Extensions[i]
		if version < e.Since {
			continue
		}
		if c.Extensions == nil {
			c.Extensions = make(map[string]any)
		}
		c.Extensions[e.ID] = e.Settings
	}
	return c
}

// uses reports whether a session uses an extension in the given state: the revision has the
// extension and, if the session is strict, the server declared it.
func (s *Session) uses(e *Extension, state *sessionState) bool {
	if state.version < e.Since {
		return false
	}
	_, declared := state.capabilities.Extensions[e.ID]
	return declared || !s.opts.Strict
}

// notifies reports whether a session state has notifications of extensions.
func (s *Session) notifies(state *sessionState) bool {
	for i := range s.opts.Extensions {
		if e := &s.opts.Extensions[i]; len(e.Notifications) > 0 && s.uses(e, state) {
			return true
		}
	}
	return false
}

// addedNotification reports whether a notification belongs to an extension.
func (s *Session) addedNotification(method string) bool {
	for i := range s.opts.Extensions {
		if s.opts.Extensions[i].Notifications[method] != nil {
			return true
		}
	}
	return false
}

// handlesNotification reports whether a notification that is not one of the protocol itself may have
// a handler.
func (s *Session) handlesNotification(method string) bool {
	return s.opts.Handlers.Notification != nil || s.addedNotification(method)
}

// deliverNotification passes a notification that is not one of the protocol itself to its handler:
// that of the extension that it belongs to, else Handlers.Notification.
func (s *Session) deliverNotification(ctx context.Context, method string, params json.RawMessage) {
	state := s.now.Load()
	for i := range s.opts.Extensions {
		e := &s.opts.Extensions[i]
		if h := e.Notifications[method]; h != nil && s.uses(e, state) {
			h(ctx, s, params)
			return
		}
	}
	if h := s.opts.Handlers.Notification; h != nil {
		h(ctx, s, method, params)
	}
}

// mirrorNamed finds the parameter of an extension's request that must be mirrored into Mcp-Name. If
// it is missing or not a string, the server reports that.
func (c *call) mirrorNamed() {
	for i := range c.s.opts.Extensions {
		parameter, is := c.s.opts.Extensions[i].Names[c.msg.method]
		if !is {
			continue
		}
		var name *string
		if json.Unmarshal(member(c.msg.params, parameter), &name) == nil && name != nil {
			c.msg.name, c.msg.hasName = *name, true
		}
	}
}
