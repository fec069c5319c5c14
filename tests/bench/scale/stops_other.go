//go:build !unix

package main

import "errors"

// suspend fails: this system cannot stop a process.
func (p *process) suspend() error { return errors.ErrUnsupported }

// resume does nothing.
func (p *process) resume() error { return nil }
