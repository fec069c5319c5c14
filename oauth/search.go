package oauth

import (
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
	e := &Error{Kind: KindMetadata, Op: op, Err: &searchError{s.errs}}
	for _, err := range s.errs {
		if KindOf(err) == KindNetwork {
			e.Kind = KindNetwork
		}
	}
	return e
}

// searchError says that none of several URLs had a document.
type searchError struct{ errs []error }

// Error returns what each URL answered.
func (e *searchError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		var typed *Error
		if errors.As(err, &typed) && typed.Err != nil {
			err = typed.Err
		}
		texts[i] = err.Error()
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
