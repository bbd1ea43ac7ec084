package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "saccade/client/health"
	"saccade/client/inference"
)

const (
	service = "inference.GRPCInferenceService"
	// Nothing in the cases takes so long: a call that ends by this has hung.
	callTime = 60 * time.Second
	// What grpc-go makes of a shorter time between pings.
	leastPingTime = 10 * time.Second
)

// API is a channel and the service's methods on it.
type API struct {
	conn  *grpc.ClientConn
	stub  inference.GRPCInferenceServiceClient
	left  atomic.Bool
	ended context.CancelFunc
}

func newAPI(address string, c *Case) *API {
	calls := []grpc.CallOption{grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)}
	if c.Compression != "" {
		calls = append(calls, grpc.UseCompressor(c.Compression))
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(calls...)}
	if c.TimeMs > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: pingTime(c), Timeout: 5 * time.Second, PermitWithoutStream: c.WithoutCalls}))
	}
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	api := &API{conn: conn, stub: inference.NewGRPCInferenceServiceClient(conn), ended: cancel}
	go api.watch(ctx)
	return api
}

func pingTime(c *Case) time.Duration {
	return max(time.Duration(c.TimeMs)*time.Millisecond, leastPingTime)
}

// watch notes when a channel that had its connection has lost it.
func (api *API) watch(ctx context.Context) {
	for state := api.conn.GetState(); api.conn.WaitForStateChange(ctx, state); {
		if state == connectivity.Ready {
			api.left.Store(true)
			return
		}
		state = api.conn.GetState()
	}
}

func (api *API) leftReady() bool { return api.left.Load() }

func (api *API) close() {
	api.ended()
	api.conn.Close()
}

// method finds the generated types of a method by its name.
func method(name string, unknown bool) (path string, request, answer proto.Message, err error) {
	owner, short := service, name
	if at := strings.LastIndex(name, "/"); at >= 0 {
		owner, short = name[:at], name[at+1:]
	}
	path = "/" + owner + "/" + short
	if unknown {
		owner, short = service, "ServerLive"
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(owner + "." + short))
	if err != nil {
		return "", nil, nil, err
	}
	shape, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return "", nil, nil, fmt.Errorf("%s is no method", name)
	}
	if request, err = made(shape.Input()); err != nil {
		return "", nil, nil, err
	}
	answer, err = made(shape.Output())
	return path, request, answer, err
}

func made(shape protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(shape.FullName())
	if err != nil {
		return nil, err
	}
	return kind.New().Interface(), nil
}

func (api *API) live() error {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	answer, err := api.stub.ServerLive(ctx, &inference.ServerLiveRequest{})
	if err == nil && !answer.Live {
		err = fmt.Errorf("the server is not live")
	}
	return err
}

// gzip as grpc-go has it, and a count of what was unpacked: how a client sees that answers come compressed.
type countingGzip struct{ encoding.Compressor }

var unpacked atomic.Int64

func (c countingGzip) Decompress(r io.Reader) (io.Reader, error) {
	unpacked.Add(1)
	return c.Compressor.Decompress(r)
}

func init() {
	encoding.RegisterCompressor(countingGzip{encoding.GetCompressor(gzip.Name)})
}
