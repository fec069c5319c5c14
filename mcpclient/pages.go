package mcpclient

import (
	"context"
	"iter"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// list describes one of the server's lists: how to request and decode it.
type list[T any] struct {
	method string
	items  wire.List[T]
	key    func(item *T) string // what identifies an item in the list
	// learn remembers the items of a page and moves unusable ones to Invalid. If learn is nil, all
	// items are usable.
	learn func(ctx context.Context, s *Session, page *Page[T], from learning)
}

// learning says where the page that the session learns from comes from.
type learning struct {
	modern bool // the session is modern
	server bool // the server sent the page, not an interceptor
}

var (
	toolList = list[Tool]{
		method: methodListTools, items: wire.List[Tool]{Member: "tools", Item: readTool}, learn: learnTools,
		key: func(t *Tool) string { return t.Name },
	}
	promptList = list[Prompt]{
		method: methodListPrompts, items: wire.List[Prompt]{Member: "prompts", Item: readPrompt},
		key: func(p *Prompt) string { return p.Name },
	}
	resourceList = list[Resource]{
		method: methodListResources, items: wire.List[Resource]{Member: "resources", Item: readResource},
		key: func(r *Resource) string { return r.URI },
	}
	templateList = list[ResourceTemplate]{
		method: methodListTemplates, items: wire.List[ResourceTemplate]{Member: "resourceTemplates", Item: readTemplate},
		key: func(t *ResourceTemplate) string { return t.RawURITemplate },
	}
)

// Tools yields the server's tools. It requests each page when the loop reaches it. If a request for
// a page fails, the loop ends after yielding the error. Each range over the result starts at the
// first page.
func (s *Session) Tools(ctx context.Context, opts ...CallOption) iter.Seq2[Tool, error] {
	return toolList.walk(ctx, s, opts)
}

// AllTools returns the tools of all pages, and the items of the list that could not be decoded.
// Like [Session.Tools], it leaves out tools with invalid x-mcp-header annotations. If it returns an
// error, the list is incomplete and both results are nil.
func (s *Session) AllTools(ctx context.Context, opts ...CallOption) ([]Tool, []InvalidItem, error) {
	return toolList.all(ctx, s, opts)
}

// ListTools returns one page of the server's tools. A nil cursor requests the first page. To
// request the next page, pass the NextCursor of the last one; it is nil on the last page.
//
// For a modern server, it leaves out and logs tools whose x-mcp-header annotations are invalid, as
// 2026-07-28 requires.
func (s *Session) ListTools(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Tool], error) {
	return toolList.page(ctx, s, cursor, opts)
}

// Prompts yields the server's prompts. It works like [Session.Tools].
func (s *Session) Prompts(ctx context.Context, opts ...CallOption) iter.Seq2[Prompt, error] {
	return promptList.walk(ctx, s, opts)
}

// ListPrompts returns one page of the server's prompts; see [Session.ListTools].
func (s *Session) ListPrompts(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Prompt], error) {
	return promptList.page(ctx, s, cursor, opts)
}

// Resources yields the server's resources. It works like [Session.Tools].
func (s *Session) Resources(ctx context.Context, opts ...CallOption) iter.Seq2[Resource, error] {
	return resourceList.walk(ctx, s, opts)
}

// ListResources returns one page of the server's resources; see [Session.ListTools].
func (s *Session) ListResources(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Resource], error) {
	return resourceList.page(ctx, s, cursor, opts)
}

// ResourceTemplates yields the server's resource templates. It works like [Session.Tools].
func (s *Session) ResourceTemplates(ctx context.Context, opts ...CallOption) iter.Seq2[ResourceTemplate, error] {
	return templateList.walk(ctx, s, opts)
}

// ListResourceTemplates returns one page of the server's resource templates; see
// [Session.ListTools].
func (s *Session) ListResourceTemplates(ctx context.Context, cursor *string, opts ...CallOption) (*Page[ResourceTemplate], error) {
	return templateList.page(ctx, s, cursor, opts)
}

// page requests one page. It logs the invalid items.
func (l *list[T]) page(ctx context.Context, s *Session, cursor *string, opts []CallOption) (*Page[T], error) {
	d := &wire.Page[T]{List: &l.items}
	c := s.newQuery(ctx, message{method: l.method, params: wire.PageParams(cursor)}, d, opts)
	c.pager = l
	if err := c.do(); err != nil {
		return nil, err
	}
	return c.value.(*Page[T]), nil
}

