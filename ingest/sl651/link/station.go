package link

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"freshet/ingest/sl651"
)

// A station is what the server knows of one, beyond its connections.
type station struct {
	address  sl651.Address
	handling sync.Mutex // one message at a time
	asking   sync.Mutex // one question at a time
	known    memory     // under handling

	// under Server.mu
	session *session
	gone    chan struct{} // closed when session ends

	mu       sync.Mutex
	head     sl651.Message // header of the last frame: how to speak to it
	status   Status
	waitsFor sl651.Function
	waiting  chan *sl651.Message
}

// Status is what is known of a station, for people.
type Status struct {
	Address   sl651.Address
	Connected bool
	Remote    string
	LastAt    time.Time // of the last good frame
	LastSent  time.Time // by the station's clock; zero if that was no time
	Skew      time.Duration
	Function  sl651.Function
	Serial    uint16
}

// maxStations bounds what is remembered. Beyond it the memory begins anew: a
// message sent again may then reach the handler twice.
const maxStations = 100_000

// attach notes which connection a station speaks over. The newest wins: a
// station that lost its connection leaves an old one behind that is dead. It
// returns nil if that is c.
func (s *Server) attach(c *session, f *sl651.Frame) *station {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended {
		return nil
	}
	st := c.stations[f.Station]
	if st == nil {
		if st = s.stations[f.Station]; st == nil {
			if len(s.stations) >= maxStations {
				for a, old := range s.stations {
					if old.session == nil {
						delete(s.stations, a)
					}
				}
			}
			st = &station{address: f.Station}
			s.stations[f.Station] = st
		}
		c.stations[f.Station] = st
	}
	if old := st.session; old != c {
		if old != nil {
			close(st.gone)
			delete(old.stations, f.Station)
			if len(old.stations) == 0 {
				old.ended = true
				s.n.superseded.Add(1)
				old.interrupt()
			}
		}
		st.session, st.gone = c, make(chan struct{})
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.head = sl651.Message{Mode: f.Mode, Centre: f.Centre, Station: f.Station, Password: f.Password}
	st.status.Address, st.status.Remote = f.Station, c.remote
	return st
}

// saw notes a station's message.
func (st *station) saw(m *sl651.Message, at time.Time, zone *time.Location) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.status.LastAt, st.status.Function, st.status.Serial = at, m.Function, m.Serial
	st.status.LastSent, st.status.Skew = time.Time{}, 0
	if sent, ok := m.Sent.Time(zone); ok {
		st.status.LastSent, st.status.Skew = sent, at.Sub(sent)
	}
}

// answered gives a message that is safe to the question that waits for it.
func (st *station) answered(m *sl651.Message) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.waiting != nil && st.waitsFor == m.Function {
		st.waiting <- m.Clone() // buffered, and only one is taken
		st.waiting = nil
	}
}

// Stations returns what is known of each station that was heard, ascending by
// address.
func (s *Server) Stations() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Status, 0, len(s.stations))
	for _, st := range s.stations {
		st.mu.Lock()
		status := st.status
		st.mu.Unlock()
		status.Connected = st.session != nil
		out = append(out, status)
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(string(a.Address[:]), string(b.Address[:])) })
	return out
}

// A key names a message of a station: sent again it keeps its serial number. Many
// stations set that back when they start, so the send time belongs to it.
type key struct {
	function sl651.Function
	serial   uint16
	sent     sl651.Stamp
}

func keyOf(m *sl651.Message) key { return key{m.Function, m.Serial, m.Sent} }

// remembered is how many messages of each station are known again. A station
// sends one again within minutes.
const remembered = 64

var seed = maphash.MakeSeed()

type seen struct {
	key
	hash uint64
}

// A memory holds the last messages of one station.
type memory struct {
	ring [remembered]seen
	n    int
}

// look reports whether the message is known, or one with the same key and another
// body.
func (m *memory) look(k key, body []byte) (known, conflict bool) {
	hash := maphash.Bytes(seed, body)
	for i := range min(m.n, remembered) {
		if m.ring[i].key == k {
			if m.ring[i].hash == hash {
				return true, false
			}
			conflict = true
		}
	}
	return false, conflict
}

func (m *memory) add(k key, body []byte) {
	m.ring[m.n%remembered] = seen{k, maphash.Bytes(seed, body)}
	m.n++
}
