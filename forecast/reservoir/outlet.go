package reservoir

import (
	"fmt"
	"math"

	"freshet/forecast/param"
	"freshet/forecast/rating"
)

// A Kind is a kind of outlet.
type Kind int

// The kinds of outlet, with head H above Level, h the level of the lake:
//
//	Weir      Q = Coefficient Width H^1.5                                        [USBR87]
//	Gate      Q = 2/3 √(2g) Coefficient Width (H^1.5 - (H-a)^1.5)                [USBR87]
//	Orifice   the same through a square hole of Area around Level
//	Turbines  Q = Capacity from the level Level on
//	Curve     Q by a table of level and discharge
//
// The second term of a gate of opening a counts where H exceeds a: below, the
// gate hangs free of the water and the formula is that of a weir with Coefficient
// 2/3 √(2g) times its own, above, it flows under the gate; there is no leap in
// between. A hole, with its top far below the surface, passes
// Coefficient Area √(2gH), to a share of (side/H)²/96.
const (
	Weir Kind = iota + 1
	Gate
	Orifice
	Turbines
	Curve
)

// String returns the kind as the catalogue spells it.
func (k Kind) String() string {
	if k < Weir || k > Curve {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return [...]string{"weir", "gate", "orifice", "turbines", "curve"}[k-1]
}

// ParseKind returns the kind of that spelling.
func ParseKind(s string) (Kind, bool) {
	for k := Weir; k <= Curve; k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// Coefficients of weirs, m^½/s. A weir of unit discharge coefficient under
// critical flow has (2/3)^1.5 √g.
const (
	BroadCrest = 1.705 // [Bos89]
	SharpCrest = 1.84  // [Bos89], high weir, small head: 2/3 √(2g) 0.62 to three figures
)

const gateFactor = 2.952460367595511 // 2/3 √(2g), m^½/s, with g = 9.80665 m/s²

// Params are the parameters of an [Outlet].
var Params = []param.Param{
	{Name: "Level", Unit: "m", Lo: -500, Hi: 9000, Doc: "crest of a weir, sill of a gate, centre of an orifice, lowest level at which turbines run", Source: "[USBR87]"},
	{Name: "Width", Unit: "m", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "of a weir or of all equal gates together", Source: "[USBR87]"},
	{Name: "Height", Unit: "m", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "largest opening of a gate", Source: "[USBR87]"},
	{Name: "Area", Unit: "m²", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "of an orifice", Source: "[USBR87]"},
	{Name: "Coefficient", Unit: "m^½/s or –", Lo: 0, Hi: 4, Above: true, Doc: "of a weir in m^½/s: 1.705 broad, 1.84 sharp crest, up to 2.2 ogee; of a gate or an orifice without unit: about 0.6", Source: "[USBR87]"},
	{Name: "Capacity", Unit: "m³/s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "of all turbines together", Source: "this package"},
}

// An Outlet is a way out of a reservoir. Fields that its kind does not use are 0.
type Outlet struct {
	Name        string
	Kind        Kind
	Level       float64        // m; weir, gate, orifice, turbines
	Width       float64        // m; weir, gate
	Height      float64        // m; gate
	Area        float64        // m²; orifice
	Coefficient float64        // weir m^½/s, gate and orifice without unit
	Capacity    float64        // m³/s; turbines
	Points      []rating.Point // curve: m, m³/s; both strictly ascending, the first with 0 m³/s
	Controlled  bool           // somebody can close it; gates and turbines always can
}

// needs says which of Width, Height, Area, Coefficient and Capacity a kind has.
var needs = map[Kind][5]bool{
	Weir:     {true, false, false, true, false},
	Gate:     {true, true, false, true, false},
	Orifice:  {false, false, true, true, false},
	Turbines: {false, false, false, false, true},
	Curve:    {},
}

// An outlet is an Outlet that has been checked.
type outlet struct {
	Outlet
	open  float64 // the widest setting: m of a gate, 1 of all else
	sill  float64 // m; below it nothing flows
	side  float64 // m, of an orifice
	table *rating.Table
}

// compile checks an outlet of a reservoir whose lowest level is low.
func (o *Outlet) compile(low float64) (outlet, error) {
	c := outlet{Outlet: *o, open: 1, sill: o.Level}
	need, ok := needs[o.Kind]
	if !ok {
		return c, fmt.Errorf("kind %d is not known", int(o.Kind))
	}
	if err := Params[0].Check(o.Level); err != nil {
		return c, err
	}
	for i, v := range [5]float64{o.Width, o.Height, o.Area, o.Coefficient, o.Capacity} {
		p := Params[i+1]
		if !need[i] {
			if v != 0 {
				return c, fmt.Errorf("%s = %g %s: a %s has none", p.Name, v, p.Unit, o.Kind)
			}
			continue
		}
		if err := p.Check(v); err != nil {
			return c, err
		}
		if math.IsInf(v, 0) {
			return c, fmt.Errorf("%s = %g %s: want finite", p.Name, v, p.Unit)
		}
	}
	if (o.Kind == Curve) != (o.Points != nil) {
		return c, fmt.Errorf("%d points of a %s: a curve has points, and nothing else has", len(o.Points), o.Kind)
	}
	switch o.Kind {
	case Weir: // as it stands
	case Gate:
		c.Controlled, c.open = true, o.Height
	case Turbines:
		c.Controlled = true
	case Orifice:
		c.side = math.Sqrt(o.Area)
		c.sill -= c.side / 2
	case Curve:
		t, err := rating.New(o.Points, "", 0, 0)
		if err != nil {
			return c, err
		}
		if q := o.Points[0].Discharge; q != 0 {
			return c, fmt.Errorf("%g m³/s at its first point, %g m: want 0, the level where it begins to flow", q, o.Points[0].Level)
		}
		c.table, c.sill = t, o.Points[0].Level
	}
	if !(c.sill >= low) {
		return c, fmt.Errorf("begins at %g m: want it at or above the lowest level of the storage curve, %g m", c.sill, low)
	}
	return c, nil
}

// discharge returns the flow, m³/s, through the outlet at a level, m, set to an
// opening: of a gate in m, of all else as a share.
func (o *outlet) discharge(level, setting float64) float64 {
	if level < o.sill || setting == 0 {
		return 0
	}
	switch o.Kind {
	case Weir:
		return setting * o.Coefficient * o.Width * pow15(level-o.sill)
	case Gate:
		return gateFactor * o.Coefficient * o.Width * (pow15(level-o.sill) - pow15(level-o.sill-setting))
	case Orifice:
		return setting * gateFactor * o.Coefficient * o.side * (pow15(level-o.sill) - pow15(level-o.sill-o.side))
	case Turbines:
		return setting * o.Capacity
	default:
		q, _ := o.table.Discharge(level)
		return setting * q
	}
}

// beyond reports whether the outlet's table ends below a level, m.
func (o *outlet) beyond(level float64) bool {
	return o.table != nil && level >= o.sill && o.table.Extrapolates(level)
}

// pow15 returns x^1.5, and 0 below 0.
func pow15(x float64) float64 {
	if x <= 0 {
		return 0
	}
	return x * math.Sqrt(x)
}
