package feed

import (
	"fmt"
	"slices"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Check holds the stations that the map itself names against a catalogue: that
// they are there, measure what their column says, and that their department can
// report it. Stations that only the rows name are the normalizer's to judge. The
// error is [Mistakes].
func (m *Map) Check(cat *catalog.Catalog) error {
	p := mistakes{name: m.name, tree: m.tree}
	p.check(m, cat)
	if len(p.list) > 0 {
		return p.list
	}
	return nil
}

// Station returns the catalogue's station that the map means by a name: an id,
// or a code of the map's department.
func (m *Map) Station(cat *catalog.Catalog, name string) (*catalog.Station, bool) {
	if m.department != 0 {
		return cat.Resolve(m.department, name)
	}
	return cat.Station(name)
}

func (p *mistakes) check(m *Map, cat *catalog.Catalog) {
	for i := range m.Files {
		for j := range m.Files[i].Columns {
			c := &m.Files[i].Columns[j]
			if c.Station == "" {
				continue
			}
			at := fmt.Sprintf("$.files[%d].columns[%d]", i, j)
			s, ok := m.Station(cat, c.Station)
			switch {
			case !ok:
				p.fail(at+".station", "%q is no station of the catalogue %s", c.Station, cat.Name)
				continue
			case m.department != 0 && s.Department != m.department:
				p.fail(at+".station", "%s belongs to the department %s", s.ID, s.Department)
			case c.Variable == 0:
				continue
			}
			if _, ok := s.Parameter(c.Variable, c.Sensor); !ok && c.SensorFrom == "" {
				p.fail(at+".variable", "the catalogue's station %s does not measure %s", s.ID, hydro.Key{Variable: c.Variable, Sensor: c.Sensor}.String()[1:])
				continue
			}
			if m.department == 0 && !slices.Contains(reported[s.Department], c.Variable) {
				p.fail(at+".variable", "reports of the department %s cannot carry %s", s.Department, c.Variable)
			}
		}
	}
}
