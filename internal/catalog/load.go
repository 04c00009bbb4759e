package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"freshet/internal/hydro"
)

// A Problem is one mistake in a catalogue's files.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1; 0 if it concerns the whole file
	Column  int    `json:"column"`
	Message string `json:"message"` // what is wrong and how to mend it
}

func (p Problem) String() string {
	switch {
	case p.File == "":
		return p.Message
	case p.Line == 0:
		return p.File + ": " + p.Message
	default:
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	}
}

// Problems is an error that lists every mistake of a catalogue, one a line. It
// wraps hydro.ErrInvalid.
type Problems []Problem

func (p Problems) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "catalogue: %d problems", len(p))
	if len(p) == 1 {
		b.Reset()
		b.WriteString("catalogue: 1 problem")
	}
	for _, one := range p {
		b.WriteString("\n")
		b.WriteString(one.String())
	}
	return b.String()
}

// Unwrap returns hydro.ErrInvalid.
func (p Problems) Unwrap() error { return hydro.ErrInvalid }

// Load builds a catalogue from its files, in any order. All problems are
// returned together, ascending by file, line and column; the catalogue is nil
// if there is any. Load is a pure function of the files, except that it looks
// up zone names in the time zone data base.
func Load(files []hydro.File) (*Catalog, []Problem) {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b hydro.File) int { return cmp.Compare(a.Name, b.Name) })
	l := newLoader()
	for i, f := range files {
		if i > 0 && files[i-1].Name == f.Name {
			l.report(place{file: f.Name}, "file given twice")
			continue
		}
		l.readFile(f)
	}
	l.build()
	if len(l.problems) > 0 {
		return nil, inOrder(l.problems)
	}
	l.cat.files, l.cat.warnings = files, inOrder(l.warnings)
	l.cat.Version = version(files)
	return l.cat, nil
}

// version names the content of the files: name and data of each, with their
// lengths, so that no two different sets share a text.
func version(files []hydro.File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d %s %d\n", len(f.Name), f.Name, len(f.Data))
		h.Write(f.Data)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))[:16]
}

// ReadDir reads the *.yaml files that stand directly in a folder, ascending by
// name. A folder without any is an error that wraps hydro.ErrInvalid, a missing
// folder one that wraps hydro.ErrNotFound.
func ReadDir(dir string) ([]hydro.File, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("read catalogue: %w: %w", hydro.ErrNotFound, err)
		}
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	var files []hydro.File
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".yaml" || e.Type()&fs.ModeType&^fs.ModeSymlink != 0 {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		files = append(files, hydro.File{Name: e.Name(), Data: data})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read catalogue: no *.yaml file in %s: %w", dir, hydro.ErrInvalid)
	}
	return files, nil
}

// LoadDir reads the *.yaml files of a folder and loads them. If they are wrong,
// the error is a [Problems], which wraps hydro.ErrInvalid and lists all of them
// with file, line and column.
func LoadDir(dir string) (*Catalog, error) {
	files, err := ReadDir(dir)
	if err != nil {
		return nil, err
	}
	c, problems := Load(files)
	if len(problems) > 0 {
		return nil, Problems(problems)
	}
	return c, nil
}
