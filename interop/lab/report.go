package lab

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/voile-net/voile/interop/api"
)

// What nodes report beyond the API stands in the text of debug commands. The
// texts of 0.5.8 and 0.5.2 are alike where we look; Voile writes the same there.

// Reliable is the state that the entry of a trusted peer has (spec 04 §5.2).
const Reliable = "RELIBL"

var entryLine = regexp.MustCompile(`(?m)^\s*(VLD0:[A-Za-z0-9_-]{43})\s*\[([^\]]*)\]`)

// Entries is the state of every peer in a node's routing table, by node id.
func Entries(ctx context.Context, c *api.Client) (map[string]string, error) {
	text, err := c.Debug(ctx, "entries dead") // dead and better: all
	if err != nil {
		return nil, err
	}
	return parseEntries(text)
}

func parseEntries(text string) (map[string]string, error) {
	if !strings.Contains(text, "Entries:") {
		return nil, fmt.Errorf("entries: no list in %.200q", text)
	}
	states := map[string]string{}
	for _, m := range entryLine.FindAllStringSubmatch(text, -1) {
		states[m[1]] = m[2]
	}
	return states, nil
}

// Punishments are the lines of a node's punishment tables, none if it punishes nobody.
func Punishments(ctx context.Context, c *api.Client) ([]string, error) {
	text, err := c.Debug(ctx, "punish list")
	if err != nil {
		return nil, err
	}
	return parsePunishments(text)
}

func parsePunishments(text string) ([]string, error) {
	var found []string
	for _, table := range []string{"punishments_by_ip4", "punishments_by_ip6_prefix", "punishments_by_node_id"} {
		_, rest, ok := strings.Cut(text, table+": {")
		if !ok {
			return nil, fmt.Errorf("punish list: no %s in %.200q", table, text)
		}
		depth, end := 1, -1
		for i, r := range rest {
			if r == '{' {
				depth++
			} else if r == '}' {
				depth--
			}
			if depth == 0 {
				end = i
				break
			}
		}
		if end < 0 {
			return nil, fmt.Errorf("punish list: %s has no end", table)
		}
		if body := strings.Join(strings.Fields(rest[:end]), " "); body != "" {
			found = append(found, table+": "+body)
		}
	}
	return found, nil
}

var methodLine = regexp.MustCompile(`(?m)^\s+([A-Z][A-Za-z]+): (\d+)/(\d+) [0-9.]+%`)

// ContactMethods is how often a node has chosen each way to reach its peers
// (spec 04 §10.1), by the name of the way.
func ContactMethods(ctx context.Context, c *api.Client) (map[string]int, error) {
	text, err := c.Debug(ctx, "network stats")
	if err != nil {
		return nil, err
	}
	return parseContactMethods(text)
}

func parseContactMethods(text string) (map[string]int, error) {
	_, rest, ok := strings.Cut(text, "Contact methods:")
	if !ok {
		return nil, fmt.Errorf("network stats: no contact methods in %.200q", text)
	}
	counts := map[string]int{}
	for _, m := range methodLine.FindAllStringSubmatch(rest, -1) {
		n, err := strconv.Atoi(m[3]) // m[2] of them from the cache
		if err != nil {
			return nil, fmt.Errorf("network stats: %w", err)
		}
		counts[m[1]] = n
	}
	return counts, nil
}

var routeLine = regexp.MustCompile(`(?m)^(VLD0:[A-Za-z0-9_-]{43}): .*?\bhops=\[([^\]]*)\]`)

// RouteHops are the node ids of the hops of a node's own routes, by route id.
func RouteHops(ctx context.Context, c *api.Client) (map[string][]string, error) {
	text, err := c.Debug(ctx, "route list")
	if err != nil {
		return nil, err
	}
	return parseRouteHops(text)
}

func parseRouteHops(text string) (map[string][]string, error) {
	if !strings.Contains(text, "Allocated Routes:") {
		return nil, fmt.Errorf("route list: no list in %.200q", text)
	}
	routes := map[string][]string{}
	for _, m := range routeLine.FindAllStringSubmatch(text, -1) {
		hops := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
		routes[m[1]] = hops
	}
	return routes, nil
}
