//go:build !nodebugapi

package core

import (
	"context"
	"slices"
	"strings"
)

// Debug runs a line of the debug language and returns its text, which is for people
// and not for programs. Errors: Generic for an unknown command, InvalidArgument and
// MissingArgument for bad arguments, ParseError for a missing quote. A build with the
// tag nodebugapi is without the language and answers "" to every line, see [DebugAPI].
func (n *Node) Debug(ctx context.Context, line string) (string, error) {
	if err := n.usable(); err != nil {
		return "", err
	}
	words, err := splitWords(line)
	if err != nil {
		return "", err
	}
	if len(words) == 0 {
		words = []string{"help"}
	}
	c, args, err := findCommand(words)
	if err != nil {
		return "", err
	}
	text, err := c.run(n, ctx, args)
	if err != nil {
		return "", apiError(err)
	}
	return text, nil
}

// findCommand finds what a line asks for, and the words that are its arguments.
func findCommand(words []string) (*debugCommand, []string, error) {
	family, ok := named(debugLanguage(), words[0])
	if !ok {
		return nil, nil, errorf(Generic, nil, "Unknown debug command")
	}
	c, args := family, words[1:]
	if c.run == nil {
		if len(args) == 0 {
			return nil, nil, &Error{Kind: MissingArgument, Context: "debug_" + family.name, Argument: family.missing}
		}
		if c, ok = named(family.commands, args[0]); !ok {
			return nil, nil, errorf(Generic, nil, "Unknown %s subcommand", family.name)
		}
		args = args[1:]
	}
	if !c.fits(len(args)) {
		return nil, nil, invalidArgument("debug_"+family.name, "arg_1", arg(words, 1))
	}
	return c, args, nil
}

// splitWords splits a line like a shell does: quotes of both kinds, and backslashes
// outside single quotes. A # is an ordinary character, since routes and data begin
// with it.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	in, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' && r != '$' && r != '`' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, in = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 || escaped {
		return nil, &Error{Kind: ParseError, Message: "missing closing quote", Value: line}
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

func named(list []debugCommand, name string) (*debugCommand, bool) {
	i := slices.IndexFunc(list, func(c debugCommand) bool { return c.name == name })
	if i < 0 {
		return nil, false
	}
	return &list[i], true
}
