package saccade;

import static saccade.Client.require;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import inference.GrpcService.ModelInferRequest;
import inference.GrpcService.ModelInferResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** How each kind of case is run. */
final class Kinds {
  private Kinds() {}

  static void run(String kind, Api api, JsonObject one) throws Exception {
    switch (kind) {
      case "call" -> call(api, one);
      case "stream" -> stream(api, one);
      case "give_up" -> giveUp(api, one);
      case "echo" -> echo(api, one);
      case "many" -> many(api, one);
      case "keep_alive" -> keepAlive(api, one);
      default -> throw new Client.Failed("no such kind of case: " + kind);
    }
  }

  static int number(JsonObject one, String name, int otherwise) {
    return one.has(name) ? one.get(name).getAsInt() : otherwise;
  }

  private static void call(Api api, JsonObject one) throws Exception {
    var method = Api.method(one.get("method").getAsString(), one.has("unknown"));
    Message request = Compare.fill(Api.requestOf(method), one.get("request"), 0).build();
    Message answer;
    try {
      answer = api.call(method, request, one.getAsJsonObject("metadata"));
    } catch (StatusRuntimeException error) {
      if (!one.has("error")) throw error;
      Compare.checkError(one.getAsJsonObject("error"), error);
      return;
    }
    require(!one.has("error"), "an answer instead of " + one.get("error"));
    Compare.checkAnswer(one.get("answer"), answer, 0);
  }

  static ModelInferRequest request(JsonObject one, int number) throws Exception {
    return Compare.fill(ModelInferRequest.newBuilder(), one.get("request"), number).build();
  }

  /** One call, its answer checked; how long it took, in milliseconds. */
  static double infer(Api api, JsonObject one, int number) throws Exception {
    ModelInferRequest request = request(one, number);
    long start = System.nanoTime();
    Compare.checkAnswer(one.get("answer"), api.blocking().modelInfer(request), number);
    return (System.nanoTime() - start) / 1e6;
  }

  /** Takes from `waiting` the expected answer that this one is. */
  private static void takeFrom(List<JsonElement> waiting, Message answer) throws Exception {
    JsonElement found = Compare.asJson(answer);
    for (int i = 0; i < waiting.size(); i++) {
      if (Compare.difference(waiting.get(i), found, "").isEmpty()) {
        waiting.remove(i);
        return;
      }
    }
    throw new Client.Failed("an answer that none was expected like: " + found);
  }

  private static void stream(Api api, JsonObject one) throws Exception {
    int rounds = number(one, "repeat", 1);
    List<JsonElement> waiting = new ArrayList<>();
    for (int i = 0; i < rounds; i++) {
      for (JsonElement wanted : one.getAsJsonArray("answers")) waiting.add(Compare.filled(wanted, i));
    }
    Conversation conversation = api.stream(Api.CALL_MS);
    for (int i = 0; i < rounds; i++) {
      for (JsonElement request : one.getAsJsonArray("requests")) {
        conversation.send(request, i);
        if (one.has("one_by_one")) takeFrom(waiting, conversation.expectNext());
      }
    }
    conversation.end();
    while (true) {
      Object next = conversation.next();
      if (next instanceof Status status) {
        require(status.isOk(), "the stream ended with " + status);
        break;
      }
      takeFrom(waiting, (Message) next);
    }
    require(waiting.isEmpty(), waiting.size() + " requests were not answered");
    checkCompressed(api, one);
  }

  /** Requires answers to have come compressed where the case wants that. */
  private static void checkCompressed(Api api, JsonObject one) throws Client.Failed {
    require(!one.has("answer_compressed") || api.gzip.unpacked.get() > 0, "no answer came compressed");
  }

  private record End(Status status, double milliseconds) {}

  private static void giveUp(Api api, JsonObject one) throws Exception {
    double single = infer(api, one, 1);
    int wait = number(one, "deadline_ms", number(one, "cancel_after_ms", 0));
    String code = one.get("code").getAsString();
    for (End end : giveUpAll(api, one, wait)) {
      require(end.status().getCode().name().equals(code), end.status() + " instead of " + code);
      require(end.milliseconds() >= wait - 5 && end.milliseconds() <= wait + number(one, "within_ms", 0),
          "ended after " + end.milliseconds() + " ms");
    }
    double after = infer(api, one, 2);
    int limit = number(one, "then_within_calls", 0);
    require(after <= limit * single, String.format("the next call took %.1f times one call's %.0f ms; at most %d",
        after / single, single, limit));
  }

