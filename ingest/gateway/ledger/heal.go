package ledger

import (
	"context"
	"fmt"
	"time"

	"freshet/ingest/reconcile"
	"freshet/internal/hydro"
)

// compareAtOnce is how many series one comparison names; the contract allows 100.
const compareAtOnce = 100

// A Centre is the other side of a comparison.
type Centre interface {
	// CompareDays compares series of a department's day with the history and
	// returns those that differ. An error that wraps hydro.ErrUnavailable means:
	// later.
	CompareDays(ctx context.Context, d Day, series []Series) ([]Held, error)
	// SendAgain sends values that the history lost and returns when they are
	// acknowledged.
	SendAgain(ctx context.Context, d hydro.Department, raws []hydro.Raw) error
}

// Held is what the history holds of a series that differs.
type Held struct {
	Series  int    // index in what was compared
	Problem string // why it could not be compared at all; "" if it was
	Items   []reconcile.Item
}

// A Finding is one series of one day in which the history differs from what was
// sent.
type Finding struct {
	Department hydro.Department
	From       time.Time // the day
	Key        hydro.Key // with the station by the gateway's name for it
	Problem    string    // why it could not be compared at all
	Missing    int       // readings that the history had lost
	Changed    int       // readings that the history had otherwise
	Extra      int       // readings of the history that this gateway never sent: another's, or invented; never removed
}

func (f Finding) String() string {
	where := fmt.Sprintf("%s %s on %s", f.Department, f.Key, f.From.Format(time.DateOnly))
	if f.Problem != "" {
		return where + ": " + f.Problem
	}
	return fmt.Sprintf("%s: %d missing, %d changed, %d of another source", where, f.Missing, f.Changed, f.Extra)
}

// ZH is [Finding.String] in Chinese; what the centre says of a problem stays in
// its own words.
func (f Finding) ZH() string {
	where := fmt.Sprintf("%s %s %s（%s）", f.From.Format(time.DateOnly), f.Key.Station, f.Key.Variable.ZH(), f.Department)
	if f.Problem != "" {
		return where + "：无法核对：" + f.Problem
	}
	return fmt.Sprintf("%s：中心缺%d个，不一致%d个，另有来源%d个", where, f.Missing, f.Changed, f.Extra)
}

// HealOptions say which days are compared and what is told.
type HealOptions struct {
	// Now is the present.
	Now time.Time
	// After is how long after its end, and after its last reading was recorded, a
	// day is compared.
	After time.Duration
	// All compares every day that waits, over or not.
	All bool
	// Rounds is how often a day is compared, and what differs sent again, before
	// what still differs is left for the next time; 0 means 3.
	Rounds int
	// Wait lets the centre write what was sent again to the history. Required.
	Wait func(context.Context) error
	// Found is told of each finding, once a day and call.
	Found func(Finding)
}

// A Report says what a call of Heal did.
type Report struct {
	Days     int // compared
	Series   int // compared
	Findings int
	Sent     int // readings sent again
	Unhealed int // series that differ still by what was sent
}

// Heal compares the days that wait with the centre's history and sends again what
// the history lost or has otherwise. A day in which nothing that was sent differs
// any more waits no more. It returns at the first error; what was healed until
// then stays healed.
func (l *Ledger) Heal(ctx context.Context, centre Centre, o HealOptions) (Report, error) {
	if o.Rounds == 0 {
		o.Rounds = 3
	}
	var r Report
	days, err := l.Days()
	if err != nil {
		return r, err
	}
	for _, d := range days {
		if !o.All && (o.Now.Before(d.To().Add(o.After)) || o.Now.Before(d.Recorded.Add(o.After))) {
			continue
		}
		if err := l.healDay(ctx, centre, d, o, &r); err != nil {
			return r, fmt.Errorf("%s of %s: %w", d.Department, d.From.Format(time.DateOnly), err)
		}
	}
	return r, nil
}

func (l *Ledger) healDay(ctx context.Context, centre Centre, d Day, o HealOptions, r *Report) error {
	r.Days++
	left := 0
	for round := range o.Rounds {
		if round > 0 {
			if err := o.Wait(ctx); err != nil {
				return err
			}
		}
		left = 0 // series that differ in this round
		compare := func(series []Series) error {
			held, err := centre.CompareDays(ctx, d, series)
			if err != nil {
				return err
			}
			for _, h := range held {
				if h.Series < 0 || h.Series >= len(series) {
					return fmt.Errorf("the centre names series %d of %d: %w", h.Series, len(series), hydro.ErrInvalid)
				}
				s := &series[h.Series]
				f := Finding{Department: d.Department, From: d.From, Key: s.Key, Problem: h.Problem}
				var diff reconcile.Difference
				if h.Problem == "" {
					diff = reconcile.Compare(s.Items, h.Items)
					f.Missing, f.Changed, f.Extra = len(diff.Missing), len(diff.Changed), len(diff.Extra)
				}
				if round == 0 {
					r.Findings++
					if o.Found != nil {
						o.Found(f)
					}
				}
				raws := append(s.Raws(diff.Missing), s.Raws(diff.Changed)...)
				if len(raws) == 0 {
					continue
				}
				left++
				if err := centre.SendAgain(ctx, d.Department, raws); err != nil {
					return err
				}
				r.Sent += len(raws)
			}
			return nil
		}
		n, err := l.inParts(d, compare)
		if round == 0 {
			r.Series += n
		}
		if err != nil {
			return err
		}
		if left == 0 {
			return l.Compared(d)
		}
	}
	r.Unhealed += left
	return nil
}

// inParts calls f with the series of a day, so many at once as one comparison
// takes, and returns how many there are.
func (l *Ledger) inParts(d Day, f func([]Series) error) (n int, err error) {
	var part []Series
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := f(part)
		part = part[:0]
		return err
	}
	err = l.Series(d, func(s Series) error {
		n++
		if part = append(part, s); len(part) < compareAtOnce {
			return nil
		}
		return flush()
	})
	if err != nil {
		return n, err
	}
	return n, flush()
}
