package main

import (
	"strings"
	"testing"
)

var reports = []struct {
	name, events  string
	printed, text string // the expected output and error
}{
	{
		name: "a pass prints only its package",
		events: `{"Action":"run","Package":"p","Test":"TestA"}
			{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
			{"Action":"pass","Package":"p","Test":"TestA"}
			{"Action":"output","Package":"p","Output":"-test.shuffle 42\n"}
			{"Action":"output","Package":"p","Output":"PASS\n"}
			{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
			{"Action":"pass","Package":"p"}`,
		printed: "ok  \tp\t0.1s\n",
	},
	{
		name: "a skip fails with its reason",
		events: `{"Action":"output","Package":"p","Test":"TestA","Output":"not today\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
			{"Action":"pass","Package":"p"}`,
		printed: "not today\nok  \tp\t0.1s\n",
		text:    "skipped, which counts as failed: [p.TestA]",
	},
	{
		name: "a failure is named",
		events: `{"Action":"output","Package":"p","Test":"TestA/sub","Output":"boom\n"}
			{"Action":"fail","Package":"p","Test":"TestA/sub"}
			{"Action":"output","Package":"p","Output":"-test.shuffle 42\n"}
			{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
			{"Action":"fail","Package":"p"}`,
		printed: "boom\n-test.shuffle 42\nFAIL\tp\t0.1s\n",
		text:    "failed: [p.TestA/sub]",
	},
	{
		name: "a test that never ended fails even if its package passed",
		events: `{"Action":"output","Package":"p","Test":"TestA","Output":"os.Exit(0)\n"}
			{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
			{"Action":"pass","Package":"p"}`,
		printed: "os.Exit(0)\nok  \tp\t0.1s\n",
		text:    "failed: [p.TestA]",
	},
	{
		name: "a package without tests is not a skip",
		events: `{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
			{"Action":"skip","Package":"p"}`,
		printed: "?   \tp\t[no test files]\n",
	},
	{
		name:    "compiler errors are printed",
		events:  `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: oops\n"}`,
		printed: "p.go:1: oops\n",
	},
}

func TestReport(t *testing.T) {
	for _, test := range reports {
		t.Run(test.name, func(t *testing.T) {
			var printed strings.Builder
			err := report(&printed, strings.NewReader(test.events))
			if printed.String() != test.printed {
				t.Errorf("got output %q, expected %q", printed.String(), test.printed)
			}
			if text := errorText(err); text != test.text {
				t.Errorf("got error %q, expected %q", text, test.text)
			}
		})
	}
}

func TestReportOfInvalidOutput(t *testing.T) {
	err := report(new(strings.Builder), strings.NewReader("panic: no JSON at all"))
	if err == nil {
		t.Error("expected an error for output that is not go test -json's")
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
