package group

import "github.com/hawser-mcp/hawser/mcpclient/toolspec"

func (p *Pins) check(_ string, fns []toolspec.Function) (accepted []toolspec.Function, held []string) {
	return fns, nil
}

func (p *Pins) functions(string) []toolspec.Function { return nil }

func (p *Pins) watch(func(server string)) (stop func()) { return func() {} }
