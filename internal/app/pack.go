package app

import (
	"fmt"
	"os"

	"freshet/internal/briefing/pack"
)

// openTemplates reads an office's own sentences of briefing packs, so that a
// mistake in them stops the start and not a briefing.
func (a *App) openTemplates() (*pack.Templates, error) {
	if a.opts.Templates == "" {
		return nil, nil // those shipped
	}
	t, err := pack.LoadTemplates(os.DirFS(a.opts.Templates))
	if err != nil {
		return nil, fmt.Errorf("--briefing-templates %s: %w", a.opts.Templates, err)
	}
	return t, nil
}
