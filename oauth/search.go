package oauth

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// search collects why the URLs that were tried had no document.
type search struct{ errs []error }

func (s *search) add(err error) { s.errs = append(s.errs, err) }

// only reports whether each URL answered with one of the statuses.
func (s *search) only(statuses ...int) bool {
	return !slices.ContainsFunc(s.errs, func(err error) bool { return !slices.Contains(statuses, statusOf(err)) })
}

// err returns an error that names each URL and what it answered. It is of KindNetwork if a later
// search may find a document.
func (s *search) err(op string) error {
	if len(s.errs) == 1 {
		return s.errs[0]
	}
	e := &Error{Kind: KindMetadata, Op: op, URL: urlOf(s.errs), Err: &searchError{s.errs}}
	for _, err := range s.errs {
		if KindOf(err) == KindNetwork {
			e.Kind = KindNetwork
		}
	}
	return e
}

// end returns err, which ended the search, together with what the URLs before answered.
func (s *search) end(err error) error {
	if len(s.errs) == 0 {
		return err
	}
	return alsoTried(err, s.err(""))
}

// alsoTried returns err with the errors of URLs that were tried before, unless they do not explain
// it. Its kind is that of err. Either may be nil.
func alsoTried(err, before error) error {
	e, ok := err.(*Error)
	if !ok || before == nil || !e.FromPeer() && e.Kind != KindNetwork && e.Kind != KindRegistration {
		return err
	}
	both := *e
	both.Err = &triedError{e, before}
	return &both
}

// triedError is an error with those of the URLs that were tried before.
type triedError struct {
	last   *Error
	before error
}

// Error returns both. It omits the kind and the operation, which the enclosing error has.
func (e *triedError) Error() string {
	return reasonOf(e.last) + "; tried before: " + reasonOf(e.before)
}

// Unwrap returns both, first the error that decides.
func (e *triedError) Unwrap() []error { return []error{e.last.Err, e.before} }

// located returns err with a URL, if it has none: place or, if that is empty, other.
func located(err error, place, other string) error {
	e, ok := err.(*Error)
	if !ok || e.URL != "" {
		return err
	}
	placed := *e // others may have e
	placed.URL = cmp.Or(place, other)
	return &placed
}

// namedBy adds the URL of the document that named a refused URL.
func namedBy(err error, from string) error {
	var refused *URLError
	if errors.As(err, &refused) && refused.From == "" {
		refused.From = from
	}
	return err
}

// reasonOf returns the text of an error without its operation and kind.
func reasonOf(err error) string {
	if e, ok := err.(*Error); ok {
		return e.because()
	}
	return err.Error()
}

// urlOf returns the URL of the last error.
func urlOf(errs []error) string {
	var e *Error
	if len(errs) > 0 && errors.As(errs[len(errs)-1], &e) {
		return e.URL
	}
	return ""
}

// searchError says that none of several URLs had a document.
type searchError struct{ errs []error }

// Error returns what each URL answered.
func (e *searchError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = reasonOf(err)
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the errors of all URLs.
func (e *searchError) Unwrap() []error { return e.errs }

// isNoDocument reports whether a URL answered with something other than the document: a status, a
// redirect elsewhere, a page, or JSON without a required member. The next URL is then tried.
func isNoDocument(err error) bool {
	var e *DocumentError
	return statusOf(err) != 0 || errors.As(err, new(*RedirectError)) || errors.As(err, &e) && e.isOther
}

// isWrong reports whether a URL answered with the document of another resource or server, or with
// one that exceeds a limit. Such a document ends the search.
func isWrong(err error) bool {
	var e *DocumentError
	return errors.As(err, &e) && !e.isOther || errors.As(err, new(*LimitError))
}
