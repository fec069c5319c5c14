package field

var commandLine []Quirk
