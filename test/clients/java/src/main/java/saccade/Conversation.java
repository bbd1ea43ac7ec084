package saccade;

import com.google.gson.JsonElement;
import inference.GrpcService.ModelInferRequest;
import inference.GrpcService.ModelStreamInferResponse;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** A stream whose requests are sent one at a time and whose answers are taken one by one. */
final class Conversation {
  private final ClientCall<ModelInferRequest, ModelStreamInferResponse> call;
  private final BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();  // answers, then the Status

  Conversation(ClientCall<ModelInferRequest, ModelStreamInferResponse> call) {
    this.call = call;
    call.start(new ClientCall.Listener<>() {
      @Override
      public void onMessage(ModelStreamInferResponse answer) {
        arrived.add(answer);
        call.request(1);
      }

      @Override
      public void onClose(Status status, Metadata trailers) {
        arrived.add(status);
      }
    }, new Metadata());
    call.request(1);
    call.setMessageCompression(true);
  }

  void send(JsonElement template, int number) throws Exception {
    call.sendMessage(Compare.fill(ModelInferRequest.newBuilder(), template, number).build());
  }

  void end() {
    call.halfClose();
  }

  void cancel() {
    call.cancel("given up", null);
  }

  /** The next answer, or the status with which the stream has ended. */
  Object next() throws InterruptedException {
    Object one = arrived.take();
    if (one instanceof Status) arrived.add(one);
    return one;
  }

  ModelStreamInferResponse expectNext() throws InterruptedException {
    Object one = next();
    if (one instanceof Status status) throw new StatusRuntimeException(status.augmentDescription("the stream has ended"));
    return (ModelStreamInferResponse) one;
  }

  /** Reads on to the end. */
  Status status() throws InterruptedException {
    while (true) {
      if (next() instanceof Status status) return status;
    }
  }
}
