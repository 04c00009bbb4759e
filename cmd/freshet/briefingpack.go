package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"freshet/internal/briefing/pack"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// A packCall is what `freshet briefing pack` is asked.
type packCall struct {
	f                           briefingFlags
	asOf, since, dir, templates string
}

const packLong = `Pack writes what a joint briefing needs on paper: briefing.html, a page for A4 in
black and white that needs nothing beside it; briefing.xlsx, a workbook with a sheet
for each subject; briefing.txt, the standard sentences. All three are made from one
situation and say its hash; with --since they say what changed since the last
briefing. Files that are there are replaced, each whole or not at all.`

// addPack makes `freshet briefing` itself, and `freshet briefing pack`, write the
// pack.
func addPack(parent *cobra.Command) {
	parent.Long = "Briefing with --as-of and -o writes the briefing pack. " + packLong
	parent.Example = `  freshet briefing --as-of "2026-06-15 08:00" --since "2026-06-14 20:00" -o packs`
	p := (&packCall{}).on(parent)
	parent.RunE = func(cmd *cobra.Command, args []string) error {
		if p.dir == "" && p.asOf == "" {
			return cmd.Help()
		}
		return p.run(cmd, args)
	}
	c := &cobra.Command{Use: "pack", Short: "Write the briefing pack (会商材料): page, workbook and text", Long: packLong}
	q := (&packCall{}).on(c)
	c.RunE = q.run
	parent.AddCommand(c, packTemplatesCommand())
}

// on adds the flags to a command.
func (p *packCall) on(c *cobra.Command) *packCall {
	f := c.Flags()
	p.f.add(f)
	_ = f.MarkHidden("json") // a pack is files; `briefing situation --json` has the numbers
	f.StringVar(&p.asOf, "as-of", "", "instant of the situation, e.g. \"2026-06-15 08:00\"; default: engine time")
	f.StringVar(&p.since, "since", "", "instant of the last briefing; default: no comparison")
	f.StringVarP(&p.dir, "output", "o", "", "folder to write to")
	f.StringVar(&p.templates, "templates", "", "folder with your own templates of the sentences")
	return p
}

func (p *packCall) run(cmd *cobra.Command, _ []string) error {
	if p.dir == "" {
		return fmt.Errorf("-o: name the folder to write to: %w", hydro.ErrInvalid)
	}
	lang, err := termui.ParseLang(p.f.lang)
	if err != nil {
		return err
	}
	made := pack.Pack{Lang: lang}
	if p.templates != "" {
		if made.Templates, err = pack.LoadTemplates(os.DirFS(p.templates)); err != nil {
			return fmt.Errorf("--templates %s: %w", p.templates, err)
		}
	}
	conn, err := p.f.server.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(cmd.Context(), p.f.timeout)
	defer cancel()
	if err := p.ask(ctx, conn, &made); err != nil {
		return callError(p.f.server.address, err)
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("-o: %w: %w", err, hydro.ErrInvalid)
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{"briefing.html", made.HTML}, {"briefing.xlsx", made.Workbook}, {"briefing.txt", made.Text}} {
		if err := replaceFile(filepath.Join(p.dir, f.name), f.write); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(p.dir, f.name))
	}
	return nil
}

// ask gets the situation and, if there is an earlier one, the difference.
func (p *packCall) ask(ctx context.Context, conn *grpc.ClientConn, to *pack.Pack) error {
	at, err := p.f.instant(ctx, conn, "as-of", p.asOf)
	if err != nil {
		return err
	}
	c := freshetv1.NewBriefingServiceClient(conn)
	got, err := c.GetSituation(ctx, &freshetv1.GetSituationRequest{Basin: p.f.basin, AsOf: at})
	if err != nil {
		return err
	}
	to.Situation, to.Hash = got.GetSituation(), got.GetHash()
	if p.since == "" {
		return nil
	}
	since, err := p.f.instant(ctx, conn, "since", p.since)
	if err != nil {
		return err
	}
	diff, err := c.CompareSituations(ctx, &freshetv1.CompareSituationsRequest{Basin: p.f.basin, From: since, To: at})
	to.Diff = diff.GetDiff()
	return err
}

// replaceFile writes a file whole or not at all: what stood there stays until the
// new one is complete.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b.Bytes())
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

func packTemplatesCommand() *cobra.Command {
	var (
		dir   string
		check bool
	)
	c := &cobra.Command{
		Use:   "templates",
		Short: "Write or check the templates of a pack's sentences",
		Long: `Templates prints the sentences that are shipped, each under its file name; with -o
it writes them to a folder, for you to edit. Give that folder to --templates, or to
freshet serve --briefing-templates; a file that is not there stays as shipped. With
--check it reads a folder of yours and names every mistake with file and line.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check {
				_, err := pack.LoadTemplates(os.DirFS(dir))
				return err
			}
			files := pack.Shipped().Files()
			for _, name := range pack.TemplateNames() {
				if dir == "" {
					fmt.Fprintf(cmd.OutOrStdout(), "--- %s\n%s", name, files[name])
					continue
				}
				path := filepath.Join(dir, name)
				f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
				if err != nil {
					return fmt.Errorf("-o: a file of yours is never replaced: %w: %w", err, hydro.ErrInvalid)
				}
				if _, err := f.WriteString(files[name]); err != nil {
					return errors.Join(err, f.Close())
				}
				if err := f.Close(); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&dir, "output", "o", "", "folder to write to, or to check")
	c.Flags().BoolVar(&check, "check", false, "read the folder of -o and name every mistake")
	return c
}
