package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"freshet/forecast"
	"freshet/forecast/rain"
	"freshet/ingest"
	"freshet/internal/auth"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// SubmitRainForecast implements IngestService.
func (s *IngestServer) SubmitRainForecast(ctx context.Context, m *freshetv1.SubmitRainForecastRequest) (*freshetv1.SubmitRainForecastResponse, error) {
	now, cat, err := s.present()
	if err != nil {
		return nil, err
	}
	f, wrong := wire.RainForecastUnchecked(m)
	if wrong != nil {
		return nil, fieldErrors(wrong)
	}
	if err := mayForecast(ctx); err != nil {
		return nil, err
	}
	errs := append(f.Check(), s.issuedAhead(f.IssuedAt, now)...)
	if basin, ok := cat.Basin(f.Basin); !ok {
		errs = append(errs, fieldError("basin", "no basin %q in the catalogue", f.Basin))
	} else {
		errs = append(errs, knownAreas(basin, &f)...)
	}
	if len(errs) > 0 {
		return nil, fieldErrors(errs...)
	}
	f.ReceivedAt = now
	if err := s.append(ctx, f.Basin, hydro.Input{RainForecast: &f}); err != nil {
		return nil, err
	}
	return &freshetv1.SubmitRainForecastResponse{Id: submissionID(f.Basin, f.IssuedAt, f.Source)}, nil
}

// SubmitDispatchPlan implements IngestService.
func (s *IngestServer) SubmitDispatchPlan(ctx context.Context, m *freshetv1.SubmitDispatchPlanRequest) (*freshetv1.SubmitDispatchPlanResponse, error) {
	now, cat, err := s.present()
	if err != nil {
		return nil, err
	}
	p, wrong := wire.DispatchPlanUnchecked(m)
	if wrong != nil {
		return nil, fieldErrors(wrong)
	}
	var errs []*hydro.FieldError
	if p.Basin, wrong = reservoirBasin(cat, p.Basin, p.Reservoir); wrong != nil {
		errs = append(errs, wrong)
		p.Basin = "?" // told already
	}
	errs = append(errs, p.Check()...)
	errs = append(errs, s.issuedAhead(p.IssuedAt, now)...)
	if err := mayOrder(ctx, cat, p.Basin, p.Reservoir); err != nil {
		return nil, err
	}
	if wrong == nil {
		errs = append(errs, knownGates(cat, &p)...)
	}
	if len(errs) > 0 {
		return nil, fieldErrors(errs...)
	}
	p.ReceivedAt = now
	if err := s.append(ctx, p.Basin, hydro.Input{DispatchPlan: &p}); err != nil {
		return nil, err
	}
	return &freshetv1.SubmitDispatchPlanResponse{Id: submissionID(p.Basin, p.IssuedAt, p.Reservoir)}, nil
}

