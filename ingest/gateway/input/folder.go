package input

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"freshet/ingest/feed"
	"freshet/internal/hydro"
)

// FolderOptions say which files are taken.
type FolderOptions struct {
	Common
	Dir     string        // where files are dropped
	Pattern string        // names that are taken, a glob; "" means all but hidden ones and those on their way (.tmp, .part)
	Map     *feed.Map     // how they are read
	Settle  time.Duration // how long a file must not have changed; 0 means 5 s
	Every   time.Duration // between looks; 0 means 2 s
	Keep    time.Duration // how long files stay in done; 0 means 30 days
}

// A Folder takes files that are dropped into a folder. A file is taken when it
// has not changed for Settle, or at once if it was renamed into the folder and is
// that old. Afterwards it lies in done, or in failed if it could not be read to
// its end or nothing in it could be understood; a file of the same name with
// .report.txt says what was refused and why. Values before the place where a file
// could not be read any further are kept. After a crash a file that lies in the
// folder is read again from its start, which does no harm.
type Folder struct {
	o          FolderOptions
	department hydro.Department
	meter      meter
	seen       map[string]sighting
}

// A sighting is how a file looked, and since when.
type sighting struct {
	size     int64
	modified time.Time
	since    time.Time
}

// NewFolder returns a folder input. The error wraps hydro.ErrInvalid.
func NewFolder(o FolderOptions) (*Folder, error) {
	d, err := department(o.Map)
	if err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return nil, fmt.Errorf("name the folder: %w", hydro.ErrInvalid)
	}
	if _, err := filepath.Match(o.Pattern, ""); err != nil {
		return nil, fmt.Errorf("%q is no glob: %w", o.Pattern, hydro.ErrInvalid)
	}
	if o.Settle == 0 {
		o.Settle = 5 * time.Second
	}
	if o.Every == 0 {
		o.Every = 2 * time.Second
	}
	if o.Keep == 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	return &Folder{o: o, department: d, seen: map[string]sighting{}}, nil
}

// Status implements the gateway's inputs.
func (f *Folder) Status() Status { return f.meter.status(&f.o.Common, "folder") }

// Run takes files until ctx is done.
func (f *Folder) Run(ctx context.Context) error {
	for {
		err := f.Look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil: // a network folder that is gone comes back
			f.meter.state("waiting", err)
			f.o.Logger.Error("the folder cannot be served", "input", f.o.Name, "dir", f.o.Dir, "err", err)
		default:
			f.meter.state("waiting", nil)
		}
		if wait(ctx, f.o.Every) != nil {
			return nil
		}
	}
}

// Look takes the files that are complete now, in the order of their names.
func (f *Folder) Look(ctx context.Context) error {
	entries, err := os.ReadDir(f.o.Dir)
	if err != nil {
		return err
	}
	now := f.o.Now()
	present := map[string]bool{}
	var errs []error // a file that cannot be read holds up no other
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || !f.meant(name) {
			continue
		}
		present[name] = true
		complete, err := f.complete(e, now)
		if err == nil && complete {
			f.meter.state("reading "+name, nil)
			if err = f.take(ctx, name); err == nil {
				delete(f.seen, name)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for name := range f.seen {
		if !present[name] {
			delete(f.seen, name)
		}
	}
	return errors.Join(append(errs, f.tidy(now))...)
}

func (f *Folder) meant(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".part") {
		return false
	}
	ok, _ := filepath.Match(f.o.Pattern, name)
	return f.o.Pattern == "" || ok
}

// complete reports whether nobody seems to write the file any more.
func (f *Folder) complete(e fs.DirEntry, now time.Time) (bool, error) {
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, known := f.seen[e.Name()]
	if !known || s.size != info.Size() || !s.modified.Equal(info.ModTime()) {
		s = sighting{info.Size(), info.ModTime(), now}
		f.seen[e.Name()] = s
	}
	return now.Sub(info.ModTime()) >= f.o.Settle || now.Sub(s.since) >= f.o.Settle, nil
}

// take reads one file and moves it away. Its error means that the file stays.
func (f *Folder) take(ctx context.Context, name string) error {
	path := filepath.Join(f.o.Dir, name)
	r := report{}
	shape, ok := f.o.Map.File(name)
	if !ok {
		r.fatal = fmt.Errorf("the map has no shape for a file of this name: %w", hydro.ErrInvalid)
	} else if err := f.read(ctx, path, shape, &r); err != nil {
		return err
	}
	for _, p := range r.problems {
		f.meter.problem(name + ": " + p)
	}
	f.meter.unit()
	to := "done"
	if r.fatal != nil || r.values == 0 && r.refused > 0 {
		to = "failed"
		f.o.Logger.Error("a file could not be used; it lies in failed with a report", "input", f.o.Name, "file", name, "refused", r.refused, "err", r.fatal)
	} else if r.refused > 0 {
		f.o.Logger.Warn("parts of a file could not be used; its report says which", "input", f.o.Name, "file", name, "refused", r.refused)
	}
	return f.move(path, name, to, &r)
}

// read puts the values of a file. Its error means that the file must be read
// again; what is wrong with the file itself is in r.
func (f *Folder) read(ctx context.Context, path string, shape *feed.File, r *report) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	raws := make([]hydro.Raw, 0, chunk)
	var stop error // of ours
	flush := func() error {
		if stop == nil && len(raws) > 0 {
			stop = f.o.insist(ctx, &f.meter, f.department, raws)
			r.values += len(raws)
			raws = raws[:0]
		}
		return stop
	}
	err = shape.Read(in, func(row feed.Row) error {
		r.row(&row)
		raws = append(raws, row.Raws...)
		if len(raws) >= chunk {
			return flush()
		}
		return ctx.Err()
	})
	if stop == nil && ctx.Err() == nil {
		_ = flush()
	}
	switch {
	case stop != nil:
		return stop
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, hydro.ErrInvalid): // of the disk
		return err
	}
	r.fatal = err
	return nil
}

