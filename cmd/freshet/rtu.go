package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/rtu"
	"freshet/internal/hydro"
)

// rtuCommand is `freshet rtu`: simulated stations, for tests and demonstrations.
func rtuCommand() *cobra.Command {
	var (
		f       fleet
		first   string
		journal string
		lasts   time.Duration
		ascii   bool
	)
	c := &cobra.Command{
		Use:    "rtu --to ADDR",
		Short:  "Simulate stations that report by SL 651-2014 over TCP",
		Hidden: true,
		Long: `Rtu dials a gateway as many stations, whose addresses follow each other from
--first on. Each sends a report again until it is answered, and obeys the centre.
Observation times have no seconds: with --step they go on by that much from report
to report, however fast the reports come.

The journal holds one JSON line for each report that was acknowledged.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.to == "":
				return fmt.Errorf("--to is needed, the address of a gateway: %w", hydro.ErrInvalid)
			case f.stations < 1 || f.stations > 100_000:
				return fmt.Errorf("--stations %d: possible are 1 to 100000: %w", f.stations, hydro.ErrInvalid)
			case f.every <= 0 || lasts < 0 || f.step < 0:
				return fmt.Errorf("--every must be longer than 0, --for and --step not negative: %w", hydro.ErrInvalid)
			}
			var err error
			if f.first, err = sl651.ParseAddress(first); err != nil {
				return fmt.Errorf("--first: %w", err)
			}
			if ascii {
				f.mode = sl651.ASCII
			}
			ctx := cmd.Context()
			if lasts > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, lasts)
				defer cancel()
			}
			if journal == "" {
				return f.run(ctx, cmd.OutOrStdout(), io.Discard)
			}
			file, err := os.Create(journal)
			if err != nil {
				return fmt.Errorf("journal: %w", err)
			}
			w := bufio.NewWriter(file)
			err = f.run(ctx, cmd.OutOrStdout(), w)
			for _, step := range []func() error{w.Flush, file.Close} {
				if e := step(); e != nil && err == nil {
					err = fmt.Errorf("journal: %w", e)
				}
			}
			return err
		},
	}
	c.Flags().StringVar(&f.to, "to", "", "host:port of the gateway")
	c.Flags().IntVar(&f.stations, "stations", 10, "how many")
	c.Flags().StringVar(&first, "first", "0081000001", "address of the first station, ten hexadecimal digits")
	c.Flags().DurationVar(&f.every, "every", 5*time.Second, "between the reports of a station")
	c.Flags().DurationVar(&lasts, "for", 0, "how long; 0: until stopped")
	c.Flags().DurationVar(&f.step, "step", 0, "of the observation time from report to report; 0: by the clock")
	c.Flags().DurationVar(&f.answer, "answer", 5*time.Second, "how long to wait for an answer")
	c.Flags().BoolVar(&ascii, "ascii", false, "ASCII mode")
	c.Flags().StringVar(&journal, "journal", "", "file for what was acknowledged")
	return c
}

// A fleet is many simulated stations.
type fleet struct {
	to            string
	stations      int
	first         sl651.Address
	every, answer time.Duration
	step          time.Duration
	mode          sl651.Mode
}

// journalled is a line of the journal.
type journalled struct {
	Station string             `json:"station"`
	At      time.Time          `json:"at"`
	Serial  uint16             `json:"serial"`
	Values  map[string]float64 `json:"values"`
}

func (f *fleet) run(ctx context.Context, out, journal io.Writer) error {
	var (
		mu     sync.Mutex
		failed error
		dialer net.Dialer
		wg     sync.WaitGroup
	)
	encoder := json.NewEncoder(journal)
	began := time.Now()
	all := make([]*rtu.RTU, 0, f.stations)
	for i := range f.stations {
		station, err := rtu.New(rtu.Options{
			Address: following(f.first, i), Mode: f.mode, Now: time.Now, Every: f.every, Answer: f.answer,
			// one after the other, as the clock of a real one is not the clock of another
			Start: began.Add(-3 * time.Hour).Truncate(time.Minute), Step: f.step,
			Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", f.to) },
			Acked: func(r rtu.Report) {
				line := journalled{Station: r.Address.String(), At: r.At, Serial: r.Serial, Values: map[string]float64{}}
				for _, v := range r.Values {
					line.Values[v.ID.String()] = v.Value
				}
				mu.Lock()
				defer mu.Unlock()
				if err := encoder.Encode(line); err != nil && failed == nil {
					failed = fmt.Errorf("journal: %w", err)
				}
			},
		})
		if err != nil {
			return err
		}
		all = append(all, station)
		start := time.Duration(i) * f.every / time.Duration(f.stations)
		wg.Go(func() {
			timer := time.NewTimer(start)
			select {
			case <-ctx.Done():
				timer.Stop()
			case <-timer.C:
				_ = station.Run(ctx) // it ends with ctx, and says nothing
			}
		})
	}
	wg.Wait()
	var total rtu.Counts
	waiting := 0
	for _, r := range all {
		c := r.Counts()
		total.Made += c.Made
		total.Acked += c.Acked
		total.Resent += c.Resent
		total.Dropped += c.Dropped
		total.Dials += c.Dials
		total.Answered += c.Answered
		waiting += r.Waiting()
	}
	fmt.Fprintf(out, "%d stations: %d reports made, %d acknowledged, %d waiting, %d dropped, %d sent again, %d connections, %d questions answered\n",
		f.stations, total.Made, total.Acked, waiting, total.Dropped, total.Resent, total.Dials, total.Answered)
	return failed
}

// following returns the address n after a, counted in decimal digits where they
// are digits: the way that station codes follow each other.
func following(a sl651.Address, n int) sl651.Address {
	for i := len(a) - 1; i >= 0 && n > 0; i-- {
		v := int(a[i]>>4)*10 + int(a[i]&15) + n
		a[i], n = byte(v%100/10<<4|v%10), v/100
	}
	return a
}
