package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"saccade/client/inference"
)

func call(api *API, c *Case) error {
	path, request, answer, err := method(c.Method, c.Unknown)
	if err != nil {
		return err
	}
	if err := fill(request, c.Request, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(c.Metadata))
	err = api.conn.Invoke(ctx, path, request, answer)
	if err := checkEnd(c.Error, err); err != nil || c.Error != nil {
		return err
	}
	return checkAnswer(c.Answer, answer, 0)
}

// infer makes the call of a template and checks its answer.
func (api *API) infer(ctx context.Context, c *Case, number int) error {
	request := &inference.ModelInferRequest{}
	if err := fill(request, c.Request, number); err != nil {
		return err
	}
	answer, err := api.stub.ModelInfer(ctx, request)
	if err != nil {
		return err
	}
	return checkAnswer(c.Answer, answer, number)
}

// takeFrom takes from waiting the expected answer that this one is.
func takeFrom(waiting []any, answer *inference.ModelStreamInferResponse) ([]any, error) {
	found := asJSON(answer)
	for i, wanted := range waiting {
		if difference(wanted, found, "") == "" {
			return append(waiting[:i], waiting[i+1:]...), nil
		}
	}
	return nil, fmt.Errorf("an answer that none was expected like: %.300v", found)
}

type conversation = grpc.BidiStreamingClient[inference.ModelInferRequest, inference.ModelStreamInferResponse]

func send(with conversation, template any, number int) error {
	request := &inference.ModelInferRequest{}
	if err := fill(request, template, number); err != nil {
		return err
	}
	return with.Send(request)
}

func stream(api *API, c *Case) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	before := unpacked.Load()
	with, err := api.stub.ModelStreamInfer(ctx)
	if err != nil {
		return err
	}
	rounds := max(c.Repeat, 1)
	waiting := []any{}
	for i := range rounds {
		for _, wanted := range c.Answers {
			waiting = append(waiting, filled(wanted, i))
		}
	}
	take := func() error {
		answer, err := with.Recv()
		if err != nil {
			return err
		}
		waiting, err = takeFrom(waiting, answer)
		return err
	}
	if c.OneByOne {
		for i := range rounds {
			for _, request := range c.Requests {
				if err := send(with, request, i); err != nil {
					return err
				}
				if err := take(); err != nil {
					return err
				}
			}
		}
		with.CloseSend()
	} else {
		go func() {
			for i := range rounds {
				for _, request := range c.Requests {
					send(with, request, i) // its error comes back from Recv
				}
			}
			with.CloseSend()
		}()
	}
	for err = take(); err == nil; err = take() {
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if len(waiting) > 0 {
		return fmt.Errorf("%d requests were not answered", len(waiting))
	}
	return checkCompressed(c, before)
}

// checkCompressed requires answers to have come compressed where the case says that the calls were.
func checkCompressed(c *Case, before int64) error {
	if c.AnswerCompressed && unpacked.Load() == before {
		return fmt.Errorf("no answer came compressed")
	}
	return nil
}

func giveUp(api *API, c *Case) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	if err := api.infer(ctx, c, 1); err != nil {
		return err
	}
	one := time.Since(start)

	var wait time.Duration
	start = time.Now()
	if c.DeadlineMs != nil {
		wait = time.Duration(*c.DeadlineMs) * time.Millisecond
		ctx, cancel = context.WithDeadline(context.Background(), start.Add(wait))
	} else {
		wait = time.Duration(*c.CancelAfterMs) * time.Millisecond
		ctx, cancel = context.WithTimeout(context.Background(), callTime)
		time.AfterFunc(wait, cancel)
	}
	defer cancel()
	calls := c.Calls
	work := func(i int) error { return api.infer(ctx, c, i) }
	if c.Stream {
		calls, work = 1, func(int) error { return api.wholeStream(ctx, c) }
	}
	ends := make(chan error, calls)
	for i := range calls {
		go func() {
			err := work(i)
			took := time.Since(start)
			if got := status.Code(err); got != codeOf(c.Code) {
				err = fmt.Errorf("%v instead of %s", err, c.Code)
			} else if took < wait-5*time.Millisecond || took > wait+time.Duration(c.WithinMs)*time.Millisecond {
				err = fmt.Errorf("ended after %v", took)
			} else {
				err = nil
			}
			ends <- err
		}()
	}
	for range calls {
		if err := <-ends; err != nil {
			return err
		}
	}

	start = time.Now()
	ctx, cancel = context.WithTimeout(context.Background(), callTime)
	defer cancel()
	if err := api.infer(ctx, c, 2); err != nil {
		return err
	}
	if after := time.Since(start); after > one*time.Duration(c.ThenWithinCalls) {
		return fmt.Errorf("the next call took %v, one call %v; at most %d times that", after, one, c.ThenWithinCalls)
	}
	return nil
}

