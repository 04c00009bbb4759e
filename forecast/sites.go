package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/rain"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A rainSite is the gauges of rain at one place, the one with authority first: one
// gauge of the areal rain.
type rainSite struct {
	id     string // of the site; "" of a gauge that stands alone
	series []series
}

// A rainCandidate is a rain gauge of the basin, or all those at one site.
type rainCandidate struct {
	rainSite
	place rain.Place // of the first
}

func (c *rainCandidate) has(station string) bool {
	return slices.ContainsFunc(c.series, func(s series) bool { return s.key.Station == station })
}

// rainSites returns the basin's rain gauges, those of one site together and the
// one with authority first, ascending by the first station.
func (k *compiler) rainSites() []rainCandidate {
	var all []rainCandidate
	for i := range k.c.Stations { // ascending by id
		s := &k.c.Stations[i]
		if s.Basin != k.m.basin {
			continue
		}
		r := k.series(s, hydro.Rain)
		if r == nil {
			r = k.series(s, hydro.RainCounter)
		}
		if r == nil {
			continue
		}
		at := -1
		if s.Site != "" {
			at = slices.IndexFunc(all, func(c rainCandidate) bool { return c.id == s.Site })
		}
		place := rain.Place{Lon: s.Lon, Lat: s.Lat}
		switch {
		case at < 0:
			all = append(all, rainCandidate{rainSite{s.Site, []series{*r}}, place})
		case k.authority(s.Site) == s.ID:
			all[at].series, all[at].place = slices.Insert(all[at].series, 0, *r), place
		default:
			all[at].series = append(all[at].series, *r)
		}
	}
	slices.SortStableFunc(all, func(a, b rainCandidate) int {
		return strings.Compare(a.series[0].key.Station, b.series[0].key.Station)
	})
	return all
}

// authority returns the station whose rain counts at a site, or "".
func (k *compiler) authority(site string) string {
	for i := range k.c.Sites {
		if k.c.Sites[i].ID == site {
			return k.c.Sites[i].Authority[hydro.Rain]
		}
	}
	return ""
}

// arealRain returns the method that the sub-basin asks for, or else the basin.
func arealRain(s catalog.Settings, sb *catalog.SubBasin, points, gauges []rain.Place) (rain.Method, error) {
	switch method := cmp.Or(sb.ArealRain, s.ArealRain, catalog.Thiessen); method {
	case catalog.Thiessen:
		return rain.New(points, gauges, sb.Reach)
	case catalog.InverseDistance:
		return rain.NewIDW(points, gauges, sb.Reach, cmp.Or(sb.ArealPower, s.ArealPower, 2))
	default:
		return nil, fmt.Errorf("areal rain %q: want %q or %q", method, catalog.Thiessen, catalog.InverseDistance)
	}
}

// compare notes where the gauges of one site disagree over their latest common
// hour.
func (r *run) compare(site *rainSite, depth [][]float64) {
	limit := rain.Limit{MM: r.m.settings.RainDisagreeMM, Share: r.m.settings.RainDisagreeShare}
	if limit.MM == 0 {
		return
	}
	hour := max(1, int(time.Hour.Milliseconds()/r.m.stepMS))
	for i := range depth {
		for j := i + 1; j < len(depth); j++ {
			a, b, last, _, disagree := rain.Disagreement(depth[i], depth[j], hour, 3*hour, limit)
			if !disagree {
				continue
			}
			used := slices.IndexFunc(depth, func(d []float64) bool { return !math.IsNaN(d[last]) })
			r.note("rain at site %s differs over the hour to %s: %s %.1f mm, %s %.1f mm; areal rain takes that of %s", site.id,
				stamp(r.start+int64(last+1)*r.m.stepMS), site.series[i].key.Station, a, site.series[j].key.Station, b, site.series[used].key.Station)
		}
	}
}
