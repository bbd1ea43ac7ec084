// The cases, run by google.golang.org/grpc: client ADDRESS CASES [PID OF THE SERVER].
// ../README.md says what each kind of case requires.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// Case is one entry of cases.json.
type Case struct {
	Name, Do, Method, Code, Compression string
	Unknown, Stream                     bool
	AnswerCompressed                    bool `json:"answer_compressed"`
	OneByOne                            bool `json:"one_by_one"`
	WithoutCalls                        bool `json:"without_calls"`
	Metadata                            map[string]string
	Request, Answer                     any
	Requests, Answers                   []any
	Error                               *WantedError
	Repeat, Calls, Bytes, Pings         int
	InFlight                            int  `json:"in_flight"`
	DeadlineMs                          *int `json:"deadline_ms"`
	CancelAfterMs                       *int `json:"cancel_after_ms"`
	WithinMs                            int  `json:"within_ms"`
	ThenWithinCalls                     int  `json:"then_within_calls"`
	QuietMs                             int  `json:"quiet_ms"`
	TimeMs                              int  `json:"time_ms"`
}

// WantedError is the status that a call must end with, and a part of its message.
type WantedError struct{ Code, Message string }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "client:", err)
	os.Exit(2)
}

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail(err)
	}
	var cases []Case
	if err := json.Unmarshal(text, &cases); err != nil {
		fail(err)
	}
	pid := 0
	if len(os.Args) > 3 {
		if pid, err = strconv.Atoi(os.Args[3]); err != nil {
			fail(err)
		}
	}
	address := os.Args[1]
	// those that wait most of the time wait beside the others
	started := map[string]chan error{}
	for i := range cases {
		if c := &cases[i]; c.Do == "keep_alive" {
			result := make(chan error, 1)
			started[c.Name] = result
			go func() { result <- runCase(nil, address, c, 0) }()
		}
	}
	api := newAPI(address, &Case{})
	passed, failed := 0, 0
	for i := range cases {
		c := &cases[i]
		if c.Do == "drain" && pid == 0 {
			fmt.Printf("skip  %s: no process was named\n", c.Name)
			continue
		}
		if result, ok := started[c.Name]; ok {
			err = <-result
		} else {
			err = runCase(api, address, c, pid)
		}
		if err != nil {
			failed++
			fmt.Printf("fail  %s: %v\n", c.Name, err)
		} else {
			passed++
			fmt.Printf("pass  %s\n", c.Name)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// api is the channel that most cases share; the others make one of their own.
func runCase(api *API, address string, c *Case, pid int) error {
	kinds := map[string]func(*API, *Case) error{
		"call": call, "stream": stream, "give_up": giveUp, "echo": echo, "many": many, "keep_alive": keepAlive,
		"drain": func(api *API, c *Case) error { return drain(api, c, pid) },
	}
	run, ok := kinds[c.Do]
	if !ok {
		return fmt.Errorf("no such kind of case: %s", c.Do)
	}
	if c.Compression != "" || c.Do == "keep_alive" || c.Do == "drain" {
		own := newAPI(address, c)
		defer own.close()
		return run(own, c)
	}
	if err := run(api, c); err != nil {
		return err
	}
	if err := api.live(); err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	if api.leftReady() {
		return fmt.Errorf("the connection was closed")
	}
	return nil
}
