package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	freshetv1 "freshet/proto/freshet/v1"
)

// raining answers with what it holds and remembers what it was asked.
type raining struct {
	freshetv1.UnimplementedSeasonServiceServer
	season *freshetv1.Season
	asked  *freshetv1.GetSeasonRequest
}

func (r *raining) GetSeason(_ context.Context, req *freshetv1.GetSeasonRequest) (*freshetv1.GetSeasonResponse, error) {
	if r.asked = req; req.GetBasin() == "none" {
		return nil, status.Error(codes.NotFound, "basin \"none\": not found")
	}
	return &freshetv1.GetSeasonResponse{Season: r.season}, nil
}

func TestTheSeasonIsPrintedForPeopleAndForMachines(t *testing.T) {
	from := time.Date(2026, 5, 21, 0, 0, 0, 0, time.UTC)
	day := func(i int) *timestamppb.Timestamp {
		return timestamppb.New(from.Add(time.Duration(i) * 24 * time.Hour))
	}
	days := []*freshetv1.SeasonDay{
		{From: day(0), To: day(1), Rain: new(40.25), Coverage: 1, Total: new(40.25), Normal: new(10.0)},
		{From: day(1), To: day(2), Total: new(40.25), Normal: new(20.0)}, // nothing was reported
		{From: day(2), To: day(3), Normal: new(30.0)},                    // still to come
	}
	r := &raining{season: &freshetv1.Season{
		Basin: "tanjiang", NameZh: "龙舟水", NameEn: "Dragon Boat rain", From: day(0), Until: day(3), AsOf: day(2), To: day(2), Hours: 48, SeasonHours: 72,
		Zone: "Asia/Shanghai", Illustrative: true, Mark: "an example", LineZh: "一句话。", LineEn: "One sentence.",
		BasinRain: &freshetv1.SeasonRain{
			Id: "tanjiang", NameZh: "潭江", NameEn: "Tanjiang", Rain: new(40.25), Coverage: 0.49999, FullHours: 24, MissingHours: 24, Days: days,
			Normal: &freshetv1.SeasonNormal{Rain: 30, Source: "a book", Illustrative: true, Passed: 2.0 / 3, ToDate: new(20.0)},
			Years:  []*freshetv1.SeasonYear{{Year: 2008, Rain: 99.5, Source: "a letter", Illustrative: true, ToDate: new(60.0)}, {Year: 2006, Rain: 12, Source: "a letter"}},
			Bound:  freshetv1.SeasonBound_SEASON_BOUND_AT_LEAST, WithheldZh: "缺得多", WithheldEn: "too much is missing",
		},
		SubBasins: []*freshetv1.SeasonRain{
			{Id: "enping", NameEn: "Enping", Rain: new(31.0), Coverage: 1, FullHours: 48},
			{
				Id: "most", NameEn: "Most", Rain: new(40.25), Coverage: 0.95, FullHours: 46, MissingHours: 2, Bound: freshetv1.SeasonBound_SEASON_BOUND_AT_LEAST,
				Normal: &freshetv1.SeasonNormal{Rain: 30, Source: "a book", Share: new(40.25 / 30), Passed: 2.0 / 3, ToDate: new(20.0), Anomaly: new(1.0125)},
				Rank:   &freshetv1.SeasonRank{Place: 2, Of: 2, Basis: freshetv1.SeasonBasis_SEASON_BASIS_TO_DATE, NotCompared: 1},
			},
			{Id: "near", NameEn: "Near", Rain: new(7.0), Coverage: 0.95, FullHours: 46, PartHours: 2, Bound: freshetv1.SeasonBound_SEASON_BOUND_ABOUT},
		},
		LeastCoverage: 0.9,
		Stations:      []*freshetv1.SeasonRain{{Id: "h-enping", NameEn: "Gauge", MissingHours: 48}},
		Read:          &freshetv1.SeasonRead{Reports: 288, LeftOut: 3, ArchiveBehind: 7},
	}}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterSeasonServiceServer(s, r) })
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"season", "--server", address}, args...))
		c.SetOut(&out)
		c.SetErr(&bytes.Buffer{})
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	dir := t.TempDir()
	svg, table := filepath.Join(dir, "season.svg"), filepath.Join(dir, "season.csv")
	text, err := run("--lang", "en", "--as-of", "2026-05-23 08:00", "--station", "h-enping", "--svg", svg, "--csv", table)
	if err != nil {
		t.Fatal(err)
	}
	if at := r.asked.GetAsOf().AsTime(); !at.Equal(from.Add(48*time.Hour)) || r.asked.GetStation() != "h-enping" {
		t.Errorf("asked %v", r.asked)
	}
	for _, want := range []string{
		"【EXAMPLE · not official】an example\nOne sentence.\n",
		"Tanjiang tanjiang  ≥ 40.2   49.9     24/0/24", "20.0            withheld*  30.0           withheld*    withheld*",
		"Most most          ≥ 40.2   95.0     46/0/2", "20.0            ≥ +101.2   30.0           ≥ 134.2      2/2 to date or higher",
		"Near near          ≈ 7.0", "* Reports cover less than the 90.0 % that a comparison needs here", "⠒ normal\n⚠ too much is missing\n",
		"Enping enping      31.0     100.0    48/0/0", "Gauge h-enping  unknown  0.0      0/0/48",
		"2008  99.5       60.0        a letter  example", "2006  12.0       –           a letter",
		"Source of the normal: a book", "288 reports of rain were read from the archive, 3 of them left out by quality control; it is 7 outputs behind",
		"⠒ normal",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text, err = run("--lang", "zh"); err != nil || !strings.Contains(text, "【示例 · 非官方】an example\n一句话。") || !strings.Contains(text, "2/2 同期，或更前") || !strings.Contains(text, "不给*") || !strings.Contains(text, "* 资料覆盖低于可比的下限 90.0 %") || !strings.Contains(text, "未知") {
		t.Errorf("%v\n%s", err, text)
	}
	text, err = run("--json")
	var got struct {
		Season struct {
			Stations []map[string]any `json:"stations"`
		} `json:"season"`
	}
	if err != nil || json.Unmarshal([]byte(text), &got) != nil || len(got.Season.Stations) != 1 || got.Season.Stations[0]["rain"] != nil {
		t.Errorf("%v\n%s", err, text)
	}
	f, err := os.Open(table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][9] != "comparable" || strings.Join(rows[1], ",") != "basin,tanjiang,2026-05-21T00:00:00Z,2026-05-22T00:00:00Z,40.25,1,40.25,10,≥,false" || rows[2][4] != "" || rows[3][6] != "" {
		t.Errorf("%v: %v", err, rows)
	}
	drawing, err := os.ReadFile(svg)
	if err != nil || !bytes.Contains(drawing, []byte("example, not official an example")) || !bytes.Contains(drawing, []byte("Tanjiang tanjiang (cover 49.9 %, not to be compared)")) || !bytes.Contains(drawing, []byte("≥ this season")) {
		t.Errorf("%v\n%s", err, drawing)
	}
	if _, err = run("--basin", "none"); err == nil {
		t.Error("a basin that is none was no error")
	}
	if _, err = run("--as-of", "yesterday"); err == nil {
		t.Error("an instant that is none was no error")
	}
	if _, err = run("--lang", "fr"); err == nil {
		t.Error("a language that nobody speaks was no error")
	}
}
