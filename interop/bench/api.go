//go:build linux && !android

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/voile-net/voile/interop/lab"
)

const (
	apiInFlight    = 64
	apiRate        = 1000 // requests a second, where their times are measured
	apiIdleClients = 1000
	apiIdleTime    = 5 * time.Second // for each idle client to get its share of updates
	// The request says nothing and asks for nothing that has to be looked up: what
	// is measured is the way to it and back.
	apiOperation = "VeilidVersionString"
)

// APILoad is what a node's JSON API carries by itself. Nothing of it uses the
// network of the nodes.
type APILoad struct {
	PerSecond  float64       // requests on one connection, 64 in flight
	P50, P99   time.Duration // of one request, at 1,000 a second on one connection
	IdleMemory int64         // bytes that 1,000 idle clients cost
}

// apiFigure is a row of the table.
type apiFigure struct {
	name, format string
	of           func(APILoad) float64
}

func apiFigures() []apiFigure {
	return []apiFigure{
		{fmt.Sprintf("API requests/s on one connection, %d in flight", apiInFlight), "%.0f", func(l APILoad) float64 { return l.PerSecond }},
		{fmt.Sprintf("API request at %d/s, p50, ms", apiRate), "%.3f", func(l APILoad) float64 { return millis(l.P50) }},
		{fmt.Sprintf("API request at %d/s, p99, ms", apiRate), "%.3f", func(l APILoad) float64 { return millis(l.P99) }},
		{fmt.Sprintf("memory for %d idle API clients, MB", apiIdleClients), "%.1f", func(l APILoad) float64 { return float64(l.IdleMemory) / 1e6 }},
	}
}

// measureAPI loads the API of a node, for a time with each load.
func measureAPI(ctx context.Context, n lab.Node, length time.Duration) (l APILoad, err error) {
	if l.PerSecond, err = apiPipelined(ctx, n, length); err != nil {
		return l, fmt.Errorf("pipelined requests: %w", err)
	}
	times, err := apiPaced(ctx, n, length)
	if err != nil {
		return l, fmt.Errorf("paced requests: %w", err)
	}
	l.P50, l.P99 = percentile(times, 50), percentile(times, 99)
	if l.IdleMemory, err = apiIdle(ctx, n); err != nil {
		return l, fmt.Errorf("idle clients: %w", err)
	}
	return l, nil
}

// apiConn is a connection whose answers are only told from updates and counted.
type apiConn struct {
	net.Conn
	lines *bufio.Reader
}

func dialAPI(ctx context.Context, n lab.Node) (*apiConn, error) {
	conn, err := n.Host().Dial(ctx, "tcp", apiAddress)
	if err != nil {
		return nil, err
	}
	return &apiConn{conn, bufio.NewReaderSize(conn, 256<<10)}, nil
}

// answer reads the next answer. The line is valid until the next call; a longer one
// than the buffer, which only an update can be, is passed over.
func (c *apiConn) answer() ([]byte, error) {
	for long := false; ; {
		line, err := c.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = true
		case err != nil:
			return nil, err
		case long || bytes.Contains(line, []byte(`"type":"Update"`)):
			long = false
		default:
			return line, nil
		}
	}
}

// more says whether the beginning of another line has been read already.
func (c *apiConn) more() bool { return c.lines.Buffered() > 0 }

func appendRequest(to []byte, id int) []byte {
	to = append(to, `{"id":`...)
	to = strconv.AppendInt(to, int64(id), 10)
	return append(to, `,"op":"`+apiOperation+"\"}\n"...)
}

// apiPipelined keeps a number of requests in flight on one connection and counts
// what is answered in a second.
func apiPipelined(ctx context.Context, n lab.Node, length time.Duration) (float64, error) {
	c, err := dialAPI(ctx, n)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var batch []byte
	for id := 1; id <= apiInFlight; id++ {
		batch = appendRequest(batch, id)
	}
	began := time.Now()
	if err := c.SetDeadline(began.Add(2 * length)); err != nil {
		return 0, err
	}
	if _, err := c.Write(batch); err != nil {
		return 0, err
	}
	answered := 0
	for time.Since(began) < length && ctx.Err() == nil {
		// As many new ones as there are answers at hand. When all are answered, no
		// more is to come, whatever there is to read.
		batch = batch[:0]
		for taken := 0; taken == 0 || taken < apiInFlight && c.more(); taken++ {
			if _, err := c.answer(); err != nil {
				return 0, err
			}
			answered++
			batch = appendRequest(batch, answered+apiInFlight)
		}
		if _, err := c.Write(batch); err != nil {
			return 0, err
		}
	}
	return float64(answered) / time.Since(began).Seconds(), ctx.Err()
}

// apiPaced sends requests by a timetable, whether or not earlier ones have been
// answered, and returns the times of all answers in order of length.
func apiPaced(ctx context.Context, n lab.Node, length time.Duration) ([]time.Duration, error) {
	c, err := dialAPI(ctx, n)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	count := int(length.Seconds() * apiRate)
	if count == 0 {
		return nil, errors.New("the load is too short")
	}
	began := time.Now()
	if err := c.SetDeadline(began.Add(length + 10*time.Second)); err != nil {
		return nil, err
	}
	sent := make([]time.Duration, count) // since began; the answer comes after the write
	var mu sync.Mutex
	failed := make(chan error, 1)
	go func() {
		var line []byte
		for i := range sent {
			if err := rest(ctx, time.Until(began.Add(time.Duration(i)*time.Second/apiRate))); err != nil {
				failed <- err
				c.Close()
				return
			}
			line = appendRequest(line[:0], i+1)
			mu.Lock()
			sent[i] = time.Since(began)
			mu.Unlock()
			if _, err := c.Write(line); err != nil {
				failed <- err
				c.Close()
				return
			}
		}
		failed <- nil
	}()
	times := make([]time.Duration, 0, count)
	var readErr error
	for len(times) < count {
		var line []byte
		if line, readErr = c.answer(); readErr != nil {
			break
		}
		at := time.Since(began)
		var a struct{ ID int }
		if readErr = json.Unmarshal(line, &a); readErr == nil && (a.ID < 1 || a.ID > count) {
			readErr = fmt.Errorf("answer to request %d of %d", a.ID, count)
		}
		if readErr != nil {
			break
		}
		mu.Lock()
		times = append(times, at-sent[a.ID-1])
		mu.Unlock()
	}
	if readErr != nil {
		c.Close() // ends the writer
	}
	if err := errors.Join(<-failed, readErr); err != nil {
		return nil, err
	}
	slices.Sort(times)
	return times, nil
}

// apiIdle connects clients that read what comes and ask nothing, and returns how
// much more memory the node has then.
func apiIdle(ctx context.Context, n lab.Node) (int64, error) {
	before, err := residentSize(n.Pid())
	if err != nil {
		return 0, err
	}
	conns := make([]net.Conn, 0, apiIdleClients)
	var reading sync.WaitGroup
	ended := make(chan error, apiIdleClients)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
		reading.Wait()
	}()
	for range apiIdleClients {
		c, err := n.Host().Dial(ctx, "tcp", apiAddress)
		if err != nil {
			return 0, fmt.Errorf("after %d of them: %w", len(conns), err)
		}
		conns = append(conns, c)
		reading.Go(func() {
			_, err := io.Copy(io.Discard, c)
			ended <- errors.Join(errors.New("the node ended a connection"), err)
		})
	}
	select {
	case err := <-ended:
		return 0, err
	case <-time.After(apiIdleTime):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := residentSize(n.Pid())
	return after - before, err
}
