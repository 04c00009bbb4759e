package notify

import "slices"

// Calls are the duty events of 叫应, as package callout has them, that a receiver may
// name among its kinds without everything else of duty.
var Calls = []Kind{"call_due", "call_attempt", "call_confirm", "call_escalated", "call_unreached", "call_exhausted", "call_repeated", "call_done"}

// unanswered is what people are told of calls unless they ask for other kinds: that
// somebody, or a whole roster, could not be reached. Who has to call whom is for the
// desk.
var unanswered = []Kind{"call_unreached", "call_exhausted"}

// takes reports whether an item is of one of the receiver's kinds.
func (r *Receiver) takes(it *Item) bool {
	return slices.Contains(r.Kinds, it.Kind) || it.Kind == Duty && slices.Contains(r.Kinds, Kind(it.Event))
}
