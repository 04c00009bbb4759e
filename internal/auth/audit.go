package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"freshet/internal/hydro"
)

// An Event is one refusal, for the log and the record.
type Event struct {
	At      time.Time `json:"at"`
	Reason  Reason    `json:"reason"`
	Method  string    `json:"method,omitempty"`  // of gRPC, or the pattern of an HTTP request
	Who     string    `json:"who,omitempty"`     // name of the credential: never a secret
	Address string    `json:"address,omitempty"` // without port
	Text    string    `json:"text,omitempty"`
	Untold  int       `json:"untold,omitempty"` // refusals to that address before this one that were counted only
}

// Reasons of lines that the record writes of itself.
const (
	recordBegun Reason = "record_opened" // by a server that starts
	recordTorn  Reason = "record_torn"   // a crash or a full disk had cut the last line off
)

// An entry is one line of the record.
type entry struct {
	Seq uint64 `json:"seq"` // from 1, without a gap
	Event
	Prev Hash `json:"prev"` // SHA-256 of the line before, without its end; of the first line: zeros
}

const auditFile = "audit.log"

// An Audit is a record of refusals: JSON lines in files of a folder, each line
// with the hash of the one before, so that nobody can change, drop or insert a
// line without redoing all that follow; and the hash of the last line, noted
// elsewhere, holds them all. Its methods may be called from many goroutines.
//
// Lines are not synced one by one: a power cut may lose the last ones.
type Audit struct {
	dir  string
	size int64 // of one file, at most
	keep int   // files beside the one that is written

	mu    sync.Mutex
	file  *os.File
	at    int64 // its length
	first uint64
	seq   uint64
	last  Hash
}

// OpenAudit opens the record in a folder and writes on where it ends. A file is
// put aside when it has size bytes, and the oldest goes when there are more than
// keep.
func OpenAudit(dir string, size int64, keep int, now time.Time) (*Audit, error) {
	a := &Audit{dir: dir, size: size, keep: keep}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	older, err := olderFiles(dir)
	if err != nil {
		return nil, err
	}
	if len(older) > 0 { // the present file may be empty yet
		if _, err := a.follow(older[len(older)-1]); err != nil {
			return nil, err
		}
	}
	name := filepath.Join(dir, auditFile)
	if a.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	a.first = 0
	torn, err := a.follow(name)
	if err == nil {
		err = errors.Join(a.file.Truncate(a.at), keepOwner(dir, name))
	}
	if err == nil {
		_, err = a.file.Seek(a.at, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit: %w", err), a.file.Close())
	}
	if torn > 0 {
		err = a.Write(Event{At: now, Reason: recordTorn, Text: fmt.Sprintf("%d bytes at the end were no whole line", torn)})
	}
	return a, errors.Join(err, a.Write(Event{At: now, Reason: recordBegun}))
}

// follow reads a file to its end, and returns the bytes of a last line that is
// not whole.
func (a *Audit) follow(name string) (torn int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	a.at = 0
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return len(line), nil
		}
		if err != nil {
			return 0, fmt.Errorf("audit: %w", err)
		}
		a.at += int64(len(line))
		a.last = sha256.Sum256(line[:len(line)-1])
		var e entry
		if json.Unmarshal(line, &e) == nil { // what else it is, Verify tells
			a.seq = e.Seq
			if a.first == 0 {
				a.first = e.Seq
			}
		}
	}
}

// Write adds a line.
func (a *Audit) Write(e Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at >= a.size {
		if err := a.turn(); err != nil {
			return err
		}
	}
	e.At = e.At.UTC()
	line, err := json.Marshal(entry{Seq: a.seq + 1, Event: e, Prev: a.last})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if _, err := a.file.Write(append(line, '\n')); err != nil {
		_, back := a.file.Seek(a.at, io.SeekStart)
		return fmt.Errorf("audit: %w", errors.Join(err, a.file.Truncate(a.at), back))
	}
	a.at += int64(len(line)) + 1
	a.seq++
	a.last = sha256.Sum256(line)
	if a.first == 0 {
		a.first = a.seq
	}
	return nil
}

// turn puts the present file aside and begins another.
func (a *Audit) turn() error {
	name := filepath.Join(a.dir, auditFile)
	if err := errors.Join(a.file.Sync(), os.Rename(name, filepath.Join(a.dir, fmt.Sprintf("audit-%020d.log", a.first)))); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	_ = a.file.Close() // synced above
	a.file, a.at, a.first = f, 0, 0
	older, err := olderFiles(a.dir)
	for len(older) > a.keep {
		err = errors.Join(err, os.Remove(older[0]))
		older = older[1:]
	}
	return err
}

// Close syncs and closes the record.
func (a *Audit) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.file.Sync(), a.file.Close())
}

func olderFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "audit-*.log"))
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// An AuditReport is what Verify found.
type AuditReport struct {
	Files int    `json:"files"`
	Lines int    `json:"lines"`
	First uint64 `json:"first"` // above 1 if older files are gone
	Last  uint64 `json:"last"`
	Head  Hash   `json:"head"` // of the last line: note it elsewhere
	Torn  int    `json:"torn"` // bytes at the end that are no whole line: a crash, or a server that is writing
}

// VerifyAudit reads the record in a folder. The error, which wraps
// hydro.ErrConflict, names the first line that does not belong where it is. If
// noted is not zero, the line with that hash must be there: then nothing up to it
// was changed, dropped or inserted, and nothing was cut off.
func VerifyAudit(dir string, noted Hash) (AuditReport, error) {
	var r AuditReport
	files, err := olderFiles(dir)
	if err != nil {
		return r, err
	}
	name := filepath.Join(dir, auditFile)
	if _, err := os.Stat(name); err != nil {
		return r, fmt.Errorf("audit: no record: %w: %w", err, hydro.ErrNotFound)
	}
	found := noted == Hash{}
	for _, name := range append(files, name) {
		data, err := os.ReadFile(name)
		if err != nil {
			return r, fmt.Errorf("audit: %w", err)
		}
		r.Files++
		for n := 1; len(data) > 0; n++ {
			line, rest, whole := bytes.Cut(data, []byte("\n"))
			if !whole {
				r.Torn = len(line)
				if name != filepath.Join(dir, auditFile) {
					return r, fmt.Errorf("%s:%d: the file was cut off: %w", name, n, hydro.ErrConflict)
				}
				break
			}
			data = rest
			var e entry
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(&e); err != nil {
				return r, fmt.Errorf("%s:%d: no line of the record: %w: %w", name, n, err, hydro.ErrConflict)
			}
			switch {
			case r.Lines == 0 && (e.Seq == 0 || e.Seq == 1 && e.Prev != Hash{}):
				return r, fmt.Errorf("%s:%d: the record does not begin here: %w", name, n, hydro.ErrConflict)
			case r.Lines == 0:
				r.First = e.Seq
			case e.Seq != r.Last+1:
				return r, fmt.Errorf("%s:%d: line %d of the record stands where %d belongs: %w", name, n, e.Seq, r.Last+1, hydro.ErrConflict)
			case e.Prev != r.Head:
				return r, fmt.Errorf("%s:%d: the line before is not the one that this line was written after: %w", name, n, hydro.ErrConflict)
			}
			r.Lines++
			r.Last, r.Head = e.Seq, sha256.Sum256(line)
			found = found || r.Head == noted
		}
	}
	if !found {
		return r, fmt.Errorf("no line of the record has the hash that was noted: it was cut off or written anew: %w", hydro.ErrConflict)
	}
	return r, nil
}