// Withdraw implements IngestService.
func (s *IngestServer) Withdraw(ctx context.Context, m *freshetv1.WithdrawRequest) (*freshetv1.WithdrawResponse, error) {
	now, cat, err := s.present()
	if err != nil {
		return nil, err
	}
	w, wrong := wire.WithdrawalUnchecked(m)
	if wrong != nil {
		return nil, fieldErrors(wrong)
	}
	var errs []*hydro.FieldError
	var tidal *catalog.Station
	switch {
	case w.Station != "":
		if tidal, wrong = tideStation(cat, &w.Basin, w.Station); wrong != nil {
			errs = append(errs, wrong)
			w.Basin = "?" // told already
		}
	case w.Reservoir != "":
		if w.Basin, wrong = reservoirBasin(cat, w.Basin, w.Reservoir); wrong != nil {
			errs = append(errs, wrong)
			w.Basin = "?" // told already
		}
	default:
		if _, ok := cat.Basin(w.Basin); w.Basin != "" && !ok {
			errs = append(errs, fieldError("basin", "no basin %q in the catalogue", w.Basin))
		}
	}
	errs = append(errs, w.Check()...)
	switch {
	case w.Station != "":
		err = mayTellTide(ctx, tidal)
	case w.Reservoir == "":
		err = mayForecast(ctx)
	default:
		err = mayOrder(ctx, cat, w.Basin, w.Reservoir)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range s.issuedAhead(w.At, now) {
		errs = append(errs, fieldError("withdrawn_at", "%s", e.Text))
	}
	if len(errs) > 0 {
		return nil, fieldErrors(errs...)
	}
	w.ReceivedAt = now
	if err := s.append(ctx, w.Basin, hydro.Input{Withdrawal: &w}); err != nil {
		return nil, err
	}
	return &freshetv1.WithdrawResponse{Id: submissionID(w.Basin, w.IssuedAt, withdrawn(&w))}, nil
}

// withdrawn names what is withdrawn, as its own submission did.
func withdrawn(w *hydro.Withdrawal) string {
	if w.Station != "" {
		return w.Station + "/" + w.Source
	}
	return w.Reservoir + w.Source
}

// mayOrder refuses a gateway that speaks of a reservoir whose station it may not
// write. Whether the call may be made at all was found out before.
func mayOrder(ctx context.Context, cat *catalog.Catalog, basin, reservoir string) error {
	c := callerOf(ctx)
	b, ok := cat.Basin(basin)
	if c == nil || !ok || c.who.Load().Role != auth.Gateway {
		return nil
	}
	who := c.who.Load()
	for i := range b.Reservoirs {
		if b.Reservoirs[i].ID != reservoir {
			continue
		}
		if st, ok := cat.Station(b.Reservoirs[i].Station); ok && writes(who, st) {
			return nil
		}
	}
	return c.notItsStation(ctx, "of reservoir "+reservoir)
}

// mayForecast refuses a gateway that speaks of the rain to come and is not of all
// stations of its department: the box of one gauge has no say in the whole basin.
func mayForecast(ctx context.Context) error {
	c := callerOf(ctx)
	if c == nil {
		return nil
	}
	if who := c.who.Load(); who.Role == auth.Gateway && !who.AllStations {
		return c.notItsStation(ctx, "or basin that a rain forecast is for: that takes --all-stations")
	}
	return nil
}

// knownGates says what the catalogue does not know of the outlets of a plan.
func knownGates(cat *catalog.Catalog, p *hydro.DispatchPlan) []*hydro.FieldError {
	b, _ := cat.Basin(p.Basin)
	i := slices.IndexFunc(b.Reservoirs, func(r catalog.Reservoir) bool { return r.ID == p.Reservoir })
	r := &b.Reservoirs[i] // reservoirBasin found it
	if len(p.Gates) == 0 {
		return nil
	}
	if len(r.Outlets) == 0 {
		return []*hydro.FieldError{fieldError("gates", "the catalogue gives reservoir %s no outlets: send releases", r.ID)}
	}
	if !slices.ContainsFunc(cat.Stations, func(st catalog.Station) bool {
		return st.ID == r.Station && slices.ContainsFunc(st.Parameters, func(p catalog.Parameter) bool { return p.Variable == hydro.WaterLevel })
	}) {
		return []*hydro.FieldError{fieldError("gates", "station %s of reservoir %s reports no level, from which a release would be computed: send releases", r.Station, r.ID)}
	}
	var errs []*hydro.FieldError
	for i, g := range p.Gates {
		k := slices.IndexFunc(r.Outlets, func(o catalog.Outlet) bool { return o.Name == g.Outlet })
		if k < 0 {
			errs = append(errs, fieldError(fmt.Sprintf("gates[%d].outlet", i), "reservoir %s has no outlet %q", r.ID, g.Outlet))
			continue
		}
		widest, unit, ok := r.Outlets[k].Opening()
		switch {
		case !ok:
			errs = append(errs, fieldError(fmt.Sprintf("gates[%d].outlet", i), "nobody can close outlet %q of reservoir %s", g.Outlet, r.ID))
		case !(g.Opening >= 0 && g.Opening <= widest):
			errs = append(errs, fieldError(fmt.Sprintf("gates[%d].opening", i), "outlet %q set to %g%s: want 0 to %g%s", g.Outlet, g.Opening, unit, widest, unit))
		}
	}
	return errs
}

// present returns the time that submissions are compared with, and the
// catalogue.
func (s *IngestServer) present() (time.Time, *catalog.Catalog, error) {
	now := s.opts.Now()
	if now.IsZero() {
		return now, nil, StatusError(errNoTime)
	}
	return now, s.normalizer.Load().Catalog(), nil
}

// issuedAhead refuses a time of issue that lies ahead: it would keep all that is
// issued until then from being used.
func (s *IngestServer) issuedAhead(issued, now time.Time) []*hydro.FieldError {
	limit := s.opts.Limits.Future
	if limit <= 0 {
		limit = ingest.DefaultFuture
	}
	if issued.Sub(now) <= limit {
		return nil
	}
	return []*hydro.FieldError{fieldError("issued_at", "%s is more than %s ahead of the server's %s", issued.Format(time.RFC3339), limit, now.Format(time.RFC3339))}
}

// knownAreas says what the catalogue does not know of a rain forecast's areas.
func knownAreas(b *catalog.Basin, f *hydro.RainForecast) []*hydro.FieldError {
	if len(f.Areas) == 0 {
		return nil // told by Check
	}
	if f.Areas[0].SubBasin == "" {
		return knownCells(b, f)
	}
	var errs []*hydro.FieldError
	seen := map[string]bool{}
	for i, a := range f.Areas {
		path := fmt.Sprintf("sub_basins[%d].sub_basin", i)
		switch {
		case !slices.ContainsFunc(b.SubBasins, func(s catalog.SubBasin) bool { return s.ID == a.SubBasin }):
			errs = append(errs, fieldError(path, "no sub-basin %q in basin %s", a.SubBasin, b.ID))
		case seen[a.SubBasin]:
			errs = append(errs, fieldError(path, "%q given twice", a.SubBasin))
		}
		seen[a.SubBasin] = true
	}
	return errs
}

// knownCells says where cells miss the basin. Of cells with rings it says where two
// of them hold one point: rectangles may be nested, the first one counts, but zones
// that overlap are a mistake in one of them.
func knownCells(b *catalog.Basin, f *hydro.RainForecast) []*hydro.FieldError {
	cells, held := forecast.Cells(f), false
	ringed := slices.ContainsFunc(f.Areas, func(a hydro.RainArea) bool { return len(a.Rings) > 0 })
	for i := range b.SubBasins {
		s := &b.SubBasins[i]
		points := make([]rain.Place, len(s.Points))
		for k, p := range s.Points {
			points[k] = rain.Place{Lon: p[0], Lat: p[1]}
		}
		if !held {
			_, coverage := rain.Shares(points, cells)
			held = coverage > 0
		}
		if held && !ringed {
			return nil
		}
		if first, second, k, ok := rain.Overlap(points, cells); ok && ringed {
			return []*hydro.FieldError{fieldError(fmt.Sprintf("cells[%d]", second),
				"it overlaps cells[%d]: both hold %g %g, a point of sub-basin %s; cells with rings may touch, and not overlap", first, points[k].Lon, points[k].Lat, s.ID)}
		}
	}
	if held {
		return nil
	}
	return []*hydro.FieldError{fieldError("cells", "no cell holds any of the points that sample basin %s: are longitude and latitude in order?", b.ID)}
}

// reservoirBasin returns the basin of a reservoir. basin may be "" if there is
// only one with such a reservoir.
func reservoirBasin(cat *catalog.Catalog, basin, reservoir string) (string, *hydro.FieldError) {
	var in []string
	for i := range cat.Basins {
		b := &cat.Basins[i]
		if (basin == "" || basin == b.ID) && slices.ContainsFunc(b.Reservoirs, func(r catalog.Reservoir) bool { return r.ID == reservoir }) {
			in = append(in, b.ID)
		}
	}
	switch {
	case len(in) == 1:
		return in[0], nil
	case len(in) > 1:
		return "", fieldError("basin", "basins %v have a reservoir %q: say which", in, reservoir)
	case basin != "":
		return "", fieldError("reservoir", "no reservoir %q in basin %q", reservoir, basin)
	}
	return "", fieldError("reservoir", "no reservoir %q in the catalogue", reservoir)
}

// append puts a submission on the log and returns when it is on the disk.
func (s *IngestServer) append(ctx context.Context, basin string, in hydro.Input) error {
	if s.opts.Writer(basin) == nil {
		return StatusError(fmt.Errorf("basin %s is in the catalogue but is not served here: %w", basin, hydro.ErrUnavailable))
	}
	if _, err := s.opts.Log.AppendInput(ctx, basin, in); err != nil {
		return StatusError(err)
	}
	s.metrics.submitted.WithLabelValues(in.Kind()).Inc()
	return nil
}

// submissionID names a submission, equal for a resend.
func submissionID(basin string, issued time.Time, what string) string {
	return basin + "/" + issued.UTC().Format(time.RFC3339Nano) + "/" + what
}

func fieldError(path, format string, args ...any) *hydro.FieldError {
	return &hydro.FieldError{Field: path, Text: fmt.Sprintf(format, args...)}
}

// fieldErrors is INVALID_ARGUMENT that names fields, the first ones if there are
// many.
func fieldErrors(errs ...*hydro.FieldError) error {
	v := make([]*errdetails.BadRequest_FieldViolation, 0, maxViolations)
	for _, e := range errs[:min(len(errs), maxViolations)] {
		v = append(v, &errdetails.BadRequest_FieldViolation{Field: e.Field, Description: e.Text})
	}
	return badRequest(v...)
}
