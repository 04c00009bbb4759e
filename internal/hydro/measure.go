package hydro

// A Measure is what a threshold is compared with: a quantity itself, or what
// follows from it.
type Measure uint8

// The measures.
const (
	Itself        Measure = iota // the value of the variable
	Rise                         // how far a level stands above the lowest of a window that ends with it, m
	OverLimit                    // how far a reservoir's level stands above the limit level in force, m
	Likelihood                   // how probable it is that a threshold is met within a window from the run's issue on, 0 to 1
	measureMarker                // keep last
)

var measureNames = [...]string{"value", "rise", "over_limit", "chance"}

func (m Measure) String() string { return name(measureNames[:], int(m), "measure") }

// Measures lists all measures in order.
func Measures() []Measure {
	out := make([]Measure, 0, int(measureMarker))
	for m := range measureMarker {
		out = append(out, m)
	}
	return out
}

// ParseMeasure returns the measure of that name.
func ParseMeasure(s string) (Measure, error) { return parse[Measure](measureNames[:], s, "measure") }
