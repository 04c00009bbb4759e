package hydro

// A Basis is what a threshold is compared with: a quantity itself, or what
// follows from it.
type Basis uint8

// The bases.
const (
	Itself      Basis = iota // the value of the variable
	Rise                     // how far a level stands above the lowest of a window that ends with it, m
	OverLimit                // how far a reservoir's level stands above the limit level in force, m
	Likelihood               // how probable it is that a threshold is met within a window from the run's issue on, 0 to 1
	basisMarker              // keep last
)

var basisNames = [...]string{"value", "rise", "over_limit", "chance"}

func (m Basis) String() string { return name(basisNames[:], int(m), "basis") }

// Bases lists all bases in order.
func Bases() []Basis {
	out := make([]Basis, 0, int(basisMarker))
	for m := range basisMarker {
		out = append(out, m)
	}
	return out
}

// ParseBasis returns the basis of that name.
func ParseBasis(s string) (Basis, error) { return parse[Basis](basisNames[:], s, "basis") }
