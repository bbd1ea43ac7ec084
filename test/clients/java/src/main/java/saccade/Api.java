package saccade;

import static saccade.Client.require;

import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import grpc.health.v1.HealthGrpc;
import inference.GRPCInferenceServiceGrpc;
import inference.GrpcService.ServerLiveRequest;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.Codec;
import io.grpc.ConnectivityState;
import io.grpc.DecompressorRegistry;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A channel, and the methods of the generated code by their names. */
final class Api implements AutoCloseable {
  static final String SERVICE = "inference.GRPCInferenceService";
  /** Nothing in the cases takes so long: a call that ends by this has hung. */
  static final long CALL_MS = 60_000;
  /** What grpc-java makes of a shorter time between pings. */
  static final long LEAST_PING_MS = 10_000;

  /** Gzip as grpc-java has it, and a count of what was unpacked: how a client sees that answers come compressed. */
  static final class CountingGzip implements io.grpc.Decompressor {
    final AtomicInteger unpacked = new AtomicInteger();
    private final Codec.Gzip gzip = new Codec.Gzip();

    @Override
    public String getMessageEncoding() {
      return gzip.getMessageEncoding();
    }

    @Override
    public InputStream decompress(InputStream stream) throws IOException {
      unpacked.incrementAndGet();
      return gzip.decompress(stream);
    }
  }

  final CountingGzip gzip = new CountingGzip();
  private final ManagedChannel channel;
  private final String compression;
  private volatile boolean left;
  private volatile boolean closed;

  Api(String address, JsonObject one) {
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget(address).usePlaintext()
        .maxInboundMessageSize(Integer.MAX_VALUE)
        .decompressorRegistry(DecompressorRegistry.emptyInstance().with(gzip, true).with(Codec.Identity.NONE, false));
    if (one.has("time_ms")) {
      builder.keepAliveTime(pingMs(one), TimeUnit.MILLISECONDS).keepAliveTimeout(5, TimeUnit.SECONDS)
          .keepAliveWithoutCalls(one.has("without_calls"));
    }
    compression = one.has("compression") ? one.get("compression").getAsString() : null;
    channel = builder.build();
    watch();
  }

  static long pingMs(JsonObject one) {
    return Math.max(one.get("time_ms").getAsLong(), LEAST_PING_MS);
  }

  /** Notes when a channel that had its connection has lost it. */
  private void watch() {
    ConnectivityState state = channel.getState(false);
    channel.notifyWhenStateChanged(state, () -> {
      if (closed) return;
      if (state == ConnectivityState.READY) left = true;
      else watch();
    });
  }

  boolean leftReady() {
    return left;
  }

  GRPCInferenceServiceGrpc.GRPCInferenceServiceBlockingStub blocking() {
    return options(GRPCInferenceServiceGrpc.newBlockingStub(channel)).withDeadlineAfter(CALL_MS, TimeUnit.MILLISECONDS);
  }

  GRPCInferenceServiceGrpc.GRPCInferenceServiceFutureStub future(long deadlineMs) {
    return options(GRPCInferenceServiceGrpc.newFutureStub(channel)).withDeadlineAfter(deadlineMs, TimeUnit.MILLISECONDS);
  }

  Conversation stream(long deadlineMs) {
    var call = channel.newCall(GRPCInferenceServiceGrpc.getModelStreamInferMethod(),
        (compression == null ? CallOptions.DEFAULT : CallOptions.DEFAULT.withCompression(compression))
            .withDeadlineAfter(deadlineMs, TimeUnit.MILLISECONDS));
    return new Conversation(call);
  }

  private <S extends io.grpc.stub.AbstractStub<S>> S options(S stub) {
    return compression == null ? stub : stub.withCompression(compression);
  }

  static MethodDescriptor<?, ?> method(String name, boolean unknown) throws Client.Failed {
    String full = name.contains("/") ? name : SERVICE + "/" + name;
    String known = unknown ? SERVICE + "/ServerLive" : full;
    var found = Stream.of(GRPCInferenceServiceGrpc.getServiceDescriptor(), HealthGrpc.getServiceDescriptor())
        .flatMap(service -> service.getMethods().stream())
        .filter(each -> each.getFullMethodName().equals(known)).findFirst();
    require(found.isPresent(), "no such method: " + known);
    return found.get().toBuilder().setFullMethodName(full).build();
  }

  @SuppressWarnings("unchecked")
  static Message.Builder requestOf(MethodDescriptor<?, ?> method) {
    return ((PrototypeMarshaller<Message>) method.getRequestMarshaller()).getMessagePrototype().newBuilderForType();
  }

  @SuppressWarnings("unchecked")
  Message call(MethodDescriptor<?, ?> method, Message request, JsonObject metadata) {
    var headers = new Metadata();
    if (metadata != null) {
      metadata.entrySet().forEach(each -> headers.put(
          Metadata.Key.of(each.getKey(), Metadata.ASCII_STRING_MARSHALLER), each.getValue().getAsString()));
    }
    var with = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    return ClientCalls.blockingUnaryCall(with, (MethodDescriptor<Message, Message>) method,
        CallOptions.DEFAULT.withDeadlineAfter(CALL_MS, TimeUnit.MILLISECONDS), request);
  }

  void live() throws Client.Failed {
    require(blocking().serverLive(ServerLiveRequest.getDefaultInstance()).getLive(), "the server is not live");
  }

  @Override
  public void close() {
    closed = true;
    channel.shutdownNow();
  }
}
