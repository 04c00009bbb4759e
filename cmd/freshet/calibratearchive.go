package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"freshet/internal/calibration"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// archiveFlags say which readings of a running server a rating is fitted to.
type archiveFlags struct {
	server             serverFlags
	from, to           string
	tolerance, timeout time.Duration
}

func (f *archiveFlags) add(fs *pflag.FlagSet) {
	f.server.add(fs)
	fs.StringVar(&f.from, "from", "", "rating: without --data, level and discharge of --station are read from the server from here on (RFC 3339, or in --zone)")
	fs.StringVar(&f.to, "to", "", "rating: up to here, included")
	fs.DurationVar(&f.tolerance, "tolerance", 5*time.Minute, "rating: how far in time a level may lie from the discharge that it is paired with")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Minute, "rating: give up reading from the server after this long")
}

// read reads the pairs of a station, and its datum from the server's catalogue.
func (f *archiveFlags) read(ctx context.Context, station, zone string) (*calibration.Gaugings, string, error) {
	if station == "" {
		return nil, "", fmt.Errorf("--station: name the station whose rating it is: %w", hydro.ErrInvalid)
	}
	if f.from == "" || f.to == "" {
		return nil, "", fmt.Errorf("--from and --to are needed to read from the server, or --data for a file: %w", hydro.ErrInvalid)
	}
	from, err := parseBriefingInstant("from", f.from, zone)
	if err != nil {
		return nil, "", err
	}
	to, err := parseBriefingInstant("to", f.to, zone)
	if err != nil {
		return nil, "", err
	}
	if !from.Before(to) || f.tolerance < 0 {
		return nil, "", fmt.Errorf("--from %s, --to %s, --tolerance %s: want a time before another and a tolerance of 0 or more: %w", f.from, f.to, f.tolerance, hydro.ErrInvalid)
	}
	conn, err := f.server.dial()
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	c := freshetv1.NewStationServiceClient(conn)
	all, err := c.ListStations(ctx, &freshetv1.ListStationsRequest{})
	if err != nil {
		return nil, "", callError(f.server.address, err)
	}
	i := slices.IndexFunc(all.GetStations(), func(s *freshetv1.Station) bool { return s.GetId() == station })
	if i < 0 {
		return nil, "", fmt.Errorf("--station %s: the catalogue of %s has none of this id: %w", station, f.server.address, hydro.ErrNotFound)
	}
	st := all.GetStations()[i]
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge} {
		if !measures(st, v) {
			return nil, "", fmt.Errorf("--station %s: it reports no %s, and a rating takes pairs of level and discharge: %w", station, v, hydro.ErrInvalid)
		}
	}
	if st.GetDatum() == "" {
		return nil, "", fmt.Errorf("--station %s: the catalogue has no datum of its levels: %w", station, hydro.ErrInvalid)
	}
	levels, err := readHistory(ctx, c, station, hydro.WaterLevel, from, to)
	if err != nil {
		return nil, "", callError(f.server.address, err)
	}
	flows, err := readHistory(ctx, c, station, hydro.Discharge, from, to)
	if err != nil {
		return nil, "", callError(f.server.address, err)
	}
	g, err := calibration.PairObservations(levels, flows, hydro.Datum(st.GetDatum()), f.tolerance)
	if err != nil {
		return nil, "", fmt.Errorf("%s from %s to %s: %w", station, f.from, f.to, err)
	}
	const stamp = "2006-01-02T15:04Z"
	g.Name = fmt.Sprintf("the archive from %s to %s", from.UTC().Format(stamp), to.UTC().Format(stamp))
	return g, st.GetDatum(), nil
}
