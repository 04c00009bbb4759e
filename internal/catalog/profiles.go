package catalog

const variableWords = "water_level, discharge, rain, rain_counter, storage, inflow, outflow, gate_opening or pan_evaporation"

// A profile is a list of parameters that stations share. It is kept as it is
// written, and read anew for each station.
func (l *loader) readProfile(m *mapping) {
	id := m.id("id")
	m.need("parameters")
	if id == "" {
		return
	}
	if _, twice := l.profileNodes[id]; twice {
		l.report(m.place("id"), "profile %q given twice", id)
		return
	}
	l.profileNodes[id] = m
}

// checkProfiles reports what is wrong inside profiles once, even if no station
// uses them.
func (l *loader) checkProfiles() {
	for _, id := range sortedKeys(l.profileNodes) {
		l.readParameters(l.profileNodes[id].list("parameters"), nil)
	}
}
