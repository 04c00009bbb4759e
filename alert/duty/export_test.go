package duty

// Refused and Resumes are what [Next] says of cells that name no state; Never is
// one of a trigger that cannot come.
const (
	Refused = "refused"
	Never   = "never"
	Resumes = "resumes"
)

// Next is a cell of the table: a state, or one of the words above, and why a
// command is refused.
func Next(s Status, t Trigger) (to, zh, en string) {
	c := table[s][t]
	switch {
	case c.to == resume:
		return Resumes, c.zh, c.en
	case c.to == none && c.en == "":
		return Never, c.zh, c.en
	case c.to == none:
		return Refused, c.zh, c.en
	}
	return c.to.String(), c.zh, c.en
}

// Command is the name of the command that is a trigger, "" if none is.
func (t Trigger) Command() string {
	for kind, of := range triggers {
		if of == t {
			return string(kind)
		}
	}
	return ""
}
