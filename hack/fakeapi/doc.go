// Command fakeapi plays the Anthropic Messages API from a script, so that
// tests drive the real Claude Code offline and get the same answers each time.
//
//	fakeapi -script turns.json -log requests.jsonl -addrfile addr
//
// The script is a list of assistant turns, played in order:
//
//	[{"text": "Let me look.", "tools": [{"name": "Bash", "input": {"command": "id"}}]},
//	 {"text": "The tool said: {{tool_result}}"}]
//
// Which turn to play follows from the request alone (the number of assistant
// messages in it): the server has no state, and a retried request gets the
// same answer. Requests that offer no tools (titles, summaries, probes) are
// answered with "ok".
//
// With -tls it also serves TLS under the names of the real hosts, with a
// certificate of a CA made at start and thrown away, and joins a CONNECT to
// one of those names to that listener; with -proxy it joins CONNECTs to
// loopback addresses. Any other proxy request is refused with 403 and logged.
//
// Every request is logged whole, with its headers: tests look for keys in
// them. It listens on loopback only and must never be given a real key.
package main
