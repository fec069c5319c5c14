package teahouse

import (
	"bytes"
	"context"
	_ "embed" // for recording
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

//go:embed model.json
var recording []byte

// recorded is a message of the model.
type recorded struct {
	After   string          // what the last message before it must contain
	Seconds float64         // how long the model thinks
	Message json.RawMessage // in the form of OpenAI's Chat Completions
}

// Model plays the recorded messages of a model, one for each call. It returns an error if the chat
// is not the one that was recorded, as after a call that the user does not approve. Call it on one
// goroutine at a time.
func (h *House) Model(ctx context.Context, chat []any, _ json.RawMessage) (json.RawMessage, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if h.model == nil {
		if err := json.Unmarshal(recording, &h.model); err != nil {
			return nil, err
		}
	}
	last, err := json.Marshal(chat[len(chat)-1])
	if err != nil {
		return nil, err
	}
	if len(h.model) == 0 {
		return nil, errors.New("the recorded model has no more messages")
	}
	next := h.model[0]
	if !bytes.Contains(last, []byte(next.After)) {
		return nil, fmt.Errorf("the recorded model does not know what to do: expected an answer with %q, got %.300s", next.After, last)
	}
	h.model = h.model[1:]
	select {
	case <-time.After(time.Duration(next.Seconds * float64(time.Second))):
		return next.Message, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
