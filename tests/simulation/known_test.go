package simulation_test

import "slices"

// knownBreach is a defect that is known and not yet mended. It fails no run; it is counted.
type knownBreach struct {
	name  string
	class []string
	fits  func(h *History, o *Op) bool // o is nil if the breach is about no call
}

// known are the defects that are not yet mended. Delete the rows of what was mended.
var known = []knownBreach{}

// name returns the name of a known breach, "" if it is a new one.
func (b Breach) name(h *History) string {
	for _, k := range known {
		if slices.Contains(k.class, b.Class) && k.fits(h, h.op(b.Op)) {
			return k.name
		}
	}
	return ""
}

// replies makes a test of one reply of the call.
func replies(fits func(r *Reply) bool) func(*History, *Op) bool {
	return func(_ *History, o *Op) bool {
		return o != nil && slices.ContainsFunc(o.Replies, func(r Reply) bool { return fits(&r) })
	}
}

// resumes makes a test of one reply to a GET that resumes a stream of the call.
func resumes(fits func(r *Reply) bool) func(*History, *Op) bool {
	return func(_ *History, o *Op) bool {
		return o != nil && slices.ContainsFunc(o.Resumes, func(r Reply) bool { return fits(&r) })
	}
}
