package verify

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"freshet/forecast/skill"
	"freshet/internal/hydro"
)

// profileFile is a profile as a file gives it. What it leaves out is the base's.
type profileFile struct {
	Base          string      `yaml:"base"`
	Name          string      `yaml:"name"`
	Source        string      `yaml:"source"`
	DC            *[3]float64 `yaml:"dc"`
	QR            *[3]float64 `yaml:"qr"`
	Single        *[3]float64 `yaml:"single"`
	Peak          []peakFile  `yaml:"peak"`
	ChangeShare   *float64    `yaml:"change_share"`
	FlowFloor     *float64    `yaml:"flow_floor_share"`
	LevelFloor    *float64    `yaml:"level_floor_m"`
	PeakTimeShare *float64    `yaml:"peak_time_share"`
	PeakTimeFloor *string     `yaml:"peak_time_floor"`
	DepthShare    *float64    `yaml:"runoff_depth_share"`
	DepthLeast    *float64    `yaml:"runoff_depth_least_mm"`
	DepthMost     *float64    `yaml:"runoff_depth_most_mm"`
}

type peakFile struct {
	Above float64 `yaml:"above_km2"`
	Share float64 `yaml:"share"`
}

// LoadProfile returns the profile of that name, or the one in the YAML file of
// that path. The error wraps hydro.ErrInvalid and says what is wrong.
func LoadProfile(name string) (skill.Profile, error) {
	if p, ok := named(name); ok {
		return p, nil
	}
	if !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
		return skill.Profile{}, fmt.Errorf("profile %q: %s or a YAML file is needed: %w", name, strings.Join(profileNames(), ", "), hydro.ErrInvalid)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return skill.Profile{}, fmt.Errorf("profile: %w: %w", err, hydro.ErrInvalid)
	}
	p, err := ParseProfile(data)
	if err != nil {
		return skill.Profile{}, fmt.Errorf("%s: %w: %w", name, err, hydro.ErrInvalid)
	}
	p.ID = name
	return p, nil
}

func named(id string) (skill.Profile, bool) {
	i := slices.IndexFunc(skill.Profiles, func(p skill.Profile) bool { return p.ID == id })
	if i < 0 {
		return skill.Profile{}, false
	}
	return skill.Profiles[i], true
}

func profileNames() []string {
	var names []string
	for _, p := range skill.Profiles {
		names = append(names, p.ID)
	}
	return names
}

// ParseProfile reads a profile from YAML; docs/models/verification.md describes
// its keys. An unknown key is an error.
func ParseProfile(data []byte) (skill.Profile, error) {
	var f profileFile
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return skill.Profile{}, fmt.Errorf("profile: %w", err)
	}
	if f.Name == "" {
		return skill.Profile{}, fmt.Errorf("profile: name: missing; say which standard and edition the numbers are of")
	}
	p := skill.Profiles[0]
	if f.Base != "" {
		base, ok := named(f.Base)
		if !ok {
			return skill.Profile{}, fmt.Errorf("profile: base %q: %s are known", f.Base, strings.Join(profileNames(), ", "))
		}
		p = base
	}
	p.Name, p.Basis = f.Name, slices.Clone(p.Basis)
	given := func(item string) {
		source := f.Source
		if source == "" {
			source = "not stated"
		}
		i := slices.IndexFunc(p.Basis, func(b skill.Basis) bool { return b.Item == item })
		p.Basis[i] = skill.Basis{Item: item, Trust: skill.GivenByUser, Source: source}
	}
	if f.DC != nil {
		p.DC = *f.DC
		given("dc")
	}
	if f.QR != nil {
		p.QR = *f.QR
		given("qr")
	}
	if f.Single != nil {
		p.Single = *f.Single
		given("single")
	}
	if f.Peak != nil {
		p.Peak = nil
		for _, row := range f.Peak {
			p.Peak = append(p.Peak, skill.AreaShare(row))
		}
		given("peak")
	}
	for _, n := range []struct {
		from *float64
		into *float64
		item string
	}{
		{f.ChangeShare, &p.ChangeShare, "change"},
		{f.FlowFloor, &p.FlowFloor, "flow_floor"},
		{f.LevelFloor, &p.LevelFloor, "level_floor"},
		{f.PeakTimeShare, &p.PeakTimeShare, "peak_time"},
		{f.DepthShare, &p.DepthShare, "runoff_depth"},
		{f.DepthLeast, &p.DepthLeast, "runoff_depth"},
		{f.DepthMost, &p.DepthMost, "runoff_depth"},
	} {
		if n.from != nil {
			*n.into = *n.from
			given(n.item)
		}
	}
	if f.PeakTimeFloor != nil {
		d, err := time.ParseDuration(*f.PeakTimeFloor)
		if err != nil {
			return skill.Profile{}, fmt.Errorf("profile: peak_time_floor: %w", err)
		}
		p.PeakTimeFloor = d
		given("peak_time")
	}
	return p, p.Check()
}
