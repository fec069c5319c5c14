package form_test

import (
	"encoding/json"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient/form"
)

// A program shows the fields, collects the answers and checks them.
func Example() {
	f, err := form.Parse(json.RawMessage(`{
		"type": "object",
		"properties": {
			"city": {"type": "string", "title": "Where to?", "minLength": 2},
			"seats": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
			"class": {"enum": ["economy", "business"]}
		},
		"required": ["city"]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range f.Fields {
		field := &f.Fields[i]
		fmt.Println(field.Name, field.Required, field.Default, field.Options)
	}
	answers := f.Defaults()
	answers["city"], answers["class"] = "X", "first"
	fmt.Println(f.Validate(answers))
	answers["city"], answers["class"] = "Oslo", "business"
	fmt.Println(f.Validate(answers))
	// Output:
	// city true <nil> []
	// seats false 1 []
	// class false <nil> [{economy economy} {business business}]
	// city: must be at least 2 characters
	// class: must be one of the choices
	// <nil>
}
