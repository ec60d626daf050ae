//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"strings"
)

// debugHelp shows the list, a command, or a second word.
func debugHelp(_ *Node, _ context.Context, args []string) (string, error) {
	all := debugLanguage()
	if len(args) == 0 {
		return listText(all, ""), nil
	}
	c, ok := named(all, args[0])
	for _, word := range args[1:] {
		if ok {
			c, ok = named(c.commands, word)
		}
	}
	if !ok {
		return "", errorf(Generic, nil, "Unknown debug command")
	}
	described := describeAll([]debugCommand{*c})[0]
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: debug %s\n", c.about, strings.Join(append(args[:len(args)-1:len(args)-1], described.Usage()), " "))
	if len(c.commands) > 0 {
		b.WriteString("\nCommands:\n" + listText(c.commands, "  "))
	}
	if len(c.args) > 0 {
		b.WriteString("\nArguments:\n")
	}
	for _, a := range c.args {
		fmt.Fprintf(&b, "  %s", a.usage())
		if a.About != "" {
			fmt.Fprintf(&b, "  %s", a.About)
		}
		if len(a.Words) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(a.Words, ", "))
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func listText(list []debugCommand, before string) string {
	width := 0
	for _, c := range list {
		width = max(width, len(c.name))
	}
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%s%-*s  %s\n", before, width, c.name, c.about)
	}
	return b.String()
}
