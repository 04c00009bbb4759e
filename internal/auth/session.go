package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// Sessions are those who have signed in at a browser. A session stands on what
// was shown when it began, a token or somebody's claims, and ends with it: its
// owner is looked up again each time. Only the hash of a session's id is kept.
// Its methods may be called from many goroutines.
type Sessions struct {
	book   *Book
	people *Members // nil: no provider is asked
	now    func() time.Time
	bounds SessionBounds

	mu     sync.Mutex
	path   string // of the file; "": none
	failed func(error)
	open   map[Hash]*session
}

// SessionBounds say when a session ends by itself.
type SessionBounds struct {
	// Idle is how long a session may go unused; an open feed counts as use. 0 means
	// one hour.
	Idle time.Duration
	// Absolute is how long a session may last; 0 means 24 hours: one watch of a duty
	// desk.
	Absolute time.Duration
	// Each is how many sessions one person may have; 0 means 20. The one that was
	// used longest ago makes room.
	Each int
}

func (b SessionBounds) orDefault() SessionBounds {
	if b.Idle <= 0 {
		b.Idle = time.Hour
	}
	if b.Absolute <= 0 {
		b.Absolute = 24 * time.Hour
	}
	if b.Each <= 0 {
		b.Each = 20
	}
	return b
}

type session struct {
	cred    Credential // with the session's hash
	expires time.Time  // whatever happens
	used    time.Time
}

// NewSessions returns no sessions yet. people may be nil.
func NewSessions(book *Book, people *Members, now func() time.Time, bounds SessionBounds) *Sessions {
	return &Sessions{book: book, people: people, now: now, bounds: bounds.orDefault(), open: map[Hash]*session{}}
}

// Bounds returns when sessions end by themselves.
func (s *Sessions) Bounds() SessionBounds { return s.bounds }

func hashSession(id string) Hash { return sha256.Sum256([]byte("freshet session\x00" + id)) }

// Start begins a session of somebody who has shown c. The id is for their browser
// alone; it is kept nowhere.
func (s *Sessions) Start(c Credential) (id string, _ Credential, who *Principal, no *Refusal) {
	if who, no = s.Check(c); no != nil {
		return "", c, nil, no
	}
	if who.Role == Gateway {
		return "", c, nil, refuse(NotPermitted, "%s is a gateway: people sign in with a token of their own", who)
	}
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	id = base.EncodeToString(b[:])
	now := s.now()
	c.session = hashSession(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	for {
		var oldest *session
		n := 0
		for _, o := range s.open {
			if o.cred.Name() == c.Name() {
				if n++; oldest == nil || o.used.Before(oldest.used) {
					oldest = o
				}
			}
		}
		if n < s.bounds.Each {
			break
		}
		delete(s.open, oldest.cred.session)
	}
	s.open[c.session] = &session{cred: c, expires: now.Add(s.bounds.Absolute), used: now}
	s.save()
	return id, c, who, nil
}

// Show returns the credential of a session's id.
func (s *Sessions) Show(id string) (Credential, *Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.open[hashSession(id)]
	if !ok || o.ended(s.now(), s.bounds.Idle) {
		return Credential{}, noSession()
	}
	return o.cred, nil
}

// Check returns who stands behind a credential now, as [Book.Check] does, and
// holds that its session has not ended. It counts as use of the session.
func (s *Sessions) Check(c Credential) (*Principal, *Refusal) {
	if c.session != (Hash{}) {
		s.mu.Lock()
		now := s.now()
		o, ok := s.open[c.session]
		if ok = ok && !o.ended(now, s.bounds.Idle); ok {
			o.used = now
		}
		s.mu.Unlock()
		if !ok {
			return nil, noSession()
		}
	}
	return s.owner(c)
}

// owner returns who stands behind a credential, whatever has become of its
// session.
func (s *Sessions) owner(c Credential) (*Principal, *Refusal) {
	if c.member == nil {
		return s.book.Check(c)
	}
	if s.people == nil {
		return nil, refuse(BadLogin, "no OpenID Connect provider is asked here")
	}
	return s.people.Check(c.member)
}

// Refresh reads again who is a member.
func (s *Sessions) Refresh() (changed bool, err error) {
	if s.people == nil {
		return false, nil
	}
	return s.people.Refresh()
}

// End ends the session of c, if it has one.
func (s *Sessions) End(c Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[c.session]; ok {
		delete(s.open, c.session)
		s.save()
	}
}

// Expires returns when the session of c ends whatever happens; zero if it has
// none.
func (s *Sessions) Expires(c Credential) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.open[c.session]; ok {
		return o.expires
	}
	return time.Time{}
}

// Sweep forgets sessions that have ended.
func (s *Sessions) Sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(s.now())
}

func (s *Sessions) sweep(now time.Time) {
	before := len(s.open)
	for id, o := range s.open {
		_, no := s.owner(o.cred)
		if no != nil || o.ended(now, s.bounds.Idle) {
			delete(s.open, id)
		}
	}
	if len(s.open) != before {
		s.save() // or a restart would bring them back
	}
}

func (o *session) ended(now time.Time, idle time.Duration) bool {
	return !now.Before(o.expires) || now.Sub(o.used) >= idle
}

func noSession() *Refusal {
	return refuse(NoSession, "the session has ended, or is not known here: sign in again")
}

// InSession reports whether c was shown by the cookie of a session.
func (c Credential) InSession() bool { return c.session != Hash{} }
