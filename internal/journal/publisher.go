package journal

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"freshet/internal/hydro"
	"freshet/internal/wire"
)

const (
	// Messages and bytes that a publisher has under way at most.
	maxInFlight      = 64
	maxInFlightBytes = 8 << 20
	// An observation's cost is an upper bound of its bytes in a message; a message
	// of observations is ended before it costs more than maxObservations. Both are
	// part of the format: a restarted engine must cut as the one before it did.
	maxObservations = 700_000
	observationCost = 64
)

// A Publisher appends the outputs of a basin's engine to its out-log. It is for
// use by one goroutine.
//
// Each message names the sequence number and, from the publisher's second one
// on, the message id that it must follow. Of two publishers for one basin one
// is therefore refused, and so is all that it has sent ahead: by sequence
// numbers alone its later messages could follow those of the other.
type Publisher struct {
	j        *Journal
	basin    string
	id       string   // of this publisher, unlike any other
	lastID   string   // message id of the last message under way; "" before the first
	last     Position // out or under way
	inFlight []inFlight
	bytes    int
	err      error // once it failed
}

type inFlight struct {
	ack  jetstream.PubAckFuture
	seq  uint64
	size int
}

// Publisher returns a publisher that goes on behind last, see
// [Journal.LastOutput].
func (j *Journal) Publisher(basin string, last Position) *Publisher {
	return &Publisher{j: j, basin: basin, id: nuid.Next(), last: last}
}

// Last returns the place of the last message that is out or under way.
func (p *Publisher) Last() Position { return p.last }

// Publish appends the outputs of the input of that sequence number. It returns
// before they are durable, see [Publisher.Flush]; when too many are under way
// it waits. Outputs at or before the place where the publisher started are
// skipped: they are out. Observations that do not fit into one message go out in
// several, which are numbered on.
//
// Inputs must come in order. After an error nothing more is published, every
// call returns that error, and messages under way may be out or not: begin again
// from [Journal.LastOutput]. [hydro.ErrConflict] means that another publisher
// writes to the basin.
func (p *Publisher) Publish(ctx context.Context, inputSeq uint64, outs []hydro.Output) error {
	if p.err == nil {
		p.err = p.publish(ctx, inputSeq, outs)
	}
	if p.err != nil {
		return fmt.Errorf("publish outputs: basin %s: %w", p.basin, p.err)
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, inputSeq uint64, outs []hydro.Output) error {
	if inputSeq < p.last.InputSeq {
		return nil // all of it is out
	}
	if err := checkBasin(p.basin); err != nil {
		return err
	}
	index := 0
	for _, out := range outs {
		obs := out.Observations
		for part := out; ; index++ {
			if len(obs) > 0 {
				n := fit(obs)
				part.Observations, obs = obs[:n], obs[n:]
			}
			if !p.last.covers(inputSeq, index) {
				if err := p.send(ctx, inputSeq, index, part); err != nil {
					return err
				}
			}
			if len(obs) == 0 {
				index++
				break
			}
		}
	}
	return nil
}

// fit returns how many observations go into one message, at least one.
func fit(obs []hydro.Observation) int {
	cost := 0
	for i := range obs {
		cost += observationCost + len(obs[i].Why)
		if i == 0 || obs[i].Station != obs[i-1].Station {
			cost += len(obs[i].Station)
		}
		if i == 0 || obs[i].Datum != obs[i-1].Datum {
			cost += len(obs[i].Datum)
		}
		if cost > maxObservations && i > 0 {
			return i
		}
	}
	return len(obs)
}

func (p *Publisher) send(ctx context.Context, inputSeq uint64, index int, out hydro.Output) error {
	data, err := wire.EncodeOutput(inputSeq, index, out)
	if err != nil {
		return err
	}
	for len(p.inFlight) > 0 && (len(p.inFlight) >= maxInFlight || p.bytes+len(data) > maxInFlightBytes) {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	id := p.id + "." + strconv.FormatUint(p.last.Seq+1, 10)
	options := []jetstream.PublishOpt{
		jetstream.WithMsgID(id),
		jetstream.WithExpectStream(outStream(p.basin)),
		jetstream.WithExpectLastSequence(p.last.Seq),
		// Sent again, a message would overtake the ones behind it.
		jetstream.WithRetryAttempts(0),
	}
	if p.lastID != "" {
		options = append(options, jetstream.WithExpectLastMsgID(p.lastID))
	}
	ack, err := p.j.js.PublishAsync(outSubject(p.basin, out.Kind()), data, options...)
	if err != nil {
		return p.j.kind(ctx, err)
	}
	p.last, p.lastID = Position{Seq: p.last.Seq + 1, InputSeq: inputSeq, Index: index}, id
	p.inFlight = append(p.inFlight, inFlight{ack: ack, seq: p.last.Seq, size: len(data)})
	p.bytes += len(data)
	return nil
}

// wait waits for the oldest message under way. The oldest failure is the cause
// of all behind it.
func (p *Publisher) wait(ctx context.Context) error {
	first := p.inFlight[0]
	select {
	case ack := <-first.ack.Ok():
		if ack.Sequence != first.seq {
			return fmt.Errorf("message %d was stored as %d: %w", first.seq, ack.Sequence, hydro.ErrConflict)
		}
	case err := <-first.ack.Err():
		return fmt.Errorf("message %d: %w", first.seq, p.j.kind(ctx, err))
	case <-ctx.Done():
		return ctx.Err()
	case <-p.j.closed:
		return fmt.Errorf("message %d: the log was closed: %w", first.seq, hydro.ErrUnavailable)
	}
	p.bytes -= first.size
	p.inFlight = append(p.inFlight[:0], p.inFlight[1:]...)
	return nil
}

// Flush waits until all that was published is durable.
func (p *Publisher) Flush(ctx context.Context) error {
	for p.err == nil && len(p.inFlight) > 0 {
		p.err = p.wait(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("flush outputs: basin %s: %w", p.basin, p.err)
	}
	return nil
}
