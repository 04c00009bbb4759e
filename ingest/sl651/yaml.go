package sl651

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"freshet/internal/catalog"
)

const maxSettings = 8 << 20

// ParseSettings reads settings in YAML. If they are wrong the error is a
// [catalog.Problems], which lists all mistakes with line and column; name is what
// it calls the file.
func ParseSettings(name string, data []byte) (s *Settings, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			s, err = nil, catalog.Problems{{File: name, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	if len(data) > maxSettings {
		return nil, catalog.Problems{{File: name, Message: fmt.Sprintf("larger than %d MB", maxSettings>>20)}}
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, catalog.Problems{catalog.YAMLProblem(name, err)}
	}
	var f File
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return nil, catalog.Problems{catalog.YAMLProblem(name, err)}
	}
	var problems catalog.Problems
	s = f.Build(func(path, format string, args ...any) {
		p := catalog.Problem{File: name, Message: strings.TrimPrefix(path, "$.") + ": " + fmt.Sprintf(format, args...)}
		p.Line, p.Column = catalog.Locate(tree, path)
		problems = append(problems, p)
	})
	if len(problems) > 0 {
		return nil, problems
	}
	return s, nil
}
