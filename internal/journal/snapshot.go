package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
)

const (
	chunkSize = 512 << 10
	// Chunks of a snapshot that are under way at most.
	maxChunks = 8
)

// A manifest ends a snapshot and makes it count: a snapshot without one was cut
// short and does not exist.
type manifest struct {
	InputSeq uint64   `json:"input_seq"`
	Size     int      `json:"size"`
	SHA256   string   `json:"sha256"`
	Chunks   []uint64 `json:"chunks"`             // sequence numbers of the messages
	Previous uint64   `json:"previous,omitempty"` // sequence number of the manifest before
}

// first returns the sequence number of the snapshot's first message, its
// manifest being at seq.
func (m manifest) first(seq uint64) uint64 {
	for _, c := range m.Chunks {
		seq = min(seq, c)
	}
	return seq
}

func chunkSubject(basin string) string    { return "snap." + basin + ".chunk" }
func manifestSubject(basin string) string { return "snap." + basin + ".manifest" }

// SaveSnapshot stores the engine's state after the input of that sequence
// number. A crash in mid-save leaves the snapshots before it as they are; the
// last two are kept.
func (j *Journal) SaveSnapshot(ctx context.Context, basin string, inputSeq uint64, data []byte) error {
	if err := j.saveSnapshot(ctx, basin, inputSeq, data); err != nil {
		return fmt.Errorf("save snapshot: basin %s: %w", basin, err)
	}
	return nil
}

func (j *Journal) saveSnapshot(ctx context.Context, basin string, inputSeq uint64, data []byte) error {
	if err := checkBasin(basin); err != nil {
		return err
	}
	stream, err := j.js.Stream(ctx, snapStream(basin))
	if err != nil {
		return j.kind(ctx, err)
	}
	previousSeq, previous, err := j.lastManifest(ctx, stream, basin)
	if err != nil && !errors.Is(err, hydro.ErrNotFound) {
		return err
	}

	sum := sha256.Sum256(data)
	m := manifest{InputSeq: inputSeq, Size: len(data), SHA256: hex.EncodeToString(sum[:]), Previous: previousSeq}
	var acks []jetstream.PubAckFuture
	wait := func() error {
		select {
		case ack := <-acks[0].Ok():
			m.Chunks = append(m.Chunks, ack.Sequence)
		case err := <-acks[0].Err():
			return j.kind(ctx, err)
		case <-ctx.Done():
			return ctx.Err()
		case <-j.closed:
			return fmt.Errorf("the log was closed: %w", hydro.ErrUnavailable)
		}
		acks = acks[1:]
		return nil
	}
	for rest := data; len(rest) > 0; {
		n := min(len(rest), chunkSize)
		if len(acks) == maxChunks {
			if err := wait(); err != nil {
				return err
			}
		}
		ack, err := j.js.PublishAsync(chunkSubject(basin), rest[:n], jetstream.WithExpectStream(snapStream(basin)))
		if err != nil {
			return j.kind(ctx, err)
		}
		acks, rest = append(acks, ack), rest[n:]
	}
	for len(acks) > 0 {
		if err := wait(); err != nil {
			return err
		}
	}
	head, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if _, err := j.js.Publish(ctx, manifestSubject(basin), head, jetstream.WithExpectStream(snapStream(basin))); err != nil {
		return j.kind(ctx, err)
	}
	if previousSeq == 0 {
		return nil
	}
	// All before the previous snapshot goes, with what crashes have left there.
	request, cancel := bound(ctx)
	defer cancel()
	if err := stream.Purge(request, jetstream.WithPurgeSequence(previous.first(previousSeq))); err != nil {
		return j.kind(ctx, err)
	}
	return nil
}

// LoadSnapshot returns the newest intact snapshot of the basin's engine and the
// sequence number of the last input in it. None is [hydro.ErrNotFound].
func (j *Journal) LoadSnapshot(ctx context.Context, basin string) (inputSeq uint64, data []byte, err error) {
	if inputSeq, data, err = j.loadSnapshot(ctx, basin); err != nil {
		return 0, nil, fmt.Errorf("load snapshot: basin %s: %w", basin, err)
	}
	return inputSeq, data, nil
}

