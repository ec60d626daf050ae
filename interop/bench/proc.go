//go:build linux && !android

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/voile-net/voile/interop/lab"
)

// clockTick is the unit of the times in /proc: USER_HZ, which Linux has fixed at
// 100 for programs on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

func meanRSS(nodes []lab.Node) (int64, error) {
	var sum int64
	for _, n := range nodes {
		rss, err := residentSize(n.Pid())
		if err != nil {
			return 0, err
		}
		sum += rss
	}
	return sum / int64(len(nodes)), nil
}

func maxRSS(nodes []lab.Node) (int64, error) {
	var largest int64
	for _, n := range nodes {
		rss, err := residentSize(n.Pid())
		if err != nil {
			return 0, err
		}
		largest = max(largest, rss)
	}
	return largest, nil
}

func totalCPU(nodes []lab.Node) (time.Duration, error) {
	var sum time.Duration
	for _, n := range nodes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.Pid()))
		if err != nil {
			return 0, err
		}
		used, err := parseStat(string(text))
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

func residentSize(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseStatus(string(text))
}

// parseStatus reads the resident memory, in bytes, from a status file.
func parseStatus(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("status: no VmRSS, the process has ended")
}

// parseStat reads the processor time, user and system, from a stat file.
func parseStat(text string) (time.Duration, error) {
	// The second field is the program's name in parentheses, which may hold anything.
	i := strings.LastIndexByte(text, ')')
	if i < 0 {
		return 0, errors.New("stat: no name")
	}
	fields := strings.Fields(text[i+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat: %d fields after the name", len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("stat: %w", err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("stat: %w", err)
	}
	return time.Duration(user+system) * clockTick, nil
}
