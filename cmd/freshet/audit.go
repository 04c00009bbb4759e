package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"freshet/internal/auth"
)

// auditCommand is `freshet audit`: the record of what was refused.
func auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Work on the record of refused calls"}
	c.AddCommand(auditVerifyCommand())
	return c
}

func auditVerifyCommand() *cobra.Command {
	var (
		o    credentials
		head string
	)
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check that nobody has changed the record of refused calls",
		Long: `Verify follows the chain of hashes through the record in a server's data folder
(audit.log and the older audit-*.log). It exits with 1 and names the file and the line
if a line was changed, dropped, inserted or moved. Note the hash that it prints
somewhere else: with --head it also finds that the end was cut off, or that all of it
was written anew.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			say, err := o.words("记录完整：第 %d 至 %d 条，共 %d 个文件，末条哈希 %s\n", "whole: lines %d to %d, %d files, hash of the last line %s\n")
			if err != nil {
				return err
			}
			var noted auth.Hash
			if head != "" {
				if err := noted.UnmarshalText([]byte(head)); err != nil {
					return fmt.Errorf("--head: %w", err)
				}
			}
			r, err := auth.VerifyAudit(filepath.Dir(o.path(cmd)), noted)
			if err != nil {
				return err
			}
			if r.Torn > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d bytes at the end are no whole line\n", r.Torn)
			}
			return o.done(cmd, fmt.Sprintf(say, r.First, r.Last, r.Files, fmt.Sprintf("%x", r.Head)), r)
		},
	}
	c.Flags().StringVar(&head, "head", "", "hash of a last line that was noted before")
	o.flags(c)
	return c
}
