package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
)

const ttl = time.Minute // longer than any clause runs

// oneHolder starts goroutines that increment a counter in the store. Only the lease guards the
// counter.
func oneHolder(ctx context.Context, s oauth.Store) error {
	const workers, rounds = 8, 5
	var holders atomic.Int32
	count := func() error {
		release, err := s.Lease(ctx, key, ttl)
		if err != nil {
			return fmt.Errorf("Lease: %w", err)
		}
		defer release()
		defer holders.Add(-1)
		if n := holders.Add(1); n != 1 {
			return fmt.Errorf("%d hold the lease", n)
		}
		value, version, err := s.Load(ctx, key)
		if err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return err
		}
		runtime.Gosched()                   // if the lease has a second holder, let it run
		n, _ := strconv.Atoi(string(value)) // a missing value counts as 0
		_, err = s.Save(ctx, key, strconv.AppendInt(nil, int64(n+1), 10), version)
		return want("Save under the lease", err, nil)
	}
	errs, begin := make([]error, workers), make(chan struct{})
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			<-begin
			for range rounds {
				errs[i] = errors.Join(errs[i], count())
			}
		})
	}
	close(begin)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	value, _, err := s.Load(ctx, key)
	if want := strconv.Itoa(workers * rounds); err != nil || string(value) != want {
		return fmt.Errorf("counted to %s (%w), want %s", value, err, want)
	}
	return nil
}

func twoLeases(ctx context.Context, s oauth.Store) error {
	release, err := s.Lease(ctx, key, ttl)
	if err != nil {
		return fmt.Errorf("Lease: %w", err)
	}
	defer release()
	other, err := s.Lease(ctx, "another key", ttl)
	if err != nil {
		return fmt.Errorf("Lease of another key: %w", err)
	}
	other()
	return nil
}

func unguarded(ctx context.Context, s oauth.Store) error {
	release, err := s.Lease(ctx, key, ttl)
	if err != nil {
		return fmt.Errorf("Lease: %w", err)
	}
	defer release()
	done := make(chan error, 1)
	go func() {
		version, err := save(ctx, s, key, "by another client", "")
		if err == nil {
			err = s.Delete(ctx, key, version)
		}
		done <- err
	}()
	return want("Save, Load and Delete without the lease", <-done, nil)
}

func waiterEnds(ctx context.Context, s oauth.Store) error {
	release, err := s.Lease(ctx, key, ttl)
	if err != nil {
		return fmt.Errorf("Lease: %w", err)
	}
	impatient, cancel := context.WithCancel(ctx)
	gaveUp := make(chan error, 1)
	go func() {
		release, err := s.Lease(impatient, key, ttl)
		if err == nil {
			release()
		}
		gaveUp <- err
	}()
	cancel()
	err = <-gaveUp
	release()
	if err := want("Lease whose context ended", err, context.Canceled); err != nil {
		return err
	}
	// A waiter that gave up must not hold the lease.
	if release, err = s.Lease(ctx, key, ttl); err != nil {
		return fmt.Errorf("Lease after a waiter gave up: %w", err)
	}
	release()
	return nil
}

func ended(ctx context.Context, s oauth.Store) error {
	version, err := save(ctx, s, key, "value", "")
	if err != nil {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, loaded := s.Load(over, key)
	_, saved := s.Save(over, key, []byte("lost"), version)
	deleted := s.Delete(over, key, version)
	release, leased := s.Lease(over, key, ttl)
	if leased == nil {
		release()
	}
	return errors.Join(
		want("Load", loaded, context.Canceled), want("Save", saved, context.Canceled),
		want("Delete", deleted, context.Canceled), want("Lease", leased, context.Canceled),
		holds(ctx, s, key, "value", version))
}
