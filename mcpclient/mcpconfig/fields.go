package mcpconfig

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// fields reads the members of one object. It reports members of the wrong type, members that occur
// twice and, in done, members that were not read.
type fields struct {
	f      *file
	server string
	prefix string // path of the object, with a dot at its end, "" for the entry
	*object

	known  []string // keys that were asked for
	failed *bool    // a fatal problem was reported
	off    bool     // the entry is disabled: no problem is fatal
}

// problem reports a setting that is ignored.
func (o *fields) problem(key string, line int, reason string) {
	o.f.report(Problem{Line: line, Server: o.server, Key: o.prefix + key, Reason: reason})
}

// fatal reports a setting without which the entry must not be used. A disabled entry is not used in
// any case.
func (o *fields) fatal(key string, line int, reason string) {
	if !o.off {
		*o.failed = true
	}
	o.f.report(Problem{Line: line, Server: o.server, Key: o.prefix + key, Reason: reason, Fatal: !o.off})
}

// severity is how much a problem with a setting costs: fields.problem or fields.fatal.
type severity func(o *fields, key string, line int, reason string)

var (
	loses = (*fields).problem // the setting
	fails = (*fields).fatal   // the entry
)

func (o *fields) get(key string) (value, bool) {
	o.known = append(o.known, key)
	return o.object.get(key)
}

// typed returns a member that must be of type T.
func typed[T any](o *fields, key, want string, cost severity) (v T, line int, ok bool) {
	raw, found := o.get(key)
	if !found {
		return v, 0, false
	}
	v, ok = raw.data.(T)
	if !ok {
		cost(o, key, raw.line, "expected "+want+", got "+raw.kind())
	}
	return v, raw.line, ok
}

func (o *fields) text(key string, cost severity) (string, int, bool) {
	return typed[string](o, key, "a string", cost)
}

func (o *fields) flag(key string, cost severity) (set, ok bool) {
	set, _, ok = typed[bool](o, key, "true or false", cost)
	return set, ok
}

// texts returns an array of strings. The list is not nil if ok.
func (o *fields) texts(key string, cost severity) (list []string, line int, ok bool) {
	array, line, ok := typed[[]value](o, key, "an array of strings", cost)
	if !ok {
		return nil, line, false
	}
	list = []string{}
	for i, item := range array {
		text, isText := item.data.(string)
		if !isText {
			cost(o, fmt.Sprintf("%s[%d]", key, i), item.line, "expected a string, got "+item.kind())
			return nil, line, false
		}
		list = append(list, text)
	}
	return list, line, true
}

// number returns a number that is not negative.
func (o *fields) number(key string, cost severity) (n float64, line int, ok bool) {
	text, line, ok := typed[json.Number](o, key, "a number", cost)
	if !ok {
		return 0, line, false
	}
	n, err := text.Float64()
	if err != nil || n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		cost(o, key, line, "expected a number that is not negative")
		return 0, line, false
	}
	return n, line, true
}

// nested returns a member that is an object. Its members have the same server.
func (o *fields) nested(key string, cost severity) (*fields, int, bool) {
	inner, line, ok := typed[*object](o, key, "an object", cost)
	if !ok {
		return nil, line, false
	}
	return o.in(key, inner), line, true
}

func (o *fields) in(key string, inner *object) *fields {
	return &fields{f: o.f, server: o.server, prefix: o.prefix + key + ".", object: inner, failed: o.failed, off: o.off}
}

// ignored reports members that other products read. Members that say nothing, such as false or an
// empty list, are not reported.
func (o *fields) ignored(reason string, keys ...string) {
	for _, key := range keys {
		if v, ok := o.get(key); ok && !v.isEmpty() {
			o.problem(key, v.line, reason)
		}
	}
}

// silent accepts members that have no meaning for a client.
func (o *fields) silent(keys ...string) { o.known = append(o.known, keys...) }

// done reports members that were not read, and keys that occur twice.
func (o *fields) done(cost severity) {
	o.unique()
	known := map[string]bool{}
	for _, key := range o.known {
		known[key] = true
	}
	for _, m := range o.members {
		if known[m.key] {
			continue
		}
		reason := "unknown key"
		if o.f.isFull() {
			cost(o, m.key, m.value.line, reason)
			continue
		}
		if meant := nearest(m.key, o.known); meant == "hawser" {
			o.fatal(m.key, m.value.line, "unknown key: did you mean hawser?")
			continue
		} else if meant != "" {
			reason += ": did you mean " + meant + "?"
		}
		cost(o, m.key, m.value.line, reason)
	}
}

// unique reports keys that occur twice: other products read another one of them.
func (o *fields) unique() {
	lines := map[string]int{}
	for _, m := range o.members {
		if first, twice := lines[m.key]; twice {
			o.fatal(m.key, m.value.line, fmt.Sprintf("the key is in this object twice, first in line %d: remove one of them", first))
			continue
		}
		lines[m.key] = m.value.line
	}
}

// duration reads a text such as "1m30s". Without a usable one, it returns 0.
func (o *fields) duration(key string) time.Duration {
	text, line, ok := o.text(key, loses)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		o.problem(key, line, `expected a positive duration such as "30s" or "1m30s"; the default counts`)
		return 0
	}
	return d
}

// nearest returns the key that an unknown one was probably meant to be, or "".
func nearest(key string, known []string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
	}
	best, least := "", 3
	if len(key) > 64 {
		return ""
	}
	for _, k := range known {
		d := distance(plain(key), plain(k))
		if d < least && d <= len(plain(k))/4 {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of bytes to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
