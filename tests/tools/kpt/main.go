// kpt's own `fn` commands and nothing else of it: a part that they do not need, its rollouts, is not to be had as a
// module everywhere.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kptdev/kpt/commands/fn"
	"github.com/kptdev/kpt/pkg/lib/errors/resolver"
	"github.com/kptdev/kpt/pkg/printer"
	"github.com/spf13/cobra"
)

func main() {
	kpt := &cobra.Command{Use: "kpt", SilenceUsage: true, SilenceErrors: true}
	ctx := printer.WithContext(context.Background(), printer.New(kpt.OutOrStdout(), kpt.ErrOrStderr()))
	kpt.AddCommand(fn.GetCommand(ctx, "kpt"))
	err := kpt.Execute()
	if err == nil {
		return
	}
	if resolved, ok := resolver.ResolveError(err); ok {
		fmt.Fprintln(os.Stderr, resolved.Message)
		os.Exit(resolved.ExitCode)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
