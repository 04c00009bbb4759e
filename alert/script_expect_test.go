package alert_test

import (
	"fmt"
	"strconv"
	"strings"

	"freshet/internal/hydro"
)

// expect checks "warning …", "stage …", "zh …" or "en …".
func (s *scenario) expect(text string) error {
	kind, rest, _ := strings.Cut(text, " ")
	switch kind {
	case "warning":
		got := make([]string, 0, len(s.warnings))
		for _, w := range s.warnings {
			got = append(got, describe(w, true))
		}
		s.warnings = nil
		if strings.TrimSpace(rest) == "none" {
			if len(got) > 0 {
				return fmt.Errorf("got %s", strings.Join(got, "; "))
			}
			return nil
		}
		wants := strings.Split(rest, ";")
		for i, want := range wants {
			want = strings.TrimSpace(want)
			if i >= len(got) || !matches(got[i], want) {
				return fmt.Errorf("got %s", strings.Join(got, "; "))
			}
		}
		if len(got) != len(wants) {
			return fmt.Errorf("got %s", strings.Join(got, "; "))
		}
		return nil
	case "stage":
		words := strings.Fields(rest)
		for _, status := range s.rules.Statuses(s.state) {
			if status.Station == words[1] {
				w := hydro.Warning{Station: status.Station, To: status.Stage, Cause: status.Cause}
				if got := describe(w, false); !matches(got, rest) {
					return fmt.Errorf("got %s", got)
				}
				if status.ReasonZH == "" || status.ReasonEN == "" {
					return fmt.Errorf("no reason")
				}
				return nil
			}
		}
		return fmt.Errorf("no such station")
	case "zh", "en", "now":
		id, quoted, _ := strings.Cut(rest, " ")
		want, err := strconv.Unquote(strings.TrimSpace(quoted))
		if err != nil {
			return err
		}
		got := s.last[id].ReasonZH
		if kind == "en" {
			got = s.last[id].ReasonEN
		}
		for _, status := range s.rules.Statuses(s.state) {
			if kind == "now" && status.Station == id {
				got = status.ReasonEN
			}
		}
		if got != want {
			return fmt.Errorf("got %q", got)
		}
		return nil
	}
	return fmt.Errorf("unknown expectation")
}

func describe(w hydro.Warning, from bool) string {
	out := w.To.String() + " " + w.Station
	if from {
		out = w.From.String() + "->" + out
	}
	if w.Cause != "" {
		out += fmt.Sprintf(" cause %q", w.Cause)
	}
	if w.Illustrative {
		out += " illustrative"
	}
	return out
}

// matches reports whether got is want; a want without FROM-> matches any.
func matches(got, want string) bool {
	if !strings.Contains(want, "->") {
		if _, to, ok := strings.Cut(got, "->"); ok {
			got = to
		}
	}
	return got == want
}
