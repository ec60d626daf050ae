package main

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/cmd/voile/internal/console"
	"golang.org/x/term"
)

// maxToken is more than a file with a token has.
const maxToken = 4 << 10

// consoleFlags are the flags of "voile console".
type consoleFlags struct {
	address     string
	ipcPath     string
	tokenFile   string
	fingerprint string
	commands    []string
	file        string
	follow      bool
	plain       bool
	asJSON      bool
	keepGoing   bool
	ascii       bool
	noHistory   bool
	timeout     time.Duration
}

func newConsoleCommand(io streams) *cobra.Command {
	var f consoleFlags
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Watch and command a running node",
		Long: `Connects to a running node through its JSON API, and shows on the screen what it
does: peers with latency and traffic, bandwidth, messages, the log. Commands are
those of the debug language and some of the console; "help" lists them, F1 the
keys. It speaks to "voile serve" and to other servers of Veilid 0.5.6 and later.

With -e, -f, or input that is no terminal it runs commands and ends: with code 0,
or 1 if one failed or there is no server. Results go to stdout, all else to stderr.

Without --address it tries VEILID_SERVER_IPC and VEILID_SERVER_NETWORK, the usual
sockets, and localhost:5959. History is kept in the user's directory for state;
lines that begin with a space or hold a secret are not.`,
		Example: `  voile console                                     on the screen
  voile console -e nodeinfo -e "route list"         for scripts
  voile console --json -e nodeid | jq -r .output
  echo "record list local" | voile console -a unix:/run/voile/ipc/0
  voile console --log                               print what happens
  voile console -a tls://node.example.org --token-file token --fingerprint AB:CD:...`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.address, "address", "a", "", "`server`: host:port, tls://host:port or unix:PATH")
	flags.StringVarP(&f.ipcPath, "ipc-path", "p", "", "the same as --address unix:`PATH`")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token of the server")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "`SHA-256` of the server's certificate, for one that is signed by itself")
	flags.StringArrayVarP(&f.commands, "execute", "e", nil, "run a `command` and end; may be repeated")
	flags.StringVarP(&f.file, "file", "f", "", "run the commands of a `file` and end; - is stdin")
	flags.BoolVarP(&f.follow, "log", "l", false, "print what happens until it is interrupted")
	flags.BoolVarP(&f.plain, "interactive", "i", false, "line by line, without the screen")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object for each command or event")
	flags.BoolVar(&f.keepGoing, "keep-going", false, "go on after a command that failed")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "how `long` connecting and each command of a script may take; 0 is for ever")
	flags.BoolVar(&f.ascii, "ascii", false, "draw with ASCII characters only")
	flags.BoolVar(&f.noHistory, "no-history", false, "keep no history on disk")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o, closeScript, err := f.options(io)
		if err != nil {
			return err
		}
		defer closeScript()
		return console.Run(cmd.Context(), o)
	}
	return cmd
}

// options joins flags and streams.
func (f *consoleFlags) options(s streams) (o console.Options, closeScript func(), err error) {
	o = console.Options{
		Timeout: f.timeout, Commands: f.commands, Follow: f.follow, Plain: f.plain, JSON: f.asJSON, KeepGoing: f.keepGoing,
		In: s.in, Out: s.out, Err: s.err, ASCII: f.ascii,
		Client: client.Options{Fingerprint: f.fingerprint},
	}
	closeScript = func() {}
	runs := len(f.commands) > 0 || f.file != ""
	switch {
	case f.address != "" && f.ipcPath != "":
		return o, closeScript, misused("--address and --ipc-path name one server: give one of them")
	case f.follow && f.plain, f.follow && runs, f.plain && runs:
		return o, closeScript, misused("--execute and --file, --log, and --interactive exclude each other")
	}
	if in, ok := s.in.(*os.File); ok { // a dumb one, too: it is good for lines
		o.InTerminal = term.IsTerminal(int(in.Fd()))
	}
	_, o.OutTerminal = terminalOf(s.out)
	if !f.noHistory {
		o.History = console.DefaultHistory()
	}
	address := f.address
	if f.ipcPath != "" {
		address = "unix:" + f.ipcPath
	}
	if address != "" {
		a, err := client.ParseAddress(address)
		if err != nil {
			return o, closeScript, misused("%w", err)
		}
		o.Addresses = []client.Address{a}
	} else if f.tokenFile != "" || f.fingerprint != "" {
		return o, closeScript, misused("--token-file and --fingerprint belong to a server: name it with --address")
	}
	if f.tokenFile != "" {
		if o.Client.Token, err = readToken(f.tokenFile); err != nil {
			return o, closeScript, err
		}
	}
	switch f.file {
	case "":
	case "-":
		o.Script = s.in
	default:
		file, err := os.Open(f.file)
		if err != nil {
			return o, closeScript, misused("--file: %w", err)
		}
		o.Script, closeScript = file, func() { file.Close() }
	}
	return o, closeScript, nil
}

func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", misused("--token-file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", misused("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", misused("--token-file: %s is empty", path)
	}
	return token, nil
}
