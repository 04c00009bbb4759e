package routing

import (
	"fmt"
	"math"
)

// Cunge solves variable-parameter Muskingum-Cunge routing with the conventions of
// NOAA's t-route, so that results can be laid side by side. Depth h and outflow
// are found together, by the secant method on
//
//	f(h) = q(h) - Q(h)
//	q(h) = C1 qup + C2 quc + C3 qdp + C4                            [t-route]
//	C1 = (K X + dt/2)/D    C2 = (dt/2 - K X)/D    C3 = (K(1-X) - dt/2)/D
//	C4 = ql dt/D           D  = K(1-X) + dt/2
//	K  = max(dt, dx/c)     X  = (1 - q/(2 B s0 c dx))/2
//
// where Q(h) is the normal flow by Manning with the roughness of channel and flood
// plain weighed by wetted perimeter, c the kinematic celerity, weighed by area,
// and B the width, or twcc above bank-full. Conventions to know:
//
//   - X is held to 0 to 0.5 at the earlier depth of a secant pair, to 0.25 to 0.5
//     at the later. In X, q is f at the earlier depth one iteration ago (0 in the
//     first, where t-route reads a variable before it is set, so that its results
//     depend on the order of reaches), and q of the earlier depth at the later.
//   - The iteration starts from 0.67 and 1.33 times the depth before (plus 1 cm)
//     and ends at a change of 1 % or 1 cm in depth. That is coarse; an outflow is
//     known to a few per cent only.
//   - Where a secant step leads below the bed the iteration ends with the depth it
//     has. [Tally] counts such steps as Abandoned, those that meet the limit of
//     iterations as Unconverged, outflows that came out negative as Clipped.
//   - Mass is not conserved, because the coefficients change from step to step and
//     no storage belongs to them: [MCT] is the solver that does.
//
// [t-route] NOAA-OWP, t-route, MCsingleSegStime_f2py_NOLOOP.f90, as of the
// National Water Model 3.0.
type Cunge struct {
	dt, dx     float64
	bw, z      float64
	side       float64 // 2 sqrt(1+z²)
	kc, kf     float64 // sqrt(s0)/n, sqrt(s0)/ncc
	invX       float64 // 1/(2 s0 dx)
	bank       float64 // depth above which there is flood plain; +Inf if there is none
	twcc       float64
	area, p    float64 // area and wetted perimeter at bank-full
	invTop     float64 // 1/width at bank-full
	n, ncc, s0 float64
	bankAt     float64 // bank-full depth
}

// NewCunge returns the solver of a reach for steps of dt > 0 seconds. It fails
// if a parameter is out of the range of [ChannelParams].
func NewCunge(c Channel, dt float64) (Cunge, error) {
	if err := c.Check(); err != nil {
		return Cunge{}, fmt.Errorf("muskingum-cunge: %w", err)
	}
	if !(dt > 0) || math.IsInf(dt, 1) {
		return Cunge{}, fmt.Errorf("muskingum-cunge: dt = %g s: want > 0", dt)
	}
	return c.cunge(dt), nil
}

func (c *Channel) cunge(dt float64) Cunge {
	s := Cunge{dt: dt, dx: c.Length, bw: c.Bottom, z: 1 / c.Side, twcc: c.Compound, n: c.N, ncc: c.NCompound, s0: c.Slope}
	root := math.Sqrt(c.Slope)
	s.side = 2 * math.Sqrt(1+s.z*s.z)
	s.kc = root / c.N
	s.invX = 1 / (2 * c.Slope * c.Length)
	s.bankAt = c.bankfull()
	s.bank = math.Inf(1)
	if c.Compound > 0 {
		s.bank, s.kf = s.bankAt, root/c.NCompound
		s.area, s.p, s.invTop = (s.bw+s.bank*s.z)*s.bank, s.bw+s.bank*s.side, 1/(s.bw+2*s.bank*s.z)
	}
	return s
}

// at returns K, s, the factor g of X = (1 - g q)/2, s/m³, and the normal flow,
// m³/s, at depth h > 0.
func (s *Cunge) at(h float64) (k, g, normal float64) {
	if h > s.bank {
		c, normal := s.overbank(h)
		if c <= 0 {
			return s.dt, 0, normal
		}
		return max(s.dx/c, s.dt), s.invX / (s.twcc * c), normal
	}
	area := (s.bw + h*s.z) * h
	p := s.bw + h*s.side
	top := s.bw + 2*h*s.z
	inv := 1 / (p * top) // one division for two
	r := area * top * inv
	y := invCbrt(r)
	// c = kc r^(2/3) (…) = kc y^(-2) (…), and so 1/c, the division for which need not
	// wait for the root. The bracket is more than 0 in every trapezoid.
	slow := y * y * (1 / (s.kc * (5.0/3 - (2.0/3)*s.side*area*inv)))
	k = s.dx * slow
	if k < s.dt {
		k = s.dt
	}
	return k, p * inv * s.invX * slow, s.kc * area * r * y
}

// celerity returns the celerity, m/s, at depth h > 0.
func (s *Cunge) celerity(h float64) float64 {
	if h > s.bank {
		c, _ := s.overbank(h)
		return max(c, 0)
	}
	area, p, top := (s.bw+h*s.z)*h, s.bw+h*s.side, s.bw+2*h*s.z
	r := area / p
	return s.kc * r * invCbrt(r) * (5.0/3 - (2.0/3)*r*s.side/top)
}

