package updating

import "math"

// Leads is the number of leads, an hour apart, at which the error model is
// fitted.
const Leads = 24

const (
	terms        = 3          // b, a - b, r - a
	spacing      = 3600.0     // between samples, s
	fitMemory    = 240.0      // F, samples
	priorSamples = 24.0       // n0
	still        = 0.01       // c
	most         = 1.5        // m
	toldSamples  = 24.0       // n1
	young, grown = 79.0, 94.0 // sums of the weights of four and of five days
)

// A Fit is what the past has taught of how errors go on: weighted sums and the
// last day's predictors, no series.
type Fit struct {
	Phase int                   // steps since the last sample
	Seen  uint32                // bit k: Past[k] was observed
	Past  [Leads][terms]float64 // predictors, m³/s, k+1 hours before the sample to come
	Sums  [Leads]Sums           // at k+1 hours of lead

	// Said holds, for each lead, what the fit said more than the half-lives in as many
	// past samples, the newest first, m³/s; Told how much of it came true.
	Said [Leads * (Leads + 1) / 2]float64
	Told [Leads]Told
}

// Told is how much of what the fit said more than the half-lives came true at a lead.
type Told struct {
	N     float64 // sum of the weights
	Said2 float64 // of what was said with itself, (m³/s)²
	True  float64 // of what was said with what came more than the half-lives say, (m³/s)²
}

// said returns what the fit said at a lead of k+1 hours, the newest first.
func (f *Fit) said(k int) []float64 { return f.Said[k*(k+1)/2:][: k+1 : k+1] }

// trust returns the share of what the fit says at a lead, hours, that is believed: as
// much as came true of what it said before that was known, at this lead and those
// beside it.
func (f *Fit) trust(lead int) float64 {
	said, came := 0.0, 0.0
	for k := lead - beside(lead); k <= min(Leads, lead+beside(lead)); k++ {
		said += f.Told[k-1].Said2
		came += f.Told[k-1].True
	}
	if said <= 0 {
		return 0
	}
	n := f.Told[lead-1].N
	return min(max(came/said, 0), 1) * n / (n + toldSamples)
}

// beside is how many leads before and behind one tell how far it is believed: a third
// of it, 3 h at most.
func beside(lead int) int { return min(3, lead/3) }

// Sums are those of the least squares at one lead.
type Sums struct {
	N  float64                          // sum of the weights
	X  [terms * (terms + 1) / 2]float64 // products of predictors, lower triangle by rows, (m³/s)²
	Y  [terms]float64                   // products with the residual, (m³/s)²
	Y2 float64                          // of the residual with itself, (m³/s)²
}

func (e *Error) predictors() [terms]float64 {
	return [terms]float64{e.Bias, e.Mean - e.Bias, e.Now - e.Mean}
}

// sample takes e into the fit.
func (c *Corrector) sample(e *Error, observed bool) {
	f := &e.Fit
	f.Phase = 0
	if observed {
		for k := range f.Sums {
			if f.Seen&(1<<k) != 0 {
				f.Sums[k].add(&f.Past[k], e.Now, c.forget)
				said, came := f.said(k)[k], e.Now
				for i, x := range f.Past[k] {
					came -= c.prior[k+1][i] * x
				}
				t := &f.Told[k]
				t.N, t.Said2, t.True = t.N*c.forget+1, t.Said2*c.forget+said*said, t.True*c.forget+said*came
			}
		}
	}
	copy(f.Past[1:], f.Past[:])
	f.Past[0] = [terms]float64{}
	f.Seen = f.Seen << 1 & (1<<Leads - 1)
	if observed {
		f.Past[0] = e.predictors()
		f.Seen |= 1
	}
	for k := range Leads {
		q := f.said(k)
		copy(q[1:], q)
		q[0] = 0
		if observed {
			theta := f.Sums[k].solve(&c.prior[k+1])
			for i, x := range f.Past[0] {
				q[0] += (theta[i] - c.prior[k+1][i]) * x
			}
		}
	}
}

func (s *Sums) add(x *[terms]float64, y, forget float64) {
	s.N = s.N*forget + 1
	s.Y2 = s.Y2*forget + y*y
	n := 0
	for i, a := range x {
		for _, b := range x[:i+1] {
			s.X[n] = s.X[n]*forget + a*b
			n++
		}
		s.Y[i] = s.Y[i]*forget + a*y
	}
}

