package server

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A feedAnswer is a WatchWarningsResponse. What all readers are sent alike was
// encoded once, with the item; the place and the count of each reader stand
// behind it.
type feedAnswer struct {
	item   *item // nil in a heartbeat
	token  string
	unseen uint64
	now    time.Time
}

// Field numbers of WatchWarningsResponse.
const (
	fieldToken  = 2
	fieldUnseen = 3
	fieldNow    = 4
)

// encodeItem encodes a record of the feed.
func (s *Server) encodeItem(_ string, r *journal.Record, now time.Time) (*item, error) {
	m := &freshetv1.WatchWarningsResponse{}
	i := &item{seq: r.Seq, pending: r.Pending, class: classOf(s.opts.Catalog(), &r.Output), now: now}
	var at time.Time
	switch {
	case r.Output.Warning != nil:
		m.Warning, i.event, at = wire.FromWarning(r.Output.Warning), "warning", r.Output.Warning.At
	case r.Output.Group != nil:
		m.Group, i.event, at = wire.FromGroup(r.Output.Group), "group", r.Output.Group.At
	case r.Output.Duty != nil:
		m.Duty, i.event, at = wire.FromDutyEvent(r.Output.Duty), "duty", r.Output.Duty.At
	case r.Output.Watch != nil:
		m.ForecastWatch, i.event, at = wire.FromForecastWatch(r.Output.Watch), "forecast_watch", r.Output.Watch.At
	default:
		return nil, fmt.Errorf("a record of kind %s: %w", r.Output.Kind(), hydro.ErrInvalid)
	}
	if i.now.Before(at) { // engine time is looked at now and then
		i.now = at
	}
	var err error
	if i.proto, err = proto.Marshal(m); err != nil {
		return nil, err
	}
	of := m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(i.event))
	field, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m.ProtoReflect().Get(of).Message().Interface())
	if err != nil {
		return nil, err
	}
	i.json = fmt.Appendf(nil, `"%s":%s`, of.JSONName(), field)
	return i, nil
}

// proto is the answer over gRPC.
func (a *feedAnswer) proto() mem.BufferSlice {
	b := make([]byte, 0, len(a.token)+40)
	b = protowire.AppendTag(b, fieldToken, protowire.BytesType)
	b = protowire.AppendString(b, a.token)
	if a.unseen != 0 {
		b = protowire.AppendTag(b, fieldUnseen, protowire.VarintType)
		b = protowire.AppendVarint(b, a.unseen)
	}
	if !a.now.IsZero() {
		var t []byte
		t = protowire.AppendTag(t, 1, protowire.VarintType)
		t = protowire.AppendVarint(t, uint64(a.now.Unix()))
		t = protowire.AppendTag(t, 2, protowire.VarintType)
		t = protowire.AppendVarint(t, uint64(a.now.Nanosecond()))
		b = protowire.AppendTag(b, fieldNow, protowire.BytesType)
		b = protowire.AppendBytes(b, t)
	}
	if a.item == nil {
		return mem.BufferSlice{mem.SliceBuffer(b)}
	}
	return mem.BufferSlice{mem.SliceBuffer(a.item.proto), mem.SliceBuffer(b)}
}

// appendEvent appends the answer as a server-sent event.
func (a *feedAnswer) appendEvent(b []byte) []byte {
	b = append(append(b, "id: "...), a.token...)
	b = append(b, "\nevent: "...)
	if a.item == nil {
		b = append(b, "heartbeat\ndata: {\"warning\":null"...)
	} else {
		b = append(append(b, a.item.event...), "\ndata: {"...)
		b = append(b, a.item.json...)
	}
	b = append(append(b, `,"resumeToken":"`...), a.token...) // base64: nothing to escape
	b = append(strconv.AppendUint(append(b, `","unseen":"`...), a.unseen, 10), `","now":`...)
	if a.now.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(a.now.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	}
	return append(b, "}\n\n"...)
}

// An eventSink sends server-sent events.
type eventSink struct {
	w       http.ResponseWriter
	out     *http.ResponseController
	started bool
	buf     []byte
}

func (e *eventSink) send(a *feedAnswer) error {
	if !e.started {
		// The server's write timeout is for answers that end. Clearing it is right: a
		// reader who is gone is found by the next heartbeat.
		if err := e.out.SetWriteDeadline(time.Time{}); err != nil {
			return fmt.Errorf("event: %w", err)
		}
		e.started = true
		e.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		e.w.Header().Set("Cache-Control", "no-store")
		e.w.Header().Set("X-Accel-Buffering", "no") // proxies must not hold warnings back
		e.buf = fmt.Appendf(e.buf, "retry: %d\n\n", eventRetry.Milliseconds())
	}
	e.buf = a.appendEvent(e.buf)
	_, err := e.w.Write(e.buf)
	if e.buf = e.buf[:0]; cap(e.buf) > 8<<10 {
		e.buf = nil // one large event is no reason to keep as much for each reader
	}
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	return nil
}

func (e *eventSink) flush() error {
	if err := e.out.Flush(); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	return nil
}
