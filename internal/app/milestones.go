package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// milestones are a basin's engine as it stood right after some ticks, one in each
// stretch of engine time, in files: so that an earlier instant is a short replay
// away. They are a cache of this process's own. Nothing is ever true because of
// one: one that is missing, damaged or of another version costs time.
type milestones struct {
	dir         string // of this log: another log has another folder
	basin       string
	every, keep time.Duration // engine time; every 0: none are made
	logger      *slog.Logger

	idle chan struct{}       // holds one element while one is being written
	work chan *engine.Engine // to be written

	mu    sync.Mutex
	files []milestone // ascending
}

// A milestone is one of the files.
type milestone struct {
	at  time.Time // the tick
	seq uint64    // its number on the in-log
}

const (
	milestoneStamp = "20060102T150405.000Z"
	milestoneEnd   = ".zst"
)

func (m milestone) name() string {
	return m.at.UTC().Format(milestoneStamp) + "-" + strconv.FormatUint(m.seq, 10) + milestoneEnd
}

func parseMilestone(name string) (m milestone, ok bool) {
	base, ok := strings.CutSuffix(name, milestoneEnd)
	stamp, seq, cut := strings.Cut(base, "-")
	if !ok || !cut {
		return m, false
	}
	var errs [2]error
	m.at, errs[0] = time.Parse(milestoneStamp, stamp)
	m.seq, errs[1] = strconv.ParseUint(seq, 10, 64)
	return m, errors.Join(errs[:]...) == nil && m.name() == name
}

func compareMilestones(a, b milestone) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq))
}

// openMilestones reads which there are in dir for the log of that identity, whose
// last input is last. What another log left there goes, and what is of inputs that
// this one does not have: it was restored from a backup, and will have others.
func openMilestones(dir, basin, identity string, last uint64, every, keep time.Duration, logger *slog.Logger) (*milestones, error) {
	sum := sha256.Sum256([]byte(identity))
	of := hex.EncodeToString(sum[:8])
	m := &milestones{
		dir: filepath.Join(dir, of), basin: basin, every: every, keep: keep, logger: logger,
		idle: make(chan struct{}, 1), work: make(chan *engine.Engine, 1),
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, err
	}
	others, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		if o.Name() != of {
			if err := os.RemoveAll(filepath.Join(dir, o.Name())); err != nil {
				return nil, err
			}
		}
	}
	files, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		s, ok := parseMilestone(f.Name())
		if ok && s.seq <= last {
			m.files = append(m.files, s)
		} else if err := os.Remove(filepath.Join(m.dir, f.Name())); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(m.files, compareMilestones)
	return m, nil
}

// openMilestones opens those of the basin. The log must have been looked at.
func (b *basin) openMilestones(ctx context.Context, opts Options) (err error) {
	identity, err := b.log.Identity(ctx, b.id)
	if err != nil {
		return err
	}
	b.milestones, err = openMilestones(filepath.Join(opts.Data, "milestones", b.id), b.id, identity, b.head.Load(), opts.MilestoneEvery, opts.MilestoneKeep, b.logger)
	return err
}

// before returns the newest milestone at or before an instant.
func (m *milestones) before(at time.Time) (milestone, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearchFunc(m.files, at, func(s milestone, at time.Time) int {
		if s.at.After(at) {
			return 1
		}
		return -1
	})
	if i == 0 {
		return milestone{}, false
	}
	return m.files[i-1], true
}

// passed has a milestone made of e, which has just applied a tick, if it is the
// first of its stretch and there is none. It copies the state and returns: who
// applies is not held up by what it takes to write it. While one is written others
// are left out; a fold that comes by makes up for it.
func (m *milestones) passed(e *engine.Engine, before time.Time) {
	now := e.Now()
	if m.every <= 0 || before.IsZero() || !now.Truncate(m.every).After(before) {
		return
	}
	m.mu.Lock()
	_, found := slices.BinarySearchFunc(m.files, milestone{now, e.Seq()}, compareMilestones)
	late := len(m.files) > 0 && now.Before(m.files[len(m.files)-1].at.Add(-m.keep))
	m.mu.Unlock()
	if found || late {
		return
	}
	select {
	case m.idle <- struct{}{}:
		m.work <- e.Fork()
	default:
	}
}

// run writes milestones until ctx is done.
func (m *milestones) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-m.work:
			if err := m.save(e); err != nil {
				m.logger.Warn("no milestone made, earlier instants take longer", "at", e.Now(), "err", err)
			}
			<-m.idle
		}
	}
}

// save writes one, and removes those that are too old.
func (m *milestones) save(e *engine.Engine) error {
	data, err := e.Snapshot()
	if err != nil {
		return err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	data = enc.EncodeAll(data, make([]byte, 0, len(data)/4))
	if err := enc.Close(); err != nil {
		return err
	}
	s := milestone{at: e.Now(), seq: e.Seq()}
	file := filepath.Join(m.dir, s.name())
	if err := os.WriteFile(file+".part", data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".part", file); err != nil {
		return err
	}
	m.mu.Lock()
	if i, found := slices.BinarySearchFunc(m.files, s, compareMilestones); !found {
		m.files = slices.Insert(m.files, i, s)
	}
	oldest := m.files[len(m.files)-1].at.Add(-m.keep)
	var old []milestone
	for len(m.files) > 0 && m.files[0].at.Before(oldest) {
		old = append(old, m.files[0])
		m.files = m.files[1:]
	}
	m.mu.Unlock()
	for _, o := range old {
		m.remove(o)
	}
	return nil
}

// load reads one. Known stands in for its catalogue if that is the same.
func (m *milestones) load(s milestone, known *catalog.Catalog) (*engine.Engine, error) {
	data, err := os.ReadFile(filepath.Join(m.dir, s.name()))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMilestone))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	if data, err = dec.DecodeAll(data, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	e, err := engine.Restore(data, known)
	if err != nil {
		return nil, err
	}
	if e.Basin() != m.basin || e.Seq() != s.seq || !e.Now().Equal(s.at) {
		return nil, fmt.Errorf("it holds input %d of basin %s at %s: %w", e.Seq(), e.Basin(), e.Now().UTC().Format(time.RFC3339), hydro.ErrInvalid)
	}
	return e, nil
}

// maxMilestone bounds what a file may unpack to.
const maxMilestone = 4 << 30

// drop forgets one and removes it.
func (m *milestones) drop(s milestone) {
	m.mu.Lock()
	m.files = slices.DeleteFunc(m.files, func(o milestone) bool { return o == s })
	m.mu.Unlock()
	m.remove(s)
}

func (m *milestones) remove(s milestone) {
	if err := os.Remove(filepath.Join(m.dir, s.name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.logger.Warn("milestone not removed", "file", s.name(), "err", err)
	}
}
