package main

import (
	"os"
	"strconv"
)

// enter brings the process where its settings want it: working directory, files in
// place of its streams, a file with its number. leave undoes what has to be.
func (d *daemonSettings) enter(io *streams) (leave func(), err error) {
	var files []*os.File
	pidFile := ""
	leave = func() {
		if pidFile != "" {
			os.Remove(pidFile)
		}
		for _, f := range files {
			f.Close()
		}
	}
	defer func() {
		if err != nil {
			leave()
		}
	}()
	if dir := d.workingDirectory; dir != nil && *dir != "" {
		if err := os.Chdir(*dir); err != nil {
			return nil, misused("daemon.working_directory: %w", err)
		}
	}
	open := func(key string, path *string) (*os.File, error) {
		f, err := os.OpenFile(*path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return nil, misused("%s: %w", key, err)
		}
		files = append(files, f)
		return f, nil
	}
	if d.stdoutFile != nil && *d.stdoutFile != "" {
		f, err := open("daemon.stdout_file", d.stdoutFile)
		if err != nil {
			return nil, err
		}
		io.out = f
	}
	if d.stderrFile != nil && *d.stderrFile != "" {
		f, err := open("daemon.stderr_file", d.stderrFile)
		if err != nil {
			return nil, err
		}
		io.err = f
	}
	if d.pidFile != nil && *d.pidFile != "" {
		if err := os.WriteFile(*d.pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
			return nil, misused("daemon.pid_file: %w", err)
		}
		pidFile = *d.pidFile
	}
	return leave, nil
}
