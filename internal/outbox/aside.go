package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"freshet/alert/notify"
	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// A Letter is a message that its receiver refused so often that it was set aside
// for the sake of those behind it. It is a file; what was to be said is on the
// log.
type Letter struct {
	Receiver string    `json:"receiver"`
	Basin    string    `json:"basin"`
	Seq      uint64    `json:"seq"` // on the basin's out-log
	ID       string    `json:"id"`  // the idempotency key
	Kind     string    `json:"kind"`
	Title    string    `json:"title"`
	At       time.Time `json:"at"`           // when it happened
	Since    time.Time `json:"set_aside_at"` // by the machine's clock
	Refusals int       `json:"refusals"`
	Error    string    `json:"error"` // the last one
	Resend   bool      `json:"resend"`
}

// AsideDir is the folder of letters in the data folder of a server.
const AsideDir = "outbox"

// Files of letters end in kept, those to be sent again in again, and those whose
// output the log no longer holds in gone.
const (
	kept  = ".json"
	again = ".resend"
	gone  = ".gone"
)

// resendEvery is how often an idle outbox looks for letters to be sent again.
const resendEvery = 5 * time.Second

func (l *Letter) file() string { return fmt.Sprintf("%s.%020d", l.Basin, l.Seq) }

// Letters returns what is set aside in a folder, by receiver and in the order of
// the logs. A folder that is not there holds none.
func Letters(dir string) ([]Letter, error) {
	var out []Letter
	for _, ending := range []string{kept, again} {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*"+ending))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			l, err := readLetter(file)
			if errors.Is(err, fs.ErrNotExist) { // sent meanwhile
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Letter) int {
		return cmp.Or(cmp.Compare(a.Receiver, b.Receiver), cmp.Compare(a.Basin, b.Basin), cmp.Compare(a.Seq, b.Seq))
	})
	return out, nil
}

// Resend asks the server to send a letter once more. It is told by the name of
// its file alone, so that it needs no server that runs.
func Resend(dir string, l Letter) error {
	file := filepath.Join(dir, l.Receiver, l.file())
	err := os.Rename(file+kept, file+again)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s of %s is not set aside, or waits to be sent again already: %w", l.ID, l.Receiver, hydro.ErrNotFound)
	}
	return err
}

func readLetter(file string) (l Letter, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("%s: %w: %w", file, err, hydro.ErrInvalid)
	}
	l.Resend = strings.HasSuffix(file, again)
	return l, nil
}

// refused reports whether an error is the receiver's no to this very message,
// which it will say again, and not that it cannot take any now.
func refused(err error) bool {
	if a, ok := errors.AsType[*notify.AnswerError](err); ok {
		return a.Refused()
	}
	if e, ok := errors.AsType[*gomail.SendError](err); ok {
		return e.ErrorCode() >= 500 && e.ErrorCode() <= 599
	}
	return false
}

// setAside files a message that was refused too often. When it returns an error
// the message must not be passed.
func (b *Outbox) setAside(ctx context.Context, e *entry, refusals int, cause error) error {
	l := Letter{
		Receiver: b.opts.Receiver.Name, Basin: b.opts.Basins[e.basin], Seq: e.seq, ID: e.item.ID, Kind: string(e.item.Kind), Title: e.item.Title("zh"),
		At: e.item.At, Since: b.opts.Wall(), Refusals: refusals, Error: cause.Error(),
	}
	if err := b.file(&l); err != nil {
		return err
	}
	b.opts.Metrics.aside.WithLabelValues(b.opts.Receiver.Name).Inc()
	b.waiting.Add(-1)
	b.show()
	b.count()
	b.log.ErrorContext(ctx, "MESSAGE SET ASIDE: the receiver refuses it for ever, and what waits behind it goes on; mend the receiver and send it again with freshet outbox resend",
		"id", l.ID, "title", l.Title, "refusals", refusals, "err", cause)
	return nil
}

