package interop_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The kinds of input that the tool "ask", the prompt "greet" and a resource can request from the
// client.
const (
	askForm   = "form"
	askURL    = "page"
	askSample = "sample"
	askTools  = "sample with tools"
	askRoots  = "roots"

	askWho         = "?" // the prompt requires input if its argument has this value
	askingResource = "test://items/ask"

	elicitedURL   = "https://login.example.com/start?for=you"
	elicitationID = "page-1"

	// formSchema has a field of each kind.
	formSchema = `{"type":"object","properties":{` +
		`"name":{"type":"string","title":"Name","minLength":2},` +
		`"size":{"type":"string","enum":["S","M","L"],"default":"M"},` +
		`"color":{"type":"string","oneOf":[{"const":"#f00","title":"Red"},{"const":"#0f0","title":"Green"}]},` +
		`"count":{"type":"integer","default":3,"minimum":0},"ratio":{"type":"number","default":0.5},` +
		`"sure":{"type":"boolean","default":true},` +
		`"tags":{"type":"array","items":{"type":"string","enum":["a","b","c"]},"default":["a"]}},"required":["name"]}`
)

// asked are the arguments of the tool "ask".
type asked struct {
	What    []string `json:"what"`
	Rounds  int      `json:"rounds"`  // number of rounds with the same requests; 0 means one
	Visited bool     `json:"visited"` // the URL elicitation completes before the tool returns
}

// stateOf returns the request state of a round. The client must send it back byte for byte.
func stateOf(round int) string {
	return fmt.Sprintf("round %d of \"ünïcode\"\n\u2028</>\U0001F600", round)
}

// next returns the request state of the round that follows the given one. The result is "" after
// the last round.
func (a asked) next(state string) (string, error) {
	rounds := max(a.Rounds, 1)
	if state == "" {
		return stateOf(1), nil
	}
	for round := 1; round <= rounds; round++ {
		switch {
		case state != stateOf(round):
		case round == rounds:
			return "", nil
		default:
			return stateOf(round + 1), nil
		}
	}
	return "", fmt.Errorf("unexpected request state %q", state)
}

// numbers are the arguments of the tool "sum".
type numbers struct {
	Numbers []int64 `json:"numbers"`
}

// sum implements the tool "sum". Without arguments, it returns a result that violates its schema.
func sum(arguments json.RawMessage) (any, error) {
	var args numbers
	if err := json.Unmarshal(arguments, &args); err != nil {
		return nil, err
	}
	if len(args.Numbers) == 0 {
		return map[string]string{"sum": "nothing"}, nil
	}
	total := int64(0)
	for _, n := range args.Numbers {
		total += n
	}
	return map[string]int64{"sum": total}, nil
}

// complete returns a completion that repeats the request as the server received it.
func complete(of, argument, typed string, chosen map[string]string) []string {
	data, err := json.Marshal(chosen)
	if err != nil {
		data = []byte(err.Error())
	}
	return []string{strings.Join([]string{of, argument, typed, string(data)}, " ")}
}

var errUndecided = errors.New("the user could not decide")
