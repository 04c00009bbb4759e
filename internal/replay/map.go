package replay

import (
	"errors"
	"fmt"
	"strings"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Map says what recorded files hold: a [feed.Map] whose stations are those of
// a catalogue. See docs/formats/feed-map.md and
// deploy/catalog/lower_colorado/replay/map.yaml.
type Map struct {
	*feed.Map
	Catalog *catalog.Catalog // nil: stations are taken as they are named
}

// Problems is an error that lists every mistake of a map or of recorded files,
// one a line. It wraps hydro.ErrInvalid.
type Problems []catalog.Problem

func (p Problems) Error() string {
	lines := make([]string, 0, len(p)+1)
	if len(p) == 1 {
		lines = append(lines, "replay: 1 problem")
	} else {
		lines = append(lines, fmt.Sprintf("replay: %d problems", len(p)))
	}
	for _, one := range p {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (p Problems) Unwrap() error { return hydro.ErrInvalid }

// ParseMap reads a map and checks it against the catalogue. If it is wrong the
// error is a [Problems], which lists all mistakes with line and column;
// name is what it calls the file.
func ParseMap(name string, data []byte, cat *catalog.Catalog) (*Map, error) {
	m, err := feed.ParseFor(name, data, cat)
	if mistakes, ok := errors.AsType[feed.Mistakes](err); ok {
		return nil, Problems(mistakes)
	}
	if err != nil {
		return nil, err
	}
	for i := range m.Files {
		if m.Files[i].Pattern == "" {
			return nil, Problems{{File: name, Message: fmt.Sprintf("files[%d].file: name a file of the data folder, or a glob such as *-level.csv", i)}}
		}
	}
	return &Map{m, cat}, nil
}
