package rehearse

// Water is the asked half of [Stage.Ask] without its walk, for tests that ask often.
func (s *Stage) Water(x Scenario) (Run, error) {
	b := s.Footing
	ahead, _, err := x.ahead(&b, nil)
	if err != nil {
		return Run{}, err
	}
	fine, err := b.Model.Rehearse(b.Water, b.T0, x.source(&b), ahead, x.ground())
	if err != nil {
		return Run{}, err
	}
	return figures(&b, b.Catalogue, &fine), nil
}
