package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"freshet/internal/hydro"
)

// OpenCopy opens a copy of the embedded log in Options.Dir, so that whatever is
// done with it leaves the log itself as it is: even a server that only opens its
// files writes to them, and drops what has become too old. The folder must be that
// of a server that is not running, else the error wraps [hydro.ErrConflict]. The
// copy, without snapshots, is in a folder for temporary files and goes with Close.
func OpenCopy(ctx context.Context, opts Options) (_ *Journal, err error) {
	wrong := func(err error) error { return fmt.Errorf("copy log %s: %w", opts.Dir, err) }
	from := opts.Dir
	if _, err := os.Stat(filepath.Join(from, "jetstream")); err != nil {
		return nil, wrong(fmt.Errorf("it holds no log: %w: %w", err, hydro.ErrNotFound))
	}
	unlock, err := lock(from)
	if err != nil {
		return nil, wrong(err)
	}
	defer func() {
		if unlock != nil {
			err = errors.Join(err, unlock())
		}
	}()
	to, err := os.MkdirTemp("", "freshet-log-")
	if err != nil {
		return nil, wrong(err)
	}
	remove := func() error { return os.RemoveAll(to) }
	if err := copyLog(ctx, filepath.Join(to, "jetstream"), filepath.Join(from, "jetstream")); err != nil {
		return nil, wrong(errors.Join(err, remove()))
	}
	opts.Dir = to
	j, err := Open(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	shut := j.close
	j.close = sync.OnceValue(func() error { return errors.Join(shut(), remove()) })
	return j, nil
}

// copyLog copies the files below a folder, but those of snapshots.
func copyLog(ctx context.Context, to, from string) error {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	return fs.WalkDir(os.DirFS(from), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), snapStream("")):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, path), 0o750)
		case !d.Type().IsRegular():
			return nil
		}
		return copyFile(filepath.Join(to, path), filepath.Join(from, path))
	})
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = out.ReadFrom(in)
	return err
}