  private static List<End> giveUpAll(Api api, JsonObject one, int wait) throws Exception {
    long deadline = one.has("deadline_ms") ? wait : Api.CALL_MS;
    int calls = number(one, "calls", 1);
    BlockingQueue<End> ends = new LinkedBlockingQueue<>();
    List<Runnable> cancels = new ArrayList<>();
    List<ModelInferRequest> requests = new ArrayList<>();
    for (int i = 0; i < calls; i++) requests.add(request(one, i));
    long start = System.nanoTime();
    if (one.has("stream")) {
      Conversation conversation = api.stream(deadline);
      for (int i = 0; i < calls; i++) conversation.send(one.get("request"), i);
      cancels.add(conversation::cancel);
      new Thread(() -> {
        try {
          Status status = conversation.status();
          ends.add(new End(status, (System.nanoTime() - start) / 1e6));
        } catch (InterruptedException error) {
          Thread.currentThread().interrupt();
        }
      }).start();
    } else {
      for (ModelInferRequest request : requests) {
        ListenableFuture<ModelInferResponse> call = api.future(deadline).modelInfer(request);
        cancels.add(() -> call.cancel(true));
        call.addListener(() -> ends.add(new End(statusOf(call), (System.nanoTime() - start) / 1e6)),
            MoreExecutors.directExecutor());
      }
    }
    if (one.has("cancel_after_ms")) {
      Thread.sleep(wait);
      cancels.forEach(Runnable::run);
    }
    List<End> all = new ArrayList<>();
    for (int i = 0; i < cancels.size(); i++) {
      End end = ends.poll(Api.CALL_MS, TimeUnit.MILLISECONDS);
      require(end != null, "a call did not end");
      all.add(end);
    }
    return all;
  }

  static Status statusOf(ListenableFuture<?> call) {
    if (call.isCancelled()) return Status.CANCELLED;
    try {
      call.get();
      return Status.OK;
    } catch (ExecutionException error) {
      return Status.fromThrowable(error.getCause());
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      return Status.ABORTED;
    }
  }

  private static void echo(Api api, JsonObject one) throws Exception {
    byte[] bytes = new byte[number(one, "bytes", 0)];
    for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i % 251);
    ByteString content = ByteString.copyFrom(bytes);
    ModelInferRequest request = ModelInferRequest.newBuilder().setModelName("identity")
        .addInputs(ModelInferRequest.InferInputTensor.newBuilder().setName("x").setDatatype("UINT8").addShape(bytes.length))
        .addRawInputContents(content).build();
    List<ListenableFuture<ModelInferResponse>> calls = new ArrayList<>();
    for (int i = 0; i < number(one, "calls", 1); i++) calls.add(api.future(Api.CALL_MS).modelInfer(request));
    for (var call : calls) {
      ModelInferResponse answer;
      try {
        answer = call.get();
      } catch (ExecutionException error) {
        if (!one.has("error")) throw error;
        Compare.checkError(one.getAsJsonObject("error"), error.getCause());
        continue;
      }
      require(!one.has("error"), "an answer instead of " + one.get("error"));
      require(answer.getRawOutputContentsCount() == 1 && answer.getRawOutputContents(0).equals(content),
          "the content came back changed");
    }
    checkCompressed(api, one);
  }

  private static void many(Api api, JsonObject one) throws Exception {
    int inFlight = number(one, "in_flight", 1);
    var room = new Semaphore(inFlight);
    var failures = new ConcurrentLinkedQueue<String>();
    for (int i = 0; i < number(one, "calls", 1); i++) {
      room.acquire();
      int number = i;
      ListenableFuture<ModelInferResponse> call = api.future(Api.CALL_MS).modelInfer(request(one, i));
      call.addListener(() -> {
        try {
          Compare.checkAnswer(one.get("answer"), call.get(), number);
        } catch (Exception error) {
          failures.add("call " + number + ": " + error.getMessage());
        }
        room.release();
      }, MoreExecutors.directExecutor());
    }
    require(room.tryAcquire(inFlight, Api.CALL_MS, TimeUnit.MILLISECONDS), "calls did not end");
    require(failures.isEmpty(), failures.size() + " failed; " + failures.peek());
  }

  private interface Ask {
    void ask() throws Exception;
  }

  private static void keepAlive(Api api, JsonObject one) throws Exception {
    long quiet = one.has("quiet_ms") ? one.get("quiet_ms").getAsLong()
        : Api.pingMs(one) * number(one, "pings", 1) + Api.pingMs(one) / 2;
    Ask asking = () -> infer(api, one, 0);
    if (one.has("stream")) {
      Conversation conversation = api.stream(Api.CALL_MS + quiet);
      asking = () -> {
        conversation.send(one.get("request"), 0);
        Compare.checkAnswer(one.get("answer"), conversation.expectNext(), 0);
      };
    }
    asking.ask();
    for (long end = System.nanoTime() + quiet * 1_000_000; System.nanoTime() < end; Thread.sleep(20)) {
      require(!api.leftReady(), "the server has closed the connection");
    }
    asking.ask();
    require(!api.leftReady(), "the server has closed the connection");
  }
}
