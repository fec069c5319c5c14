package httpstatus_test

import (
	"slices"
	"testing"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
)

func TestClasses(t *testing.T) {
	want := map[httpstatus.Class][]int{
		httpstatus.Informational: {100, 101, 103, 199},
		httpstatus.Success:       {200, 201, 202, 204, 299},
		httpstatus.Redirect:      {300, 301, 304, 307, 399},
		httpstatus.Denied:        {401, 403},
		httpstatus.NotFound:      {404},
		httpstatus.Conflict:      {409},
		httpstatus.Unsupported:   {405, 501, 505},
		httpstatus.Limited:       {425, 429},
		httpstatus.Unsettled:     {408},
		httpstatus.Refused:       {400, 402, 406, 410, 413, 422, 451, 499},
		httpstatus.Broken:        {500, 502, 503, 504, 520, 599, 600, 699, 999, 99, 0, -1},
	}
	for class, statuses := range want {
		for _, status := range statuses {
			if got := httpstatus.Of(status); got != class {
				t.Errorf("Of(%d) = %d, want %d", status, got, class)
			}
		}
	}
}

func TestTransient(t *testing.T) {
	transient := []int{408, 425, 429, 500, 502, 503, 504, 520, 599, 600, 999, 99, 0}
	for status := range 1000 {
		listed := slices.Contains(transient, status)
		broken := httpstatus.Of(status) == httpstatus.Broken
		if got := httpstatus.Of(status).Transient(); got != (listed || broken) {
			t.Errorf("Of(%d).Transient() = %v", status, got)
		}
	}
}

// TestUnread checks that no status is both Unread and Transient.
func TestUnread(t *testing.T) {
	unread := []int{405, 406, 411, 413, 414, 415, 421, 426, 431, 501, 505}
	for status := range 1000 {
		got := httpstatus.Unread(status)
		if got != slices.Contains(unread, status) {
			t.Errorf("Unread(%d) = %v", status, got)
		}
		if got && httpstatus.Of(status).Transient() {
			t.Errorf("%d is unread and transient", status)
		}
	}
}
