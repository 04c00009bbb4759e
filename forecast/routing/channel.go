package routing

import (
	"errors"
	"fmt"
	"math"

	"freshet/forecast/param"
)

// ChannelParams are the parameters of a [Channel], by the names of t-route.
var ChannelParams = []param.Param{
	{Name: "dx", Unit: "m", Lo: 0, Hi: 1e6, Above: true, Doc: "length of the reach", Source: "[t-route]"},
	{Name: "s0", Unit: "–", Lo: 0, Hi: 1, Above: true, Doc: "bed slope", Source: "[t-route]"},
	{Name: "bw", Unit: "m", Lo: 0, Hi: 1e5, Above: true, Doc: "bottom width", Source: "[t-route]", Sought: param.Sought{Lo: 1, Hi: 2000, Log: true}},
	{Name: "tw", Unit: "m", Lo: 0, Hi: 1e5, Doc: "width at bank-full; less than bw: the banks have no end", Source: "[t-route]"},
	{Name: "twcc", Unit: "m", Lo: 0, Hi: 1e6, Doc: "width of the compound channel above bank-full; 0: no flood plain, the banks have no end", Source: "[t-route]"},
	{Name: "n", Unit: "s/m^(1/3)", Lo: 0, Hi: 10, Above: true, Doc: "Manning's roughness of the channel", Source: "[t-route]", Sought: param.Sought{Lo: 0.015, Hi: 0.2, Log: true}},
	{Name: "ncc", Unit: "s/m^(1/3)", Lo: 0, Hi: 10, Doc: "Manning's roughness of the flood plain; above 0 if twcc is", Source: "[t-route]", Sought: param.Sought{Lo: 0.02, Hi: 0.4, Log: true}},
	{Name: "cs", Unit: "–", Lo: 0, Hi: 1e3, Above: true, Doc: "side slope, rise over run: the banks recede z = 1/cs per metre of height", Source: "[t-route]", Sought: param.Sought{Lo: 0.05, Hi: 5, Log: true}},
}

// A Channel is a reach whose cross section is a trapezoid with a flood plain
// above it. It takes one cache line.
type Channel struct {
	Length       float64 // dx, m
	Slope        float64 // s0, –
	Bottom       float64 // bw, m
	Top          float64 // tw, m
	Compound     float64 // twcc, m
	N, NCompound float64 // n and ncc, s/m^(1/3)
	Side         float64 // cs, –
}

// Check returns an error that names a parameter out of the range of
// [ChannelParams].
func (c *Channel) Check() error {
	for i, v := range [...]float64{c.Length, c.Slope, c.Bottom, c.Top, c.Compound, c.N, c.NCompound, c.Side} {
		if err := ChannelParams[i].Check(v); err != nil {
			return err
		}
	}
	if c.Compound > 0 && c.NCompound == 0 {
		return fmt.Errorf("ncc = 0 s/m^(1/3) with twcc = %g m: want > 0", c.Compound)
	}
	return nil
}

// bankfull returns the depth at which the flood plain begins, [t-route].
func (c *Channel) bankfull() float64 {
	switch z := 1 / c.Side; {
	case c.Bottom > c.Top:
		return c.Bottom / 1e-5
	case c.Bottom == c.Top:
		return c.Bottom / (2 * z)
	default:
		return (c.Top - c.Bottom) / (2 * z)
	}
}

// invCbrt returns x^(-1/3) to 1e-9 for normal x > 0: a guess y by the exponent,
// good to 4 %, times the series of (1-r)^(-1/3) in its residual r = 1 - x y³, in
// an order that leaves the processor little to wait for. It takes a quarter of
// the time of math.Cbrt.
func invCbrt(x float64) float64 {
	y := math.Float64frombits(0x553ef0ff289dd796 - math.Float64bits(x)/3)
	r := 1 - (x*y)*(y*y)
	s := r * r
	return y * (1 + r*(1.0/3) + s*(2.0/9+r*(14.0/81)) + s*s*(35.0/243+r*(91.0/729)+s*(728.0/6561+r*(1976.0/19683))))
}

// A section is what the mass-conservative solver asks of a channel again and
// again.
type section struct {
	dx, s0       float64
	flat         float64 // 1/(s0 dx), 1/m
	bw, z, side  float64 // side: 2 sqrt(1+z²), wetted perimeter of both banks per metre of depth
	kc, kf       float64 // sqrt(s0)/n of channel and flood plain
	bank         float64 // bank-full depth, m; +Inf without a flood plain
	top, area, p float64 // width, area and wetted perimeter at bank-full
	plain, rise  float64 // width of the flood plain, m; height over which it is reached, m
}

