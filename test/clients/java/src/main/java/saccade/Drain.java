package saccade;

import static saccade.Client.require;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.gson.JsonObject;
import inference.GrpcService.ModelInferResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The server is told to end while calls are under way. */
final class Drain {
  private Drain() {}

  static void run(Api api, JsonObject one, long pid) throws Exception {
    long start = System.nanoTime();
    var wanted = new JsonObject();
    wanted.add("infer_response", one.get("answer"));
    Conversation conversation = api.stream(Api.CALL_MS);
    conversation.send(one.get("request"), 100);
    Compare.checkAnswer(wanted, conversation.expectNext(), 100);

    List<ListenableFuture<ModelInferResponse>> calls = new ArrayList<>();
    var first = new CountDownLatch(1);
    for (int i = 0; i < one.get("calls").getAsInt(); i++) {
      calls.add(api.future(Api.CALL_MS).modelInfer(Kinds.request(one, i)));
      calls.get(i).addListener(first::countDown, MoreExecutors.directExecutor());
    }
    conversation.send(one.get("request"), 101);
    require(first.await(Api.CALL_MS, TimeUnit.MILLISECONDS), "no call was answered");
    ProcessHandle.of(pid).orElseThrow().destroy();  // SIGTERM
    late(api);

    for (int i = 0; i < calls.size(); i++) {
      Status status = null;
      try {
        Compare.checkAnswer(one.get("answer"), calls.get(i).get(), i);
      } catch (java.util.concurrent.ExecutionException error) {
        status = Status.fromThrowable(error.getCause());
      }
      require(status == null, "accepted call " + i + " was lost: " + status);
    }
    Compare.checkAnswer(wanted, conversation.expectNext(), 101);
    Object end = conversation.next();
    require(end instanceof Status, "the stream's last request got two answers");
    Status status = (Status) end;
    require(status.isOk() || status.getCode() == Status.Code.UNAVAILABLE, "the stream ended with " + status);
    require(System.nanoTime() - start < one.get("within_ms").getAsLong() * 1_000_000, "it took too long");
  }

  /** Calls after the signal: answered, or refused so that a client may try elsewhere. */
  private static void late(Api api) throws Exception {
    for (int i = 0; i < 100; i++) {
      try {
        api.live();
      } catch (StatusRuntimeException error) {
        require(error.getStatus().getCode() == Status.Code.UNAVAILABLE, "a late call got " + error.getMessage());
        return;
      }
      Thread.sleep(20);
    }
    throw new Client.Failed("2 s after the signal calls are still accepted");
  }
}
