package journal

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// A bounded JetStream gives each request an end of its own. The client sets one
// only for a context without any: a request that got lost while the server
// restarted would wait for its caller's deadline, however far that is.
type bounded struct{ jetstream.JetStream }

func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, requestTimeout)
}

func (b bounded) Publish(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return b.JetStream.Publish(ctx, subject, data, opts...)
}

func (b bounded) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return b.JetStream.Stream(ctx, name)
}

func (b bounded) CreateOrUpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return b.JetStream.CreateOrUpdateStream(ctx, cfg)
}

func (b bounded) CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return b.JetStream.CreateConsumer(ctx, stream, cfg)
}

func (b bounded) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return b.JetStream.KeyValue(ctx, bucket)
}

func (b bounded) CreateOrUpdateKeyValue(ctx context.Context, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return b.JetStream.CreateOrUpdateKeyValue(ctx, cfg)
}
