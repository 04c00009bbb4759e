package updating

// A Loss is a share of the computed flow that lastingly does not arrive.
type Loss struct {
	Share   float64 // negative for a gain; 0 before the gauge has reported for two days
	Flow    float64 // what that is on average, m³/s
	Applied bool
	Off     bool // switched off
}

// Loss returns the lasting loss that e tells of.
func (c *Corrector) Loss(e *Error) Loss {
	v := &e.Volumes
	l := Loss{Off: c.off.NoLoss}
	share, ok := c.loss(v)
	if share != 0 {
		l.Share, l.Flow = share, (v.Computed-v.Observed)/v.Weight
	}
	l.Applied = ok && !l.Off
	return l
}

// A Lag is by how much the wave lastingly comes earlier than computed.
type Lag struct {
	Seconds float64 // negative: later; 0 if chance may have made what there is, and before the gauge has reported for two days
	Applied bool    // not where it is too large to be one
	Off     bool    // switched off
}

// Lag returns the lasting error of timing that e tells of.
func (c *Corrector) Lag(e *Error) Lag {
	s, believed := c.lag(&e.Volumes)
	return Lag{Seconds: s, Applied: believed && !c.off.NoLag, Off: c.off.NoLag}
}

// A Report says what updating has learnt of a gauge and what it does with it.
type Report struct {
	Off  Parts // what is switched off
	Loss Loss
	Lag  Lag

	Now, Bias float64 // error at the last observation, after loss and lag, and the part of it that lasts, m³/s
	Silent    float64 // since the last observation, s

	// At 1 to Leads hours of lead: what of Now a forecast carries, m³/s, the sum of
	// weights that it rests on, hours, and the share of the mean square of past
	// errors that carrying so has left, 1 if nothing is known.
	Carried [Leads]float64
	Hours   [Leads]float64
	Left    [Leads]float64
}

// Report tells what e says and what c does with it.
func (c *Corrector) Report(e *Error) Report {
	r := Report{Off: c.off, Loss: c.Loss(e), Lag: c.Lag(e), Now: e.Now, Bias: e.Bias, Silent: float64(e.Silent) * c.dt}
	next := c.course(e)
	for k := range r.Carried {
		sums := &e.Fit.Sums[k]
		r.Carried[k], r.Hours[k], r.Left[k] = next.at[k+1], sums.N, 1
		if c.carries {
			theta := c.coefficients(&e.Fit, k+1)
			r.Left[k] = sums.left(&theta)
		}
	}
	return r
}
