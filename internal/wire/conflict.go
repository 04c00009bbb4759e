package wire

import (
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var conflictKinds = map[hydro.ConflictKind]freshetv1.ConflictKind{
	hydro.ThresholdConflict: freshetv1.ConflictKind_CONFLICT_KIND_THRESHOLD,
	hydro.DatumConflict:     freshetv1.ConflictKind_CONFLICT_KIND_DATUM,
	hydro.OffsetConflict:    freshetv1.ConflictKind_CONFLICT_KIND_DATUM_OFFSET,
	hydro.UnknownDatum:      freshetv1.ConflictKind_CONFLICT_KIND_DATUM_UNKNOWN,
	hydro.ValueConflict:     freshetv1.ConflictKind_CONFLICT_KIND_VALUE,
}

// FromConflict returns a conflict as people see it at the instant now.
func FromConflict(c *hydro.Conflict, now time.Time) *freshetv1.Conflict {
	p := &freshetv1.Conflict{
		Id: c.ID, Kind: conflictKinds[c.Kind], Basin: c.Basin, Site: c.Site, Station: c.Station, Variable: FromVariable(c.Variable),
		WindowS: seconds(c.Window), Limit: c.Limit, Since: FromTime(c.Since), StoodS: max(0, now.Sub(c.Since).Seconds()),
		WhatZh: c.WhatZH(), WhatEn: c.WhatEN(), SettleZh: c.SettleZH(), SettleEn: c.SettleEN(),
	}
	if c.Stage != hydro.Clear {
		p.Stage = FromStage(c.Stage)
	}
	for i := range c.Parties {
		party := &c.Parties[i]
		out := &freshetv1.ConflictParty{
			Department: FromDepartment(party.Department), Station: party.Station, Datum: string(party.Datum), Source: party.Source,
			At: FromTime(party.At), Text: party.Text(c),
		}
		if party.HasValue {
			out.Value = &party.Value
		}
		p.Parties = append(p.Parties, out)
	}
	return p
}
