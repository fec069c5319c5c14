package mcpclient

import (
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// tasksExtension is the extension of 2026-07-28 that runs tools as tasks.
const tasksExtension = "io.modelcontextprotocol/tasks"

// TaskRequiredError reports a tool that runs only as a task. This package does not support tasks
// yet. The error is found in two cases:
//
//   - The listing of the tool in a legacy session has execution.taskSupport "required" (2025-11-25,
//     "Tasks"). Nothing was sent: the kind is [KindInvalid] and the outcome [NotRun]. Only a tool
//     that the session has listed is known to require a task.
//   - A modern server refused the call with [CodeMissingCapability] because the client does not
//     declare the tasks extension.
type TaskRequiredError struct {
	// Tool is the name of the tool.
	Tool string
	// Err is the server's refusal, nil if nothing was sent.
	Err error
}

// Error returns a text that names the tool.
func (e *TaskRequiredError) Error() string {
	text := fmt.Sprintf("tool %q runs only as a task, and tasks are not supported yet", redact.Line(e.Tool, maxShownName))
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *TaskRequiredError) Unwrap() error { return e.Err }

// requiresTask reports whether a tool runs only as a task.
func requiresTask(t *Tool) bool {
	return t.Execution != nil && t.Execution.TaskSupport == mcp.TaskSupportRequired
}

// namingTask adds a [TaskRequiredError] to the error of a tool call if the server refused the call
// because the client does not declare the tasks extension.
func namingTask(tool string, err error) error {
	e, is := err.(*Error)
	if !is {
		return err
	}
	required, bad := RequiredCapabilities(err)
	if bad != nil || required == nil {
		return err
	}
	if _, task := required.Extensions[tasksExtension]; task {
		e.Err = &TaskRequiredError{Tool: tool, Err: e.Err}
	}
	return err
}