// overbank returns celerity and normal flow above bank-full.
func (s *Cunge) overbank(h float64) (c, normal float64) {
	u := h - s.bank
	area, p := s.twcc*u, s.twcc+2*u
	r := (s.area + area) / (s.p + p)
	r23 := r * invCbrt(r)
	in := s.kc * r23 * (5.0/3 - (2.0/3)*r*s.side*s.invTop)
	out := s.kf * (5.0 / 3) * u * invCbrt(u)
	c = (in*s.area + out*area) / (s.area + area)
	n := (s.p*s.n + p*s.ncc) / (s.p + p)
	return c, (s.area + area) * r23 * s.kc * s.n / n
}

const (
	minDepth   = 0.01 // m, [t-route]
	tolerance  = 0.01 // of depth, [t-route]
	maxSecant  = 100
	maxRetries = 4
)

// solve makes one step and returns outflow, depth, X and the number of
// iterations. A tally that is not all zero says what went wrong.
func (s *Cunge) solve(qup, quc, qdp, ql, depth float64, tally *Tally) (q, h, x float64) {
	h = max(depth, 0)
	h0 := h * 0.67
	h = h*1.33 + minDepth
	if !(ql > 0 || qup > 0 || quc > 0 || qdp > 0) {
		return 0, 0, 0
	}
	// With w = K X, D q = w a + K qdp + b and D = K - w + dt/2.
	half, a := s.dt/2, qup-quc-qdp
	lateral := ql * s.dt
	b := half*(qup+quc-qdp) + lateral
	k0, g0, n0 := s.dt, 0.0, 0.0
	if h0 > 0 {
		k0, g0, n0 = s.at(h0)
	}
	k, g, n := s.at(h)
	var f0, w, invD float64
	limit := maxSecant
	for try := 0; ; try++ {
		n1 := 1
		for ; ; n1++ {
			x = 0.5 - 0.5*g0*f0
			if x > 0.5 {
				x = 0.5
			} else if x < 0 {
				x = 0
			}
			w = k0 * x
			q = (w*a + k0*qdp + b) / (k0 - w + half)
			f0 = q - n0
			x = 0.5 - 0.5*g*q
			if x > 0.5 {
				x = 0.5
			} else if x < 0.25 {
				x = 0.25
			}
			w = k * x
			d := k - w + half
			dq := w*a + (k*qdp + b)
			if lateral < 0 && dq < 0 {
				dq = 0 // C4 is held to what there is
			}
			// h - f (h0-h)/(f0-f) times d/d, so that it need not wait for q = dq/d.
			df := dq - d*n
			invD = 1 / d
			q = dq * invD
			h1 := h
			if d*f0 != df {
				h1 = h - df*(h0-h)/(d*f0-df)
				if h1 < 0 {
					h1 = h
					tally.Abandoned++
				}
			}
			change := math.Abs(h1 - h)
			done := change <= tolerance*h || change < minDepth || h1 < minDepth || n1 > limit
			h0, h = h, h1
			if done {
				break
			}
			k0, g0, n0 = k, g, n
			k, g, n = s.at(h)
		}
		tally.Iterations += int64(n1)
		if n1 < limit {
			break
		}
		if try == maxRetries {
			tally.Unconverged++
			break
		}
		h, h0, limit = h*1.33, h0*0.67, limit+25
		k0, g0, n0 = s.dt, 0, 0
		if h0 > 0 {
			k0, g0, n0 = s.at(h0)
		}
		k, g, n = s.at(h)
	}
	if q < 0 {
		tally.Clipped++
		q = s.clip(w, invD, k, qup, quc, qdp, lateral)
	}
	return q, h, x
}

// clip returns what t-route puts in the place of a negative outflow.
func (s *Cunge) clip(w, invD, k, qup, quc, qdp, lateral float64) float64 {
	c1, c2, c3, c4 := (w+s.dt/2)*invD, (s.dt/2-w)*invD, (k-w-s.dt/2)*invD, lateral*invD
	if c4 < 0 && -c4 > c1*qup+c2*quc+c3*qdp {
		return 0
	}
	return max(c1*qup+c2*quc+c4, c1*qup+c3*qdp+c4)
}

// A CungeStep is one step of [Cunge] in full.
type CungeStep struct {
	Outflow  float64 // qdc, m³/s
	Velocity float64 // velc, m/s, by Manning in the trapezoid alone, as t-route does above bank-full too
	Depth    float64 // depthc, m
	Celerity float64 // ck at Depth, m/s
	Courant  float64 // cn, –
	X        float64
	Tally    Tally
}

// Step returns the step from outflow qdp, m³/s, and depth, m, with qup and quc
// the flow at the head at the beginning and at the end, ql the lateral inflow,
// all in m³/s; ql below 0 is a loss. Under t-route's "short time step" quc is
// qup. It panics on NaN.
func (s *Cunge) Step(qup, quc, qdp, ql, depth float64) CungeStep {
	if sum := qup + quc + qdp + ql + depth; sum != sum {
		panic("routing: flow or depth is NaN")
	}
	r := CungeStep{Tally: Tally{Steps: 1}}
	r.Outflow, r.Depth, r.X = s.solve(qup, quc, qdp, ql, depth, &r.Tally)
	h := r.Depth
	if r.Tally.Iterations > 0 {
		if area := (s.bw + s.z*h) * h; area > 0 {
			r.Velocity = s.kc * math.Pow(area/(s.bw+s.side*h), 2.0/3)
		}
	} else {
		h = max(depth, 0)*1.33 + minDepth
	}
	if h > 0 {
		r.Celerity = s.celerity(h)
	}
	r.Courant = r.Celerity * s.dt / s.dx
	return r
}