// move puts a file into a folder beside it, and a report with it if there is
// something to say. The report comes first: a file that has gone was reported.
func (f *Folder) move(path, name, to string, r *report) error {
	dir := filepath.Join(f.o.Dir, to)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	target := filepath.Join(dir, name)
	if _, err := os.Lstat(target); err == nil { // an earlier file of that name
		target = filepath.Join(dir, f.o.Now().UTC().Format("20060102T150405.000000Z")+"-"+name)
	}
	if r.refused > 0 || r.fatal != nil {
		if err := os.WriteFile(target+".report.txt", r.text(name), 0o644); err != nil {
			return err
		}
	}
	if err := os.Rename(path, target); err != nil {
		return err
	}
	return os.Chtimes(target, time.Time{}, f.o.Now()) // tidy counts from here
}

// tidy removes files from done that have been there for Keep.
func (f *Folder) tidy(now time.Time) error {
	dir := filepath.Join(f.o.Dir, "done")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || now.Sub(info.ModTime()) < f.o.Keep {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// maxReported is how many problems a report lists.
const maxReported = 1000

// A report is what became of one file.
type report struct {
	rows, values, missing, left int
	refused                     int // problems
	problems                    []string
	fatal                       error // why it could not be read to its end
}

func (r *report) row(row *feed.Row) {
	r.rows++
	r.missing += row.Missing
	if row.Filtered {
		r.left++
	}
	for _, p := range row.Problems {
		if r.refused++; len(r.problems) < maxReported {
			r.problems = append(r.problems, string(p.Reason)+": "+p.String())
		}
	}
}

func (r *report) text(name string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nrows %d, values taken %d, cells without a value %d, rows that the map leaves out %d, refused %d\n", name, r.rows, r.values, r.missing, r.left, r.refused)
	if r.fatal != nil {
		fmt.Fprintf(&b, "It could not be read to its end: %v\n", r.fatal)
	}
	for _, p := range r.problems {
		b.WriteString(p + "\n")
	}
	if n := r.refused - len(r.problems); n > 0 {
		fmt.Fprintf(&b, "... and %d more\n", n)
	}
	return []byte(b.String())
}

// LinesOptions say how lines are read.
type LinesOptions struct {
	Common
	From io.Reader // e.g. the standard input
	Map  *feed.Map // of one shape
}

// Lines takes rows from a stream, as they come. While the spool is full it does
// not read on, so that the writer of a pipe is held up.
type Lines struct {
	o          LinesOptions
	department hydro.Department
	meter      meter
}

// NewLines returns an input of lines. The error wraps hydro.ErrInvalid.
func NewLines(o LinesOptions) (*Lines, error) {
	d, err := department(o.Map)
	if err != nil {
		return nil, err
	}
	if len(o.Map.Files) != 1 || o.Map.Files[0].Format == feed.JSON {
		return nil, fmt.Errorf("the map must have one shape, csv or jsonl: %w", hydro.ErrInvalid)
	}
	return &Lines{o: o, department: d}, nil
}

// Status implements the gateway's inputs.
func (l *Lines) Status() Status { return l.meter.status(&l.o.Common, "stdin") }

// Run takes rows until the stream ends or ctx is done. It does not wait for a
// read of the stream to return.
func (l *Lines) Run(ctx context.Context) error {
	rows := make(chan feed.Row, chunk)
	ended := make(chan error, 1)
	l.meter.state("running", nil)
	go func() {
		defer close(rows)
		ended <- l.o.Map.Read(bufio.NewReader(l.o.From), func(row feed.Row) error {
			select {
			case rows <- row:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var raws []hydro.Raw
	for open := true; open; {
		var row feed.Row
		select {
		case row, open = <-rows:
		case <-ctx.Done():
			return nil
		}
		raws = raws[:0]
		for open { // all that have come: they share one Put
			l.meter.unit()
			for _, p := range row.Problems {
				l.meter.problem(p.String())
				l.o.Logger.Warn("a line could not be used", "input", l.o.Name, "problem", p.String())
			}
			raws = append(raws, row.Raws...)
			if len(raws) >= chunk {
				break
			}
			select {
			case row, open = <-rows:
				continue
			default:
			}
			break
		}
		if len(raws) == 0 {
			continue
		}
		if err := l.o.insist(ctx, &l.meter, l.department, slices.Clone(raws)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	err := <-ended
	l.meter.state("ended", err)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", l.o.Name, err)
	}
	return nil
}
