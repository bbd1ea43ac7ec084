package saccade;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;

/**
 * The cases, run by grpc-java over Netty: Client ADDRESS CASES [PID OF THE SERVER].
 * ../README.md says what each kind of case requires.
 */
public final class Client {
  private Client() {}

  /** A case that is not as it should be. */
  static final class Failed extends Exception {
    private static final long serialVersionUID = 1;

    Failed(String what) {
      super(what);
    }
  }

  static void require(boolean condition, String what) throws Failed {
    if (!condition) throw new Failed(what);
  }

  /** The channel `api` is shared by most cases; the others make one of their own. */
  private static void run(Api api, String address, JsonObject one, long pid) throws Exception {
    String kind = one.get("do").getAsString();
    if (one.has("compression") || kind.equals("keep_alive") || kind.equals("drain")) {
      try (Api own = new Api(address, one)) {
        if (kind.equals("drain")) Drain.run(own, one, pid);
        else Kinds.run(kind, own, one);
      }
      return;
    }
    Kinds.run(kind, api, one);
    api.live();
    require(!api.leftReady(), "the connection was closed");
  }

  private static Exception result(Callable<Void> work) {
    try {
      work.call();
      return null;
    } catch (Exception error) {
      return error;
    }
  }

  public static void main(String[] arguments) throws Exception {
    String address = arguments[0];
    long pid = arguments.length > 2 ? Long.parseLong(arguments[2]) : 0;
    var cases = JsonParser.parseString(Files.readString(Path.of(arguments[1]))).getAsJsonArray();
    // those that wait most of the time wait beside the others
    Map<String, CompletableFuture<Exception>> started = new HashMap<>();
    for (JsonElement element : cases) {
      JsonObject one = element.getAsJsonObject();
      if (!one.get("do").getAsString().equals("keep_alive")) continue;
      var end = new CompletableFuture<Exception>();
      started.put(one.get("name").getAsString(), end);
      new Thread(() -> end.complete(result(() -> {
        run(null, address, one, 0);
        return null;
      }))).start();
    }
    int passed = 0;
    int failed = 0;
    try (Api api = new Api(address, new JsonObject())) {
      for (JsonElement element : cases) {
        JsonObject one = element.getAsJsonObject();
        String name = one.get("name").getAsString();
        if (one.get("do").getAsString().equals("drain") && pid == 0) {
          System.out.println("skip  " + name + ": no process was named");
          continue;
        }
        Exception error = started.containsKey(name) ? started.get(name).get() : result(() -> {
          run(api, address, one, pid);
          return null;
        });
        if (error == null) passed++;
        else failed++;
        System.out.println(error == null ? "pass  " + name : "fail  " + name + ": " + error.getMessage());
      }
    }
    System.out.println(passed + " passed, " + failed + " failed");
    System.exit(failed > 0 ? 1 : 0);
  }
}
