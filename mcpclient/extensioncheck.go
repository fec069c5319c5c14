package mcpclient

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// checkedExtensions returns a copy of the extensions whose settings are encoded, or an error that
// says which extension is invalid.
func checkedExtensions(list []Extension) ([]Extension, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]Extension, len(list))
	taken := make(map[string]string) // what an extension adds, mapped to its ID
	take := func(id, what string) error {
		if other, is := taken[what]; is {
			return fmt.Errorf("extension %q: %s is already added by extension %q", id, what, other)
		}
		taken[what] = id
		return nil
	}
	for i, e := range list {
		switch {
		case !validExtensionID(e.ID):
			return nil, fmt.Errorf(`extension %q: an identifier is a prefix and a name, such as "com.example/name"`, e.ID)
		case taken["extension "+e.ID] != "":
			return nil, fmt.Errorf("extension %q is listed twice", e.ID)
		case e.Since != "" && !known(e.Since):
			return nil, fmt.Errorf("extension %q: unknown protocol version %q: expected one of %v", e.ID, e.Since, supportedVersions)
		}
		taken["extension "+e.ID] = e.ID
		settings, err := encodeSettings(e.Settings)
		if err != nil {
			return nil, fmt.Errorf("extension %q: settings: %w", e.ID, err)
		}
		if err := e.check(func(what string) error { return take(e.ID, what) }); err != nil {
			return nil, err
		}
		e.Settings = settings
		out[i] = e
	}
	return out, nil
}

// encodeSettings encodes the settings of an extension.
func encodeSettings(settings any) (json.RawMessage, error) {
	data, err := json.Marshal(settings)
	switch {
	case err != nil:
		return nil, err
	case string(data) == "null":
		return json.RawMessage("{}"), nil
	}
	return data, wire.CheckObject(data)
}

// check checks what an extension adds to the protocol. It calls take for each method and type of
// result, which must not be added twice.
func (e *Extension) check(take func(what string) error) error {
	for _, c := range e.Claims {
		t := mcp.ResultType(c.ResultType)
		switch {
		case t.IsComplete(), t == mcp.ResultTypeInputRequired:
			return fmt.Errorf("extension %q: the result type %q belongs to the protocol itself", e.ID, c.ResultType)
		case !claimable(c.Method):
			return fmt.Errorf("extension %q: results of %q cannot have other types", e.ID, c.Method)
		}
		if err := take(fmt.Sprintf("the result type %q of %s", c.ResultType, c.Method)); err != nil {
			return err
		}
	}
	for method, parameter := range e.Names {
		switch {
		case !foreignRequest(method):
			return fmt.Errorf("extension %q: Names: %q is not a request of an extension", e.ID, method)
		case parameter == "":
			return fmt.Errorf("extension %q: Names: no parameter for %q", e.ID, method)
		}
		if err := take("the name of " + method); err != nil {
			return err
		}
	}
	for method, handler := range e.Notifications {
		switch {
		case method == "" || ofProtocol(method):
			return fmt.Errorf("extension %q: Notifications: %q is not a notification of an extension", e.ID, method)
		case handler == nil:
			return fmt.Errorf("extension %q: Notifications: the handler of %q is nil", e.ID, method)
		}
		if err := take("the notification " + method); err != nil {
			return err
		}
	}
	return nil
}

// validExtensionID reports whether id has the form of an identifier: a key of _meta with a prefix
// and a name (2026-07-28, "General fields", "_meta").
func validExtensionID(id string) bool {
	prefix, name, _ := strings.Cut(id, "/")
	for label := range strings.SplitSeq(prefix, ".") {
		if label == "" || !isLetter(label[0]) || !isAlphanumeric(label[len(label)-1]) || !consistsOf(label, "-") {
			return false
		}
	}
	return name != "" && isAlphanumeric(name[0]) && isAlphanumeric(name[len(name)-1]) && consistsOf(name, "-_.")
}

func isLetter(b byte) bool       { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isAlphanumeric(b byte) bool { return isLetter(b) || '0' <= b && b <= '9' }

// consistsOf reports whether text has only letters, digits and the other characters.
func consistsOf(text, other string) bool {
	for i := range len(text) {
		if !isAlphanumeric(text[i]) && !strings.Contains(other, text[i:i+1]) {
			return false
		}
	}
	return true
}

// ofProtocol reports whether a method belongs to the protocol itself.
func ofProtocol(method string) bool {
	switch method {
	case methodInitialize, methodInitialized, methodDiscover, methodPing, methodListTools, methodCallTool,
		methodListResources, methodListTemplates, methodReadResource, methodListPrompts, methodGetPrompt,
		methodComplete, methodSetLevel, methodListen, methodSubscribe, methodUnsubscribe,
		methodElicit, methodSample, methodListRoots, methodCancelled, methodProgress, methodLog,
		methodToolsChanged, methodPromptsChanged, methodResourcesChanged, methodResourceUpdated,
		methodAcknowledged, methodRootsChanged, methodElicitationComplete:
		return true
	}
	return false
}

// foreignRequest reports whether a method may be a request of an extension.
func foreignRequest(method string) bool {
	return method != "" && !ofProtocol(method) && !strings.HasPrefix(method, "notifications/")
}

// claimable reports whether an extension may add a type of result to a method. The results of the
// other methods of the protocol are read as they arrive, such as the pages of a list.
func claimable(method string) bool {
	return method == methodCallTool || method == methodGetPrompt || method == methodReadResource || foreignRequest(method)
}