func (l *list[T]) empty() any { return new(Page[T]) }

// publish implements pager. It logs the invalid items. The session learns from the pages that the
// server sent. From a page that an interceptor provided, it learns only if the server sent none, and
// never that a tool is harmless.
func (l *list[T]) publish(d *delivery, fromServer bool) any {
	page, state := publicPage(d.result.(*wire.Page[T])), d.state
	if state == nil {
		state = d.s.now.Load()
	}
	if next := page.NextCursor; next != nil && *next == "" && !state.modern() {
		page.NextCursor = nil // many legacy servers send "" on the last page
	}
	for _, item := range page.Invalid {
		d.s.log.Warn("left out a list item that cannot be decoded", "method", l.method, "error", item.Err)
	}
	if l.learn != nil && (fromServer || !d.has) {
		l.learn(d.ctx, d.s, page, learning{state.modern(), fromServer})
	}
	if to, ok := d.value.(*Page[T]); ok {
		*to = *page
		return to
	}
	return page
}

// pages yields the pages of the list. It ends with an error if a page fails, if the server repeats
// a cursor (the list would never end), or at the limits of pages and items. Each range over it
// starts at the first page.
//
// If the server refuses a cursor, the walk starts again at the first page, once (2026-07-28,
// "Pagination"). pages then calls restart. If restart is nil, pages leaves out the items that it
// has already yielded.
//
// On a modern server, "" is a valid cursor, but some servers send it to mark the end. So pages uses
// it once. If the next page has only repeated items or also has the cursor "", the list has ended.
func (l *list[T]) pages(ctx context.Context, s *Session, opts []CallOption, restart func()) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		limits := &s.opts.Limits
		w := listWalk[T]{list: l}
		restarted, items := false, 0
		for pages := 1; ; pages++ {
			page, err := l.page(ctx, s, w.cursor, opts)
			if err != nil && w.cursor != nil && !restarted && refusesCursor(err) {
				s.log.Info("a list is read again from its first page", "method", l.method, "error", brief(err))
				restarted = true
				if w = (listWalk[T]{list: l, keys: w.keys, known: true}); restart != nil {
					restart()
					w, items = listWalk[T]{list: l}, 0
				}
				continue
			}
			if err != nil {
				yield(nil, err)
				return
			}
			last := w.take(page)
			over := len(page.Items) > limits.Items-items
			if over {
				page.Items = page.Items[:limits.Items-items]
			}
			items += len(page.Items)
			switch {
			case !yield(page, nil):
				return
			case over:
				yield(nil, l.tooMany("list items", limits.Items))
				return
			case last:
				return
			case pages >= limits.Pages:
				yield(nil, l.tooMany("list pages", limits.Pages))
				return
			}
			if !w.next(page) {
				reason := l.method + " repeats a cursor"
				yield(nil, l.failed(KindProtocol, &streamablehttp.ProtocolError{Reason: reason, Status: http.StatusOK}))
				return
			}
		}
	}
}

// walk yields the items of all pages. It fails like pages.
func (l *list[T]) walk(ctx context.Context, s *Session, opts []CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range l.pages(ctx, s, opts, nil) {
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// all returns the items and the invalid items of all pages. It fails like pages. Limits.Items also
// bounds the number of invalid items.
func (l *list[T]) all(ctx context.Context, s *Session, opts []CallOption) (items []T, invalid []InvalidItem, err error) {
	for page, err := range l.pages(ctx, s, opts, func() { items, invalid = nil, nil }) {
		if err != nil {
			return nil, nil, err
		}
		items = append(items, page.Items...)
		if invalid = append(invalid, page.Invalid...); len(invalid) > s.opts.Limits.Items {
			return nil, nil, l.tooMany("invalid list items", s.opts.Limits.Items)
		}
	}
	return items, invalid, nil
}

// tooMany returns the error for a list that exceeds a limit.
func (l *list[T]) tooMany(what string, limit int) error {
	return l.failed(KindLimit, &streamablehttp.LimitError{What: what, Limit: int64(limit)})
}

// failed returns the error for a list that cannot be returned although every requested page
// arrived.
func (l *list[T]) failed(kind Kind, err error) error {
	return &Error{Kind: kind, Method: l.method, Stage: verdict.StageOf(err), Outcome: Answered, Tries: 1, Err: err, harmless: true}
}