// matrix returns the sums of products of predictors.
func (s *Sums) matrix() (a [terms][terms]float64) {
	n := 0
	for i := range terms {
		for j := range i + 1 {
			a[i][j], a[j][i] = s.X[n], s.X[n]
			n++
		}
	}
	return a
}

// solve returns the coefficients, drawn to the prior. A predictor that has hardly
// moved beside the residual keeps the prior's.
func (s *Sums) solve(prior *[terms]float64) [terms]float64 {
	if s.N == 0 {
		return *prior
	}
	// For the deviation from the prior: (S + (n0/n) diag S) d = p - S prior.
	a := s.matrix()
	d := s.Y
	for i := range terms {
		for j := range terms {
			d[i] -= a[i][j] * prior[j]
		}
	}
	ridge := priorSamples / s.N
	for i := range terms {
		a[i][i] += ridge * (a[i][i] + still*s.Y2)
	}
	// Cholesky. S is positive semidefinite, and the ridge makes it definite but
	// for predictors that have not moved: their pivot is 0, and so is their d.
	for i := range terms {
		for j := range i + 1 {
			v := a[i][j]
			for k := range j {
				v -= a[i][k] * a[j][k]
			}
			if i == j {
				a[i][i] = math.Sqrt(max(0, v))
			} else {
				a[i][j] = over(v, a[j][j])
			}
		}
	}
	for i := range terms {
		for k := range i {
			d[i] -= a[i][k] * d[k]
		}
		d[i] = over(d[i], a[i][i])
	}
	for i := terms - 1; i >= 0; i-- {
		for k := i + 1; k < terms; k++ {
			d[i] -= a[k][i] * d[k]
		}
		d[i] = over(d[i], a[i][i])
	}
	for i := range d {
		d[i] = min(max(d[i]+prior[i], -most), most)
	}
	return d
}

func over(v, pivot float64) float64 {
	if pivot == 0 {
		return 0
	}
	return v / pivot
}

// left returns the share of the residual's mean square that coefficients leave
// unexplained at a lead; 1 if there is none.
func (s *Sums) left(theta *[terms]float64) float64 {
	if s.Y2 <= 0 {
		return 1
	}
	a := s.matrix()
	v := s.Y2
	for i := range terms {
		v -= 2 * theta[i] * s.Y[i]
		for j := range terms {
			v += theta[i] * a[i][j] * theta[j]
		}
	}
	return max(0, v/s.Y2) // rounding
}

// coefficients returns those of a lead of k hours, k > 0.
func (c *Corrector) coefficients(f *Fit, k int) [terms]float64 {
	if c.off.NoFit {
		return c.prior[k]
	}
	theta, trust := f.Sums[k-1].solve(&c.prior[k]), f.trust(k)
	trust += (1 - trust) * min(max((f.Sums[k-1].N-young)/(grown-young), 0), 1)
	for i := range theta {
		theta[i] = c.prior[k][i] + trust*(theta[i]-c.prior[k][i])
	}
	return theta
}

// A course is how a gauge's error goes on after the last observation.
type course struct {
	c         *Corrector
	keep, lag float64            // 1 - l, and k, s
	x         [2]float64         // bias and rest at the last observation, m³/s
	at        [Leads + 1]float64 // residual each hour, m³/s
	more      [Leads + 1]float64 // than the half-lives leave, m³/s
	bias      float64            // the bias' part of the last
}

func (c *Corrector) course(e *Error) course {
	loss, lag := c.applied(&e.Volumes)
	out := course{c: c, keep: 1 - loss, lag: lag}
	if !c.carries {
		return out
	}
	x := e.predictors()
	out.x = [2]float64{x[0], x[1] + x[2]}
	out.at[0] = e.Now
	for k := 1; k <= Leads; k++ {
		theta := c.coefficients(&e.Fit, k)
		for i := range x {
			out.at[k] += theta[i] * x[i]
		}
		out.bias = theta[0] * x[0]
		out.more[k] = out.at[k] - c.prior[k][0]*out.x[0] - c.prior[k][1]*out.x[1]
	}
	return out
}

// after returns the residual, m³/s, that many steps after the last observation.
func (o *course) after(steps int) float64 {
	every := o.c.every
	k := steps / every
	if k >= Leads {
		f := o.c.faded(steps - Leads*every)
		return o.bias*f[0] + (o.at[Leads]-o.bias)*f[1]
	}
	f := o.c.faded(steps)
	part := float64(steps%every) / float64(every)
	return o.x[0]*f[0] + o.x[1]*f[1] + o.more[k] + part*(o.more[k+1]-o.more[k])
}