// wholeStream sends the case's calls on one stream and reads until that ends.
func (api *API) wholeStream(ctx context.Context, c *Case) error {
	with, err := api.stub.ModelStreamInfer(ctx)
	for i := 0; i < c.Calls && err == nil; i++ {
		err = send(with, c.Request, i)
	}
	for err == nil || errors.Is(err, io.EOF) {
		if _, err = with.Recv(); errors.Is(err, io.EOF) {
			return nil
		}
	}
	return err
}

func echo(api *API, c *Case) error {
	content := make([]byte, c.Bytes)
	for i := range content {
		content[i] = byte(i % 251)
	}
	before := unpacked.Load()
	ends := make(chan error, c.Calls)
	for range c.Calls {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), callTime)
			defer cancel()
			answer, err := api.stub.ModelInfer(ctx, &inference.ModelInferRequest{ModelName: "identity",
				Inputs: []*inference.ModelInferRequest_InferInputTensor{
					{Name: "x", Datatype: "UINT8", Shape: []int64{int64(len(content))}}},
				RawInputContents: [][]byte{content}})
			err = checkEnd(c.Error, err)
			if err == nil && c.Error == nil && (len(answer.RawOutputContents) != 1 || !bytes.Equal(answer.RawOutputContents[0], content)) {
				err = errors.New("the content came back changed")
			}
			ends <- err
		}()
	}
	for range c.Calls {
		if err := <-ends; err != nil {
			return err
		}
	}
	return checkCompressed(c, before)
}

func many(api *API, c *Case) error {
	room := make(chan struct{}, c.InFlight)
	failures := make(chan error, c.Calls)
	var all sync.WaitGroup
	for i := range c.Calls {
		room <- struct{}{}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), callTime)
			defer cancel()
			if err := api.infer(ctx, c, i); err != nil {
				failures <- fmt.Errorf("call %d: %w", i, err)
			}
			<-room
		})
	}
	all.Wait()
	if count := len(failures); count > 0 {
		return fmt.Errorf("%d failed; %w", count, <-failures)
	}
	return nil
}

func keepAlive(api *API, c *Case) error {
	quiet := time.Duration(c.QuietMs) * time.Millisecond
	if c.TimeMs > 0 {
		quiet = pingTime(c)*time.Duration(c.Pings) + pingTime(c)/2
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime+quiet)
	defer cancel()
	ask := func() error { return api.infer(ctx, c, 0) }
	if c.Stream {
		with, err := api.stub.ModelStreamInfer(ctx)
		if err != nil {
			return err
		}
		ask = func() error {
			if err := send(with, c.Request, 0); err != nil {
				return err
			}
			answer, err := with.Recv()
			if err != nil {
				return err
			}
			return checkAnswer(c.Answer, answer, 0)
		}
	}
	if err := ask(); err != nil {
		return err
	}
	for end := time.Now().Add(quiet); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if api.leftReady() {
			return errors.New("the server has closed the connection")
		}
	}
	if err := ask(); err != nil {
		return err
	}
	if api.leftReady() {
		return errors.New("the server has closed the connection")
	}
	return nil
}

func drain(api *API, c *Case, pid int) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	with, err := api.stub.ModelStreamInfer(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]any{"infer_response": c.Answer}
	if err := send(with, c.Request, 100); err != nil {
		return err
	}
	answer, err := with.Recv()
	if err != nil {
		return err
	}
	if err := checkAnswer(wanted, answer, 100); err != nil {
		return err
	}

	ends := make(chan error, c.Calls)
	for i := range c.Calls {
		go func() { ends <- api.infer(ctx, c, i) }()
	}
	if err := send(with, c.Request, 101); err != nil {
		return err
	}
	lost := <-ends
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	if err := api.late(); err != nil {
		return err
	}
	for range c.Calls - 1 {
		lost = errors.Join(lost, <-ends)
	}
	if lost != nil {
		return fmt.Errorf("accepted calls were lost: %w", lost)
	}
	if answer, err = with.Recv(); err != nil {
		return fmt.Errorf("the stream's last request was not answered: %w", err)
	}
	if err := checkAnswer(wanted, answer, 101); err != nil {
		return err
	}
	if _, err = with.Recv(); !errors.Is(err, io.EOF) && status.Code(err) != codes.Unavailable {
		return fmt.Errorf("the stream ended with %w", err)
	}
	if took := time.Since(start); took > time.Duration(c.WithinMs)*time.Millisecond {
		return fmt.Errorf("it took %v", took)
	}
	return nil
}

// late makes calls after the signal: answered, or refused so that a client may try elsewhere.
func (api *API) late() error {
	for range 100 {
		err := api.live()
		if status.Code(err) == codes.Unavailable {
			return nil
		}
		if err != nil {
			return fmt.Errorf("a late call got %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("2 s after the signal calls are still accepted")
}