// file writes a letter so that it outlives a power cut.
func (b *Outbox) file(l *Letter) (err error) {
	dir := filepath.Join(b.opts.Aside, l.Receiver)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, l.file())
	f, err := os.OpenFile(name+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".tmp", name+kept); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// count shows how many letters of this receiver are set aside.
func (b *Outbox) count() {
	if b.opts.Aside == "" {
		return
	}
	files, _ := filepath.Glob(filepath.Join(b.opts.Aside, b.opts.Receiver.Name, "*"+kept)) // the pattern is sound
	b.opts.Metrics.letters.WithLabelValues(b.opts.Receiver.Name).Set(float64(len(files)))
}

// resend sends the letters that somebody asked to be sent again, one try each.
// They come out of the order of the log, as late as they are.
func (b *Outbox) resend(ctx context.Context) {
	if b.opts.Aside == "" {
		return
	}
	files, _ := filepath.Glob(filepath.Join(b.opts.Aside, b.opts.Receiver.Name, "*"+again)) // the pattern is sound, and Glob sorts
	for _, file := range files {
		l, err := readLetter(file)
		if err == nil {
			err = b.resendOne(ctx, file, &l)
		}
		if err != nil {
			b.log.ErrorContext(ctx, "a message that was set aside is still not sent", "id", l.ID, "err", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
	b.count()
}

func (b *Outbox) resendOne(ctx context.Context, file string, l *Letter) error {
	base := strings.TrimSuffix(file, again)
	it, err := b.lookUp(ctx, l)
	if errors.Is(err, hydro.ErrNotFound) {
		return errors.Join(err, os.Rename(file, base+gone))
	}
	if err != nil {
		return err
	}
	if err := b.slow(ctx); err != nil {
		return err
	}
	_, err = b.send.send(ctx, message{items: []notify.Item{it}, now: b.opts.Now(), sent: b.opts.Wall(), attempt: l.Refusals + 1})
	if refused(err) { // it stays aside until somebody asks again
		l.Refusals, l.Error, l.Resend = l.Refusals+1, err.Error(), false
		return errors.Join(err, b.file(l), os.Remove(file))
	}
	if err != nil {
		return err
	}
	b.opts.Metrics.sent.WithLabelValues(b.opts.Receiver.Name).Inc()
	b.log.InfoContext(ctx, "a message that was set aside has been taken", "id", l.ID)
	return os.Remove(file)
}

// lookUpLimit bounds the reading of one output.
const lookUpLimit = 10 * time.Second

// lookUp reads what a letter is about from the log.
func (b *Outbox) lookUp(ctx context.Context, l *Letter) (notify.Item, error) {
	dropped := fmt.Errorf("output %d of %s is no longer on the log: %w", l.Seq, l.Basin, hydro.ErrNotFound)
	if !slices.Contains(b.opts.Basins, l.Basin) {
		return notify.Item{}, fmt.Errorf("basin %q is not this receiver's any more: %w", l.Basin, hydro.ErrNotFound)
	}
	first, err := b.source.FirstOutput(ctx, l.Basin)
	if err != nil {
		return notify.Item{}, err
	}
	last, err := b.source.LastOutput(ctx, l.Basin)
	if err != nil {
		return notify.Item{}, err
	}
	if l.Seq < first || l.Seq > last.Seq {
		return notify.Item{}, dropped
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	var found journal.Record
	for r, err := range b.source.Outputs(ctx, l.Basin, l.Seq-1, notify.OutputKinds()...) {
		if err != nil {
			return notify.Item{}, err
		}
		found = r
		break
	}
	if found.Seq != l.Seq {
		return notify.Item{}, errors.Join(ctx.Err(), dropped)
	}
	it, ok := notify.ItemOf(found.Output, b.opts.Catalog)
	if !ok {
		return notify.Item{}, dropped
	}
	return it, nil
}
