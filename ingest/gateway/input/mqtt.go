package input

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"freshet/ingest/feed"
	"freshet/internal/hydro"
)

// MQTTOptions say which messages are taken.
type MQTTOptions struct {
	Common
	Broker       string // mqtt://host:1883, mqtts://host:8883
	ClientID     string
	Topics       []string
	Username     string
	PasswordFile string      // read at each connection; "": none
	TLS          *tls.Config // of mqtts
	Map          *feed.Map   // of one shape: each message is read as a file of it
}

// An MQTT subscribes to topics of a broker with QoS 1, in a session that the
// broker keeps for a week. A message is acknowledged when its values are safe.
// One that cannot be understood is acknowledged too, because it would come again
// for ever, and is told in the log and in the status.
type MQTT struct {
	o          MQTTOptions
	department hydro.Department
	url        *url.URL
	meter      meter
	messages   chan paho.PublishReceived
}

// window is how many messages the broker may send ahead of their
// acknowledgement.
const window = 256

// NewMQTT returns an input of messages. The error wraps hydro.ErrInvalid.
func NewMQTT(o MQTTOptions) (*MQTT, error) {
	d, err := department(o.Map)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.Broker)
	if err != nil || len(o.Topics) == 0 || o.ClientID == "" || len(o.Map.Files) != 1 {
		return nil, fmt.Errorf("a broker's address, a client's name, topics and a map of one shape are needed: %w", errors.Join(err, hydro.ErrInvalid))
	}
	return &MQTT{o: o, department: d, url: u, messages: make(chan paho.PublishReceived, window)}, nil
}

// Status implements the gateway's inputs.
func (m *MQTT) Status() Status { return m.meter.status(&m.o.Common, "mqtt") }

// Run takes messages until ctx is done.
func (m *MQTT) Run(ctx context.Context) error {
	m.meter.state("connecting", nil)
	conf := autopaho.ClientConfig{
		ServerUrls: []*url.URL{m.url}, TlsCfg: m.o.TLS, KeepAlive: 30, SessionExpiryInterval: 7 * 24 * 3600, ConnectTimeout: 10 * time.Second,
		ReconnectBackoff: backoff,
		ConnectPacketBuilder: func(c *paho.Connect, _ *url.URL) (*paho.Connect, error) {
			limit := uint16(window)
			if c.Properties == nil {
				c.Properties = &paho.ConnectProperties{}
			}
			c.Properties.ReceiveMaximum = &limit
			if m.o.Username != "" {
				c.Username, c.UsernameFlag = m.o.Username, true
			}
			if m.o.PasswordFile != "" {
				password, err := os.ReadFile(m.o.PasswordFile)
				if err != nil {
					return nil, err
				}
				c.Password, c.PasswordFlag = bytes.TrimSpace(password), true
			}
			return c, nil
		},
		OnConnectionUp: func(c *autopaho.ConnectionManager, _ *paho.Connack) { go m.subscribe(ctx, c) },
		OnConnectError: func(err error) { m.meter.state("connecting", err) },
		ClientConfig: paho.ClientConfig{
			ClientID: m.o.ClientID, EnableManualAcknowledgment: true, SendAcksInterval: 20 * time.Millisecond,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				select {
				case m.messages <- p: // has room for the window
				case <-ctx.Done():
				}
				return true, nil
			}},
			OnClientError: func(err error) { m.meter.state("connecting", err) },
			OnServerDisconnect: func(d *paho.Disconnect) {
				m.meter.state("connecting", fmt.Errorf("the broker ended the connection with reason %d", d.ReasonCode))
			},
		},
	}
	c, err := autopaho.NewConnection(ctx, conf)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", m.o.Name, err, hydro.ErrInvalid)
	}
	for {
		if err := m.take(ctx); err != nil {
			<-c.Done()
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (m *MQTT) subscribe(ctx context.Context, c *autopaho.ConnectionManager) {
	s := &paho.Subscribe{}
	for _, topic := range m.o.Topics {
		s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: topic, QoS: 1})
	}
	if _, err := c.Subscribe(ctx, s); err != nil {
		m.meter.state("connected", fmt.Errorf("subscribe to %s: %w", strings.Join(m.o.Topics, ", "), err))
		m.o.Logger.Error("the broker does not let this gateway subscribe", "input", m.o.Name, "err", err)
		return
	}
	m.meter.state("subscribed", nil)
}

// take takes the messages that have come, together: they share one Put.
func (m *MQTT) take(ctx context.Context) error {
	var batch []paho.PublishReceived
	select {
	case p := <-m.messages:
		batch = append(batch, p)
	case <-ctx.Done():
		return ctx.Err()
	}
	for more := true; more && len(batch) < window; {
		select {
		case p := <-m.messages:
			batch = append(batch, p)
		default:
			more = false
		}
	}
	var raws []hydro.Raw
	for _, p := range batch {
		m.meter.unit()
		problem := func(text string) {
			m.meter.problem(p.Packet.Topic + ": " + text)
			m.o.Logger.Warn("a message could not be used", "input", m.o.Name, "topic", p.Packet.Topic, "problem", text)
		}
		if err := m.o.Map.Read(bytes.NewReader(p.Packet.Payload), func(row feed.Row) error {
			for _, one := range row.Problems {
				problem(one.String())
			}
			raws = append(raws, row.Raws...)
			return nil
		}); err != nil {
			problem(err.Error())
		}
	}
	if len(raws) > 0 {
		if err := m.o.insist(ctx, &m.meter, m.department, raws); err != nil {
			return err
		}
	}
	for _, p := range batch {
		// An error means that the connection has gone: the broker sends the message again.
		_ = p.Client.Ack(p.Packet)
	}
	return nil
}