func (j *Journal) loadSnapshot(ctx context.Context, basin string) (uint64, []byte, error) {
	if err := checkBasin(basin); err != nil {
		return 0, nil, err
	}
	stream, err := j.js.Stream(ctx, snapStream(basin))
	if err != nil {
		return 0, nil, j.kind(ctx, err)
	}
	seq, m, err := j.lastManifest(ctx, stream, basin)
	for err == nil {
		var data []byte
		if data, err = j.chunks(ctx, stream, m); err == nil {
			return m.InputSeq, data, nil
		}
		if !errors.Is(err, hydro.ErrNotFound) {
			break
		}
		j.log.Warn("snapshot is damaged, falling back to the one before", "basin", basin, "seq", seq, "err", err)
		seq = m.Previous
		m, err = j.manifest(ctx, stream, seq)
	}
	return 0, nil, err
}

// lastManifest returns the newest manifest and its sequence number.
func (j *Journal) lastManifest(ctx context.Context, stream jetstream.Stream, basin string) (uint64, manifest, error) {
	request, cancel := bound(ctx)
	defer cancel()
	msg, err := stream.GetLastMsgForSubject(request, manifestSubject(basin))
	if err != nil {
		return 0, manifest{}, j.kind(ctx, err)
	}
	m, err := decodeManifest(msg.Data)
	return msg.Sequence, m, err
}

func (j *Journal) manifest(ctx context.Context, stream jetstream.Stream, seq uint64) (manifest, error) {
	if seq == 0 {
		return manifest{}, fmt.Errorf("no intact one: %w", hydro.ErrNotFound)
	}
	request, cancel := bound(ctx)
	defer cancel()
	msg, err := stream.GetMsg(request, seq)
	if err != nil {
		return manifest{}, j.kind(ctx, err)
	}
	return decodeManifest(msg.Data)
}

func decodeManifest(data []byte) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return manifest{}, fmt.Errorf("manifest: %w: %w", err, hydro.ErrInvalid)
	}
	return m, nil
}

// chunks puts a snapshot together. One that is not whole is ErrNotFound.
func (j *Journal) chunks(ctx context.Context, stream jetstream.Stream, m manifest) ([]byte, error) {
	data := make([]byte, 0, min(max(m.Size, 0), len(m.Chunks)*chunkSize))
	for _, seq := range m.Chunks {
		request, cancel := bound(ctx)
		msg, err := stream.GetMsg(request, seq)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("chunk %d: %w", seq, j.kind(ctx, err))
		}
		data = append(data, msg.Data...)
	}
	if sum := sha256.Sum256(data); len(data) != m.Size || hex.EncodeToString(sum[:]) != m.SHA256 {
		return nil, fmt.Errorf("%d bytes do not match the manifest: %w", len(data), hydro.ErrNotFound)
	}
	return data, nil
}

const checkpointBucket = "freshet_checkpoints"

var checkpointName = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

func (j *Journal) checkpoints(ctx context.Context, name string) (jetstream.KeyValue, error) {
	if !checkpointName.MatchString(name) {
		return nil, fmt.Errorf("not words of a-z, 0-9, _ and - with dots between them: %w", hydro.ErrInvalid)
	}
	kv, err := j.js.KeyValue(ctx, checkpointBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = j.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: checkpointBucket, Description: "places of Freshet's log readers", History: 1, Replicas: j.opts.Replicas,
		})
	}
	if err != nil {
		return nil, j.kind(ctx, err)
	}
	return kv, nil
}

// SaveCheckpoint stores the place of the reader of that name, e.g.
// "archive.tanjiang": the sequence number of the last output that it is done
// with.
func (j *Journal) SaveCheckpoint(ctx context.Context, name string, seq uint64) error {
	kv, err := j.checkpoints(ctx, name)
	if err == nil {
		request, cancel := bound(ctx)
		defer cancel()
		if _, err = kv.PutString(request, name, strconv.FormatUint(seq, 10)); err != nil {
			err = j.kind(ctx, err)
		}
	}
	if err != nil {
		return fmt.Errorf("save checkpoint %q: %w", name, err)
	}
	return nil
}

// LoadCheckpoint returns what [Journal.SaveCheckpoint] stored last, 0 if
// nothing.
func (j *Journal) LoadCheckpoint(ctx context.Context, name string) (uint64, error) {
	seq, err := j.loadCheckpoint(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("load checkpoint %q: %w", name, err)
	}
	return seq, nil
}

func (j *Journal) loadCheckpoint(ctx context.Context, name string) (uint64, error) {
	kv, err := j.checkpoints(ctx, name)
	if err != nil {
		return 0, err
	}
	request, cancel := bound(ctx)
	defer cancel()
	entry, err := kv.Get(request, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, j.kind(ctx, err)
	}
	seq, err := strconv.ParseUint(string(entry.Value()), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return seq, nil
}
