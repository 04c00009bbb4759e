// Package kept is a folder of named documents that outlive the server: one file
// each, written whole or not at all. It knows nothing of what is in them.
package kept

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"freshet/internal/hydro"
)

// A Folder holds documents by id. It may be used by several at once.
type Folder struct {
	dir  string
	most int

	mu sync.Mutex // of writes
}

const ending = ".pb"

var validID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// Open returns the folder at a path, which is made on the first write. It holds at
// most so many documents.
func Open(dir string, most int) *Folder { return &Folder{dir: dir, most: most} }

func (f *Folder) path(id string) (string, error) {
	if !validID.MatchString(id) { // a name in it could lead elsewhere
		return "", fmt.Errorf("id %q: 16 hexadecimal digits, as in 0123456789abcdef: %w", id, hydro.ErrInvalid)
	}
	return filepath.Join(f.dir, id+ending), nil
}

// Put keeps a document, in place of one of that id if there is one. The error wraps
// hydro.ErrConflict if the folder is full.
func (f *Folder) Put(id string, data []byte) (err error) {
	path, err := f.path(id)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("keep %s: %w", id, err)
	}
	ids, err := f.IDs()
	if err != nil {
		return err
	}
	if len(ids) >= f.most && !slices.Contains(ids, id) {
		return fmt.Errorf("%d are kept already, which is all that there is room for: delete some first: %w", len(ids), hydro.ErrConflict)
	}
	tmp, err := os.CreateTemp(f.dir, "new-*")
	if err != nil {
		return fmt.Errorf("keep %s: %w", id, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("keep %s: %w", id, err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("keep %s: %w", id, err)
	}
	return nil
}

// Get returns a document. The error wraps hydro.ErrNotFound if there is none.
func (f *Folder) Get(id string) ([]byte, error) {
	path, err := f.path(id)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: nothing of this id is kept: %w", id, hydro.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return data, nil
}

// Delete forgets a document. The error wraps hydro.ErrNotFound if there is none.
func (f *Folder) Delete(id string) error {
	path, err := f.path(id)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: nothing of this id is kept: %w", id, hydro.ErrNotFound)
	}
	return err
}

// IDs returns the ids of all documents, ascending.
func (f *Folder) IDs() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ending); ok && validID.MatchString(id) {
			out = append(out, id)
		}
	}
	return out, nil
}
