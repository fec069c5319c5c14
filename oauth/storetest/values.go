package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/oauth"
)

const key = `token "https://mcp.example.com/mcp" "https://auth.example.com"`

// want returns an error unless err wraps target. what names the operation that returned err.
func want(what string, err, target error) error {
	switch {
	case errors.Is(err, target):
		return nil
	case err == nil:
		return fmt.Errorf("%s: no error, want: %w", what, target)
	case target == nil:
		return fmt.Errorf("%s: %w", what, err)
	default:
		return fmt.Errorf("%s: the error is not %q: %w", what, target.Error(), err)
	}
}

// holds returns an error unless the store has the given value and version for key.
func holds(ctx context.Context, s oauth.Store, key, value, version string) error {
	got, gotVersion, err := s.Load(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("Load of %.40q: %w", key, err)
	case string(got) != value:
		return fmt.Errorf("Load of %.40q: %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(value), value)
	case gotVersion != version:
		return fmt.Errorf("Load of %.40q: version %q, Save said %q", key, gotVersion, version)
	}
	return nil
}

// save saves a value, checks that the store has it, and returns its version.
func save(ctx context.Context, s oauth.Store, key, value, version string) (string, error) {
	next, err := s.Save(ctx, key, []byte(value), version)
	switch {
	case err != nil:
		return "", fmt.Errorf("Save of %.40q with version %q: %w", key, version, err)
	case next == "" || next == version:
		return "", fmt.Errorf("Save of %.40q with version %q: the new version is %q", key, version, next)
	}
	return next, holds(ctx, s, key, value, next)
}

// saveTwo saves a value and then replaces it with a second one. It returns the version of the
// second value, and stale versions with which Save and Delete must fail.
func saveTwo(ctx context.Context, s oauth.Store) (version string, stale []string, err error) {
	first, err := save(ctx, s, key, "one", "")
	if err != nil {
		return "", nil, err
	}
	version, err = save(ctx, s, key, "two", first)
	return version, []string{"", first, version + "0"}, err
}

func absent(ctx context.Context, s oauth.Store) error {
	_, version, err := s.Load(ctx, key)
	if version != "" {
		return fmt.Errorf("Load of a missing value: version %q", version)
	}
	return errors.Join(
		want("Load of a missing value", err, oauth.ErrNotFound),
		want("Delete of a missing value", s.Delete(ctx, key, ""), nil),
		want("Delete of a missing value, with a version", s.Delete(ctx, key, "1"), nil))
}

func values(ctx context.Context, s oauth.Store) error {
	version := ""
	for _, value := range []string{"text", "", "\x00\xff\r\n", `{"a":"\u0000"}`, strings.Repeat("large\x00", 200_000), "short"} {
		var err error
		if version, err = save(ctx, s, key, value, version); err != nil {
			return err
		}
	}
	return nil
}

func keys(ctx context.Context, s oauth.Store) error {
	all := []string{
		"", "a", "A", "a ", " a", ".", "..", "../a", "/a", `\a`, "a/b", "a:b", "a\x00b", "a\nb", "\xff", "\xfe", "\ufffd", "é", "e\u0301",
		"CON", "*", "%61", `"`, "'; --", key, strings.Repeat("x", 100_000), strings.Repeat("x", 100_001),
	}
	versions := map[string]string{}
	for _, k := range all {
		version, err := save(ctx, s, k, "of "+k, "")
		if err != nil {
			return err
		}
		versions[k] = version
	}
	for _, k := range all {
		if err := holds(ctx, s, k, "of "+k, versions[k]); err != nil {
			return err
		}
	}
	return nil
}

func replace(ctx context.Context, s oauth.Store) error {
	_, err := s.Save(ctx, key, []byte("lost"), "1")
	if err := want("Save of a missing value, with a version", err, oauth.ErrConflict); err != nil {
		return err
	}
	second, stale, err := saveTwo(ctx, s)
	if err != nil {
		return err
	}
	for _, version := range stale {
		_, err := s.Save(ctx, key, []byte("lost"), version)
		if err := want(fmt.Sprintf("Save with version %q instead of %q", version, second), err, oauth.ErrConflict); err != nil {
			return err
		}
	}
	return holds(ctx, s, key, "two", second)
}

func remove(ctx context.Context, s oauth.Store) error {
	second, stale, err := saveTwo(ctx, s)
	if err != nil {
		return err
	}
	for _, version := range stale {
		err := s.Delete(ctx, key, version)
		if err := want(fmt.Sprintf("Delete with version %q instead of %q", version, second), err, oauth.ErrConflict); err != nil {
			return err
		}
	}
	if err := holds(ctx, s, key, "two", second); err != nil {
		return err
	}
	if err := want("Delete", s.Delete(ctx, key, second), nil); err != nil {
		return err
	}
	_, _, err = s.Load(ctx, key)
	return errors.Join(
		want("Load after Delete", err, oauth.ErrNotFound),
		want("Delete after Delete", s.Delete(ctx, key, second), nil))
}

// versions checks that a version is not reused after a value was deleted and stored again.
// Otherwise a client could mistake the new value for the old one.
func versions(ctx context.Context, s oauth.Store) error {
	old, err := save(ctx, s, key, "old", "")
	if err != nil {
		return err
	}
	if err := want("Delete", s.Delete(ctx, key, old), nil); err != nil {
		return err
	}
	if _, err := save(ctx, s, key, "new", ""); err != nil {
		return err
	}
	_, err = s.Save(ctx, key, []byte("lost"), old)
	return errors.Join(
		want("Save with the version of a deleted value", err, oauth.ErrConflict),
		want("Delete with the version of a deleted value", s.Delete(ctx, key, old), oauth.ErrConflict))
}

func copies(ctx context.Context, s oauth.Store) error {
	value := []byte("value")
	version, err := s.Save(ctx, key, value, "")
	if err != nil {
		return err
	}
	clear(value)
	loaded, _, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(loaded, []byte("value")) {
		return fmt.Errorf("the value changed with the caller's bytes: %q", loaded)
	}
	clear(loaded)
	return holds(ctx, s, key, "value", version)
}

func race(ctx context.Context, s oauth.Store) error {
	const savers = 16
	errs, saved := make([]error, savers), make([]string, savers)
	var all sync.WaitGroup
	for i := range savers {
		all.Go(func() { saved[i], errs[i] = s.Save(ctx, key, fmt.Append(nil, "saver ", i), "") })
	}
	all.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			return fmt.Errorf("both %d and %d saved the first value", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, oauth.ErrConflict):
			return err
		}
	}
	if winner < 0 {
		return errors.New("no concurrent Save succeeded")
	}
	return holds(ctx, s, key, fmt.Sprint("saver ", winner), saved[winner])
}
