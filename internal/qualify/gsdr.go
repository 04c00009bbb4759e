package qualify

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
)

// ReadGSDR reads the *.txt files of a folder in the format of the Global Sub-Daily
// Rainfall data set: some twenty lines "Name: value" up to "Other:", then one value
// for each hour from "Start datetime" on, in mm, each for the hour up to its
// instant. A file's "Station ID" is a code of the catalogue. Its zone is CET
// without summer time, or UTC. Readings ascend by time.
func ReadGSDR(dir string, cat *catalog.Catalog) ([]replay.Reading, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("data: no file *.txt in %s: %w", dir, hydro.ErrNotFound)
	}
	slices.Sort(names)
	var out []replay.Reading
	for _, name := range names {
		in, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		one, err := parseGSDR(filepath.Base(name), in, cat)
		_ = in.Close() // only read
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	slices.SortFunc(out, func(a, b replay.Reading) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Station, b.Station)) })
	return out, nil
}

// maxHours bounds how many values of a file are read: two centuries.
const maxHours = 200 * 366 * 24

func parseGSDR(name string, in io.Reader, cat *catalog.Catalog) ([]replay.Reading, error) {
	lines := bufio.NewScanner(in)
	header := map[string]string{}
	line := 0
	fail := func(format string, args ...any) error {
		return replay.Problems{{File: name, Line: max(line, 1), Column: 1, Message: fmt.Sprintf(format, args...)}}
	}
	body := false
	for !body && lines.Scan() {
		line++
		k, v, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			return nil, fail("expected a line like %q, found %.40q", "Station ID: DE_00310", lines.Text())
		}
		header[strings.TrimSpace(k)] = strings.TrimSpace(v)
		body = k == "Other"
	}
	if !body {
		return nil, fail("the header does not end: there is no line %q", "Other:")
	}
	id := header["Station ID"]
	var st *catalog.Station
	for _, d := range hydro.Departments {
		if s, ok := cat.Resolve(d, id); ok {
			st = s
		}
	}
	if st == nil {
		return nil, fail("Station ID: the catalogue has no station of the code %q", id)
	}
	if header["New Units"] != "mm" || header["New Timestep"] != "1hr" {
		return nil, fail("New Units and New Timestep: expected mm and 1hr, found %q and %q", header["New Units"], header["New Timestep"])
	}
	zone := map[string]*time.Location{"CET": time.FixedZone("CET", 3600), "UTC": time.UTC}[header["Time Zone"]]
	if zone == nil {
		return nil, fail("Time Zone: expected CET or UTC, found %q", header["Time Zone"])
	}
	start, err := time.ParseInLocation("2006010215", header["Start datetime"], zone)
	if err != nil {
		return nil, fail("Start datetime: %q is not written as 2006010100", header["Start datetime"])
	}
	missing := header["No data value"]
	var out []replay.Reading
	for hour := 0; lines.Scan(); hour++ {
		line++
		cell := strings.TrimSpace(lines.Text())
		if cell == missing || cell == "" {
			continue
		}
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || hour > maxHours {
			return nil, fail("%.40q is no amount of rain", cell)
		}
		out = append(out, replay.Reading{
			Key: hydro.Key{Station: st.ID, Variable: hydro.Rain}, Department: st.Department,
			At: start.Add(time.Duration(hour) * time.Hour).UTC(), Interval: time.Hour, Value: v,
		})
	}
	if err := lines.Err(); err != nil {
		return nil, fail("%v", err)
	}
	return out, nil
}
