package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/client"
	freshetv1 "freshet/proto/freshet/v1"
)

// hashes asks for the situations as of instants.
func hashes(t *testing.T, a *app.App, instants ...time.Time) (out []string) {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, at := range instants {
		resp, err := freshetv1.NewBriefingServiceClient(conn).GetSituation(t.Context(), &freshetv1.GetSituationRequest{AsOf: timestamppb.New(at)})
		if err != nil {
			t.Fatal(err)
		}
		s := resp.GetSituation()
		if s.GetAt().AsTime().After(at) || at.Sub(s.GetAt().AsTime()) >= 10*time.Minute || len(s.GetBoard()) == 0 || len(s.GetThresholds()) == 0 || s.GetForecast() == nil {
			t.Errorf("as of %s: a situation of %s with %d stations", at, s.GetAt().AsTime(), len(s.GetBoard()))
		}
		if w := s.GetForecastWatch(); w.GetStanding() == 0 || !w.GetAt().AsTime().Equal(s.GetAt().AsTime()) || !w.GetIssuedAt().AsTime().Equal(s.GetForecast().GetIssuedAt().AsTime()) {
			t.Errorf("as of %s: standing of the forecast: %v", at, w)
		}
		out = append(out, resp.GetHash())
	}
	return out
}

func milestoneFiles(t *testing.T, data string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "milestones"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A milestone that is there, missing, damaged, of another log or of inputs that the
// log does not have never shows in what is answered.
func TestMilestonesSaveTimeAndNothingElse(t *testing.T) {
	o := options(t)
	o.MilestoneEvery = time.Hour
	a := start(t, o)
	for i := range 25 {
		if err := advance(t, a, noon.Add(time.Duration(i)*10*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	instants := []time.Time{noon.Add(35 * time.Minute), noon.Add(time.Hour), noon.Add(3*time.Hour + 7*time.Minute), noon.Add(4 * time.Hour)}
	want := hashes(t, a, instants...)
	for i, h := range want {
		for _, other := range want[:i] {
			if h == other {
				t.Error("two situations have one hash")
			}
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(how string) {
		t.Helper()
		a := start(t, o)
		for i, h := range hashes(t, a, instants...) {
			if h != want[i] {
				t.Errorf("%s: as of %s: hash %s, want %s", how, instants[i], h, want[i])
			}
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files := milestoneFiles(t, o.Data)
	if len(files) < 2 {
		t.Fatalf("%d milestones were made in four hours", len(files))
	}
	check("after a restart")
	for i, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			data = data[:len(data)/2] // the power went
		} else {
			data[len(data)/2] ^= 1
		}
		if err := os.WriteFile(f, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check("damaged")
	folder := filepath.Dir(files[0])
	if err := os.WriteFile(filepath.Join(folder, "20260608T060000.000Z-99999.zst"), []byte("of a log that was longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(folder), "0123456789abcdef")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	check("of another log")
	if _, err := os.Stat(other); err == nil {
		t.Error("another log's milestones are still there")
	}
	if err := os.RemoveAll(filepath.Join(o.Data, "milestones")); err != nil {
		t.Fatal(err)
	}
	check("without any")
}

func TestOnlyInstantsThatHaveComeHaveASituation(t *testing.T) {
	o := options(t)
	a := start(t, o)
	defer a.Close()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	briefings := freshetv1.NewBriefingServiceClient(conn)
	ask := func(at time.Time) error {
		_, err := briefings.GetSituation(t.Context(), &freshetv1.GetSituationRequest{AsOf: timestamppb.New(at)})
		return err
	}
	if err := ask(noon); status.Code(err) != codes.Unavailable {
		t.Errorf("before the first tick: %v", err)
	}
	for i := range 2 {
		if err := advance(t, a, noon.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[time.Time]codes.Code{
		noon.Add(-time.Nanosecond):              codes.NotFound,
		noon:                                    codes.OK,
		noon.Add(time.Minute):                   codes.OK,
		noon.Add(time.Minute + time.Nanosecond): codes.FailedPrecondition,
	} {
		if err := ask(at); status.Code(err) != want {
			t.Errorf("as of %s: %v, want %s", at, err, want)
		}
	}
	if _, err := briefings.CompareSituations(t.Context(), &freshetv1.CompareSituationsRequest{From: timestamppb.New(noon.Add(time.Minute)), To: timestamppb.New(noon)}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("backwards: %v", err)
	}
}