func (c *Channel) section() section {
	s := section{dx: c.Length, s0: c.Slope, flat: 1 / (c.Slope * c.Length), bw: c.Bottom, z: 1 / c.Side, bank: math.Inf(1)}
	s.side = 2 * math.Sqrt(1+s.z*s.z)
	root := math.Sqrt(s.s0)
	s.kc = root / c.N
	bank := c.bankfull()
	if top := c.Bottom + 2*s.z*bank; c.Compound > top {
		s.bank, s.top, s.area, s.p = bank, top, (c.Bottom+s.z*bank)*bank, c.Bottom+s.side*bank
		s.plain, s.rise, s.kf = c.Compound-top, benchRise*bank, root/c.NCompound
	}
	return s
}

// benchRise is the height, as a share of bank-full depth, over which the flood
// plain widens from nothing to all of its width.
const benchRise = 0.25

// at returns the wetted area A, m², its width B, m, the normal flow Q, m³/s, and
// dQ/dy, m²/s, at depth y > 0. All are continuous. Above bank-full channel and
// flood plain convey apart, divided by an upright line without friction. That
// comes about by and by, with h(t) = 3t²−2t³ and t = (y−bank)/rise up to 1: the
// flood plain's width is plain·h(t), and the banks' share in the channel's wetted
// perimeter grows by side·(1−h(t)) per metre.
func (s *section) at(y float64) (area, width, q, dq float64) {
	if y <= s.bank {
		area = (s.bw + s.z*y) * y
		width = s.bw + 2*s.z*y
		p := s.bw + s.side*y
		inv := 1 / (area * p) // one division for all
		r := area * area * inv
		q = s.kc * area * r * invCbrt(r)
		return area, width, q, q * (5.0/3*width*p - 2.0/3*s.side*area) * inv
	}
	u := y - s.bank
	main, p, dp := s.area+s.top*u, s.p+s.side*s.rise/2, 0.0
	w, a, df := s.plain, s.plain*(u-s.rise/2), 2.0
	if t := u / s.rise; t < 1 {
		rise := t * t * (3 - 2*t)
		p, dp = s.p+s.side*s.rise*t*(1-t*t*(1-t/2)), s.side*(1-rise)
		w, a = s.plain*rise, s.plain*s.rise*t*t*t*(1-t/2)
		df += s.plain / s.rise * 6 * t * (1 - t)
	}
	r := main / p
	q = s.kc * main * r * invCbrt(r)
	dq = q * (5*s.top/main - 2*dp/p) / 3
	if a > 0 {
		p := w + 2*u
		r := a / p
		plain := s.kf * a * r * invCbrt(r)
		q += plain
		dq += plain * (5*w/a - 2*df/p) / 3
	}
	return main + a, s.top + w, q, dq
}

// maxDepth is deeper than any river, m.
const maxDepth = 1e4

// noFlow is a flow, m³/s, of less than a molecule in the age of the universe. Its
// normal depth counts as 0: the flow of much less is no number any more.
const noFlow = 1e-200

// depth returns the depth at which the normal flow is q >= 0; 0 below [noFlow].
func (s *section) depth(q float64) (float64, error) {
	if q < noFlow {
		return 0, nil
	}
	// The depth of a wide rectangle is good where it is shallow, and a start from
	// 1 m would not come down to that of a trickle: Newton's step takes 3/5 off.
	lo, hi, y := 0.0, math.Inf(1), min(1, math.Pow(q/(s.kc*s.bw), 0.6))
	for i := range maxIterations {
		_, _, at, dq := s.at(y)
		if math.Abs(at-q) <= 1e-13*q {
			return y, nil
		}
		if at < q {
			lo = y
		} else {
			hi = y
		}
		y = between(lo, y-(at-q)/dq, hi)
		if y > maxDepth {
			return 0, fmt.Errorf("normal depth of %g m³/s: more than %g m after %d iterations: %w", q, maxDepth, i+1, ErrNoConvergence)
		}
		if hi < maxDepth && hi-lo <= 1e-15*hi { // rounding allows no better
			return y, nil
		}
	}
	return 0, fmt.Errorf("normal depth of %g m³/s: between %g and %g m after %d iterations: %w", q, lo, hi, maxIterations, ErrNoConvergence)
}

// between returns y if it lies between lo and hi, else a point that does.
func between(lo, y, hi float64) float64 {
	switch {
	case y > lo && y < hi && (!math.IsInf(hi, 1) || y < 8*lo || lo == 0):
		return y
	case math.IsInf(hi, 1):
		return 4*lo + 1e-6
	default:
		return lo + (hi-lo)/2
	}
}

// ErrNoConvergence is wrapped by the errors of iterations that gave up, with
// their count and residual.
var ErrNoConvergence = errors.New("no convergence")

const maxIterations = 200
