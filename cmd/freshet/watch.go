package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// defaultServer is where `freshet serve` listens on the same machine.
const defaultServer = "localhost:7070"

// locale is the language of the user's environment.
func locale() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return string(termui.LangOf(v))
		}
	}
	return string(termui.English)
}

// watchCommand is `freshet watch`: the duty officer's feed at a terminal.
func watchCommand() *cobra.Command {
	var (
		server            serverFlags
		placeFile, lang   string
		basins            []string
		fromStart, asJSON bool
	)
	c := &cobra.Command{
		Use:   "watch",
		Short: "Follow the warnings of a server as they happen",
		Long: `Watch prints every warning as it happens, until it is stopped. After a broken link
it goes on by itself right where it was: no warning is missed and none is told
twice. With --place-file it also does so after it was stopped itself.

Stages are named in words, in Chinese and English:
  正常 CLEAR  蓝色 BLUE  黄色 YELLOW  橙色 ORANGE  红色 RED  失明 BLIND (nobody can see)
▲ raised  ▼ lowered  ✕ sight lost  ○ sight regained  ◇ the forecast of a basin is
partial, failed, expired, missing or whole again. Times are Beijing time.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			token, err := readToken(placeFile)
			if err != nil {
				return err
			}
			conn, err := server.dial()
			if err != nil && server.security.TokenFile != "" {
				return fmt.Errorf("%w (the file that holds the place in the feed is --place-file)", err)
			}
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			out, notes := cmd.OutOrStdout(), cmd.ErrOrStderr()
			w := &watcher{
				server: server.address, lang: language, out: out, notes: notes, placeFile: placeFile, asJSON: asJSON, saved: token,
				live: termui.Terminal(out) && !asJSON, colour: termui.Colours(out), now: time.Now,
				width: func() int { width, _ := termui.Size(out); return width },
			}
			if !termui.Terminal(out) {
				w.width = func() int { return 0 } // a pipe: one line each
			}
			err = client.Watch(cmd.Context(), conn, client.WatchOptions{
				Basins: basins, Token: token, FromStart: fromStart, Heartbeat: w.heartbeat, Forecast: w.forecast, Connected: w.link,
				Backoff: client.Backoff{Min: 250 * time.Millisecond, Max: 5 * time.Second},
			}, w.warning)
			w.clear()
			if errors.Is(err, hydro.ErrInvalid) && token != "" {
				return fmt.Errorf("%w (the token is from %s: move that file away to start anew)", plainError(err), placeFile)
			}
			return plainError(err)
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringSliceVar(&basins, "basin", nil, "only this basin; may repeat")
	f.BoolVar(&fromStart, "from-start", false, "begin with the oldest warning on the log, unless the place file says where")
	f.StringVar(&placeFile, "place-file", "", "keep the place in the feed in this file, and go on from it")
	f.BoolVar(&asJSON, "json", false, "print one JSON object per warning")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	return c
}

// A watcher prints the feed.
type watcher struct {
	server     string
	lang       termui.Lang
	out, notes io.Writer
	width      func() int // 0: one line each
	colour     bool
	live       bool // a status line stands below the feed
	asJSON     bool
	placeFile  string
	saved      string // token in the file
	now        func() time.Time

	opened  bool      // the feed was open before
	lost    time.Time // since when the link is down; zero while it is up
	waiting bool      // the backlog was announced
	status  bool      // a status line is on screen
}

func (w *watcher) warning(m *freshetv1.WatchWarningsResponse) error {
	w.announce(m)
	if w.asJSON {
		if err := printJSON(w.out, m); err != nil {
			return err
		}
		return w.save(m)
	}
	warning, err := wire.ToWarning(m.GetWarning())
	if err != nil {
		return fmt.Errorf("the server sent a warning that cannot be read: %w", err)
	}
	w.clear()
	text := termui.WarningLine(warning, w.lang, 1<<16, w.colour) + "\n"
	if width := w.width(); width > 0 {
		text = termui.WarningText(warning, w.lang, width, w.colour)
	}
	if _, err := io.WriteString(w.out, text); err != nil {
		return err
	}
	return w.save(m)
}

// forecast prints that the forecast of a basin can be used less, or again.
func (w *watcher) forecast(m *freshetv1.WatchWarningsResponse) error {
	w.announce(m)
	if w.asJSON {
		if err := printJSON(w.out, m); err != nil {
			return err
		}
		return w.save(m)
	}
	f, err := wire.ToForecastWatch(m.GetForecastWatch())
	if err != nil {
		return fmt.Errorf("the server sent the standing of a forecast that cannot be read: %w", err)
	}
	w.clear()
	if _, err := io.WriteString(w.out, forecastLine(&f, w.lang)+"\n"); err != nil {
		return err
	}
	return w.save(m)
}

// forecastLine is the standing of a forecast in one line: both names of the standing,
// and what it means in words.
func forecastLine(f *hydro.ForecastWatch, lang termui.Lang) string {
	return fmt.Sprintf("%s  ◇ 预报%s FORECAST %s  %s  %s", termui.Clock(f.At), f.Standing.ZH(), strings.ToUpper(f.Standing.String()), f.Basin, lang.Pick(f.DetailZH, f.Detail))
}

func (w *watcher) heartbeat(m *freshetv1.WatchWarningsResponse) error {
	w.announce(m)
	if w.live {
		engine := ""
		if m.GetNow().IsValid() {
			engine = w.lang.Pick("，系统时间 ", ", engine time ") + termui.Clock(m.GetNow().AsTime())
		}
		w.clear()
		w.say(w.out, w.lang.Pick("在线 ", "online ")+termui.Clock(w.now())+engine)
		w.status = true
	}
	return w.save(m)
}

// announce tells how many warnings wait, once after each connection.
func (w *watcher) announce(m *freshetv1.WatchWarningsResponse) {
	if w.waiting || m.GetWarning() == nil && m.GetForecastWatch() == nil || m.GetUnseen() == 0 {
		return
	}
	w.waiting = true
	n := m.GetUnseen() + 1
	w.note(w.lang.Pick(fmt.Sprintf("有 %d 条未读预警：", n), fmt.Sprintf("%d warnings were waiting:", n)))
}

// link hears of each change of the connection. Silence must never look like
// safety.
func (w *watcher) link(err error) {
	switch {
	case err != nil && w.lost.IsZero():
		w.lost = w.now()
		what := linkText(status.Convert(err).Message())
		if w.opened {
			w.note(w.lang.Pick("连接中断，正在重连；此间无消息不等于无险："+what, "link lost, connecting again; until then silence does not mean safety: "+what))
		} else {
			w.note(w.lang.Pick("连不上 "+w.server+"，继续尝试："+what, "cannot reach "+w.server+", still trying: "+what))
		}
	case err == nil:
		if w.opened && !w.lost.IsZero() {
			w.note(w.lang.Pick("连接恢复，从中断处续传", "link is back, going on where it broke"))
		} else if !w.opened {
			w.note(w.lang.Pick("已接入 "+w.server, "watching "+w.server))
		}
		w.opened, w.lost, w.waiting = true, time.Time{}, false
	}
}

// note writes a line that is not a warning: below the feed on a terminal, else
// to the error output, so that the feed stays clean.
func (w *watcher) note(text string) {
	w.clear()
	to := w.notes
	if w.live {
		to = w.out
	}
	w.say(to, termui.Clock(w.now())+"  · "+text)
	_, _ = io.WriteString(to, "\n") // like all notes: nothing depends on it
}

func (w *watcher) say(to io.Writer, text string) {
	if w.live {
		if width := w.width(); width > 0 {
			text = termui.Cut(text, width-1)
		}
	}
	if w.colour && w.live {
		text = "\x1b[2m" + text + "\x1b[0m"
	}
	_, _ = io.WriteString(to, text) // nothing depends on it
}

// clear wipes the status line.
func (w *watcher) clear() {
	if w.status {
		_, _ = io.WriteString(w.out, "\r\x1b[K") // nothing depends on it
		w.status = false
	}
}

func (w *watcher) save(m *freshetv1.WatchWarningsResponse) error {
	token := m.GetResumeToken()
	if w.placeFile == "" || token == "" || token == w.saved {
		return nil
	}
	if err := writeFileAtomically(w.placeFile, []byte(token+"\n")); err != nil {
		return fmt.Errorf("save the place in the feed: %w", err)
	}
	w.saved = token
	return nil
}

// readToken returns the token in a file, or "" if there is no such file yet.
func readToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// writeFileAtomically puts data in place of a file so that a crash leaves either
// the old content or the new.
func writeFileAtomically(file string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error counts
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// printJSON writes m as one line, in the same JSON as REST.
func printJSON(out io.Writer, m proto.Message) error {
	data, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	var line bytes.Buffer // protojson varies its spaces on purpose
	if err := json.Compact(&line, data); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	line.WriteByte('\n')
	_, err = out.Write(line.Bytes())
	return err
}

// plainError leaves out what only programmers read of a gRPC status. The error
// kinds stay.
func plainError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if s, ok := status.FromError(err); ok && s.Message() != "" {
		message := s.Message()
		if i := strings.Index(message, "desc = "); i >= 0 {
			message = message[i+len("desc = "):]
		}
		message = linkText(message)
		for _, kind := range []error{hydro.ErrInvalid, hydro.ErrNotFound, hydro.ErrConflict, hydro.ErrUnavailable} {
			if errors.Is(err, kind) {
				message = strings.TrimSuffix(strings.TrimPrefix(message, kind.Error()+": "), ": "+kind.Error())
				return plain{message, kind}
			}
		}
		return plain{message, err}
	}
	return err
}

// linkText leaves out of a gRPC message what says only in which layer a
// connection failed.
func linkText(message string) string {
	text := strings.TrimPrefix(message, "connection error: desc = ")
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	return strings.TrimPrefix(text, "transport: Error while dialing: ")
}

// A plain error has a message for people and the kind behind it.
type plain struct {
	message string
	kind    error
}

func (p plain) Error() string { return p.message }
func (p plain) Unwrap() error { return p.kind }
