package platformtest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

const crashDir = "VOILE_TEST_CRASH_DIR" // set in the child, to its folder

// Crash starts the calling test again as a child process, kills it at a random
// instant, checks what it left, and repeats that in the same folder. No test
// may run beside it under the same name.
//
// child opens the store in dir, goes on from what is there, and writes without
// end; it calls ack(n), n growing, after each write that the store has
// acknowledged. check opens what the killed child left behind: every write up
// to acked must be there, and at most the one after it; it returns the last.
func Crash(t *testing.T, rounds int, child func(t *testing.T, dir string, ack func(n int)), check func(t *testing.T, dir string, acked int) int) {
	if dir := os.Getenv(crashDir); dir != "" {
		child(t, dir, func(n int) { fmt.Printf("ack %d\n", n) })
		t.Fatal("the child came to an end")
	}
	dir := t.TempDir()
	last, total := 0, 0
	for round := range rounds {
		acked := runUntilKilled(t, dir, last)
		total += acked - last
		if last = check(t, dir, acked); last < acked || last > acked+1 {
			t.Fatalf("round %d: last write found is %d, acknowledged was %d", round, last, acked)
		}
	}
	if total == 0 {
		t.Errorf("no write was acknowledged in %d rounds: nothing was tested", rounds)
	}
	t.Logf("%d rounds, %d acknowledged writes", rounds, total)
}

// runUntilKilled gives the last number that the child acknowledged.
func runUntilKilled(t *testing.T, dir string, acked int) int {
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v=false")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// From the first acknowledgement on, so that the slow start does not count.
	var kill *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(string(lines.Bytes()[min(4, len(lines.Bytes())):]))
		if err != nil {
			continue // an incomplete last line, or the report of a failed child
		}
		if acked = n; kill == nil {
			kill = time.AfterFunc(time.Duration(rand.Int64N(int64(40*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	if kill == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	kill.Stop()
	return acked
}
