package calibration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/forecast/xinanjiang"
	"freshet/internal/hydro"
)

// named returns the parameter that --bound or --set names.
func (j *job) named(flag, text, name string) (*parameter, error) {
	i := slices.IndexFunc(j.model.parameters, func(p parameter) bool { return p.Name == name })
	if i < 0 {
		var names []string
		for _, p := range j.model.parameters {
			names = append(names, p.Name)
		}
		return nil, fmt.Errorf("%s %s: %s has no parameter %q; it has %s: %w", flag, text, j.method.Name, name, strings.Join(names, ", "), hydro.ErrInvalid)
	}
	return &j.model.parameters[i], nil
}

// bounds takes over what --bound says. A parameter that the method holds is looked
// for then.
func (j *job) bounds() error {
	for _, text := range j.opts.Bounds {
		name, limits, _ := strings.Cut(text, "=")
		lo, hi, ok := strings.Cut(limits, ":")
		p, err := j.named("--bound", text, name)
		if err != nil {
			return err
		}
		if ok {
			if p.Lo, err = parseValue(lo, p); err == nil {
				p.Hi, err = parseValue(hi, p)
			}
		}
		if !ok || err != nil {
			return fmt.Errorf("--bound %s: write NAME=LO:HI with numbers, or durations such as 90m where the unit is s: %w", text, hydro.ErrInvalid)
		}
		for i, v := range []float64{p.Lo, p.Hi} {
			if err := p.valid.Check(v); err != nil && (i == 1 || v != p.valid.Lo) { // an open lower end may be named
				return fmt.Errorf("--bound %s: %w: %w", text, err, hydro.ErrInvalid)
			}
		}
		p.Above = p.valid.Above && p.Lo == p.valid.Lo
		if p.Lo <= 0 {
			p.Log = false
		}
		p.held = nil
	}
	return nil
}

// set holds what --set says.
func (j *job) set() error {
	for _, text := range j.opts.Set {
		name, value, ok := strings.Cut(text, "=")
		p, err := j.named("--set", text, name)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(j.opts.Bounds, func(b string) bool { return strings.HasPrefix(b, name+"=") }) {
			return fmt.Errorf("--set %s: --bound frees %s: give one of the two: %w", text, name, hydro.ErrInvalid)
		}
		v, err := parseValue(value, p)
		if !ok || err != nil {
			return fmt.Errorf("--set %s: write NAME=VALUE with a number, or a duration such as 90m where the unit is s: %w", text, hydro.ErrInvalid)
		}
		if err := p.valid.Check(v); err != nil {
			return fmt.Errorf("--set %s: %w: %w", text, err, hydro.ErrInvalid)
		}
		if p.Whole && v != float64(int(v)) {
			return fmt.Errorf("--set %s: want a whole number: %w", text, hydro.ErrInvalid)
		}
		p.hold(p.written(v, 0)) // as the fragment has it
	}
	return nil
}

// hold takes p out of the search.
func (p *parameter) hold(v float64) { p.held, p.Lo, p.Hi = &v, v, v }

// full returns the values of all parameters from those that are looked for.
func (j *job) full(free []float64) []float64 {
	x := make([]float64, len(j.model.parameters))
	k := 0
	for i, p := range j.model.parameters {
		if p.held != nil {
			x[i] = *p.held
			continue
		}
		x[i] = free[k]
		k++
	}
	return x
}

func parseValue(s string, p *parameter) (float64, error) {
	if p.Name == "division" { // as a catalogue writes it
		switch s {
		case "fixed":
			return float64(xinanjiang.FixedCapacity), nil
		case "area":
			return float64(xinanjiang.AreaCapacity), nil
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err == nil || p.Unit != "s" {
		return v, err
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		v, err = strconv.ParseFloat(days, 64)
		return v * 86400, err
	}
	d, err := time.ParseDuration(s)
	return d.Seconds(), err
}
