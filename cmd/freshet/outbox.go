package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
	"freshet/internal/outbox"
	"freshet/internal/termui"
)

// outboxCommand is `freshet outbox`: messages that their receivers refused.
func outboxCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "outbox",
		Short: "Messages that a receiver refused for ever, and that were set aside",
	}
	c.AddCommand(outboxListCommand(), outboxResendCommand())
	return c
}

type outboxFlags struct {
	data, lang string
	asJSON     bool
}

func (o *outboxFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.data, "data", "data", "data folder of the server")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	f.StringVar(&o.lang, "lang", locale(), "language of sentences, zh or en")
}

// folder returns where a server sets messages aside. That there is no such server
// must not look as if none were.
func (o *outboxFlags) folder() (string, error) {
	if _, err := os.Stat(o.data); err != nil {
		return "", fmt.Errorf("--data %s: no data folder of a server: %w", o.data, err)
	}
	return filepath.Join(o.data, outbox.AsideDir), nil
}

func outboxListCommand() *cobra.Command {
	var o outboxFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the messages that are set aside, and why",
		Long: `List shows the messages that were set aside because their receiver refused them
again and again (set_aside_after in notify.yaml): nobody was told of them there. It
reads the server's data folder. The exit code is 1 if there is one.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(o.lang)
			if err != nil {
				return err
			}
			folder, err := o.folder()
			if err != nil {
				return err
			}
			letters, err := outbox.Letters(folder)
			if err != nil {
				return err
			}
			if o.asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"set_aside": append([]outbox.Letter{}, letters...)})
			} else {
				_, err = fmt.Fprint(cmd.OutOrStdout(), lettersText(letters, language))
			}
			if err == nil && len(letters) > 0 {
				err = fmt.Errorf("%d messages are set aside", len(letters))
			}
			return err
		},
	}
	o.add(c)
	return c
}

func lettersText(letters []outbox.Letter, lang termui.Lang) string {
	var b strings.Builder
	for _, l := range letters {
		fmt.Fprintf(&b, "%s  %s  %s\n", l.Receiver, l.ID, l.Title)
		state := ""
		if l.Resend {
			state = lang.Pick("；等待重发", "; waits to be sent again")
		}
		fmt.Fprintf(&b, "    "+lang.Pick("%s 搁置，被拒 %d 次：%s%s\n", "set aside %s, refused %d times: %s%s\n"),
			l.Since.In(termui.Beijing).Format("2006-01-02 15:04"), l.Refusals, l.Error, state)
	}
	if len(letters) == 0 {
		b.WriteString(lang.Pick("没有被搁置的消息\n", "nothing is set aside\n"))
	}
	return b.String()
}

func outboxResendCommand() *cobra.Command {
	var (
		o   outboxFlags
		all bool
	)
	c := &cobra.Command{
		Use:   "resend RECEIVER [ID…]",
		Short: "Let the server send messages that are set aside once more",
		Long: `Resend marks messages in the server's data folder; the server sends them within
seconds when nothing else waits for the receiver, or at its next start: late, and with
the key that they had before. What is refused again stays set aside.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			language, err := termui.ParseLang(o.lang)
			if err != nil {
				return err
			}
			receiver, ids := args[0], args[1:]
			if all == (len(ids) > 0) {
				return fmt.Errorf("name the messages, or --all of them: %w", hydro.ErrInvalid)
			}
			folder, err := o.folder()
			if err != nil {
				return err
			}
			letters, err := outbox.Letters(folder)
			if err != nil {
				return err
			}
			var marked []string
			for _, l := range letters {
				if l.Receiver != receiver || !all && !slices.Contains(ids, l.ID) || l.Resend {
					continue
				}
				if err := outbox.Resend(folder, l); err != nil {
					return err
				}
				marked = append(marked, l.ID)
			}
			for _, id := range ids {
				if !slices.Contains(marked, id) {
					return fmt.Errorf("%s: no such message of %s is set aside: %w", id, receiver, hydro.ErrNotFound)
				}
			}
			if o.asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"resend": append([]string{}, marked...)})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), language.Pick("%d 条消息将由服务重发\n", "the server will send %d messages again\n"), len(marked))
			return err
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all that are set aside of this receiver")
	o.add(c)
	return c
}
