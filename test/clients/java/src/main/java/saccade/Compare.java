package saccade;

import static saccade.Client.require;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import io.grpc.Status;
import java.util.Base64;

/** What a case wants, and what came. */
final class Compare {
  private Compare() {}

  /** The template with "$i" as the number and "$raw" as the base64 of its four bytes. */
  static String filledText(JsonElement template, int number) {
    byte[] four = {(byte) number, (byte) (number >> 8), (byte) (number >> 16), (byte) (number >> 24)};
    return template.toString().replace("$raw", Base64.getEncoder().encodeToString(four))
        .replace("$i", Integer.toString(number));
  }

  static JsonElement filled(JsonElement template, int number) {
    return JsonParser.parseString(filledText(template, number));
  }

  static <B extends Message.Builder> B fill(B builder, JsonElement template, int number)
      throws InvalidProtocolBufferException {
    if (template != null) JsonFormat.parser().merge(filledText(template, number), builder);
    return builder;
  }

  static JsonElement asJson(MessageOrBuilder message) throws InvalidProtocolBufferException {
    return JsonParser.parseString(JsonFormat.printer().preservingProtoFieldNames().print(message));
  }

  private static boolean isEmpty(JsonElement found) {
    if (found == null) return true;
    if (found.isJsonArray()) return found.getAsJsonArray().size() == 0;
    if (found.isJsonObject()) return found.getAsJsonObject().size() == 0;
    String text = found.getAsString();
    return text.isEmpty() || text.equals("0") || text.equals("false");
  }

  /** Where `found` lacks what is wanted, in words; empty: nowhere. An absent value is the default one. */
  static String difference(JsonElement wanted, JsonElement found, String place) {
    if (wanted.isJsonArray()) {
      JsonArray elements = found == null ? new JsonArray() : found.getAsJsonArray();
      JsonArray list = wanted.getAsJsonArray();
      if (list.size() != elements.size()) return place + " has " + elements.size() + " elements instead of " + list.size();
      for (int i = 0; i < list.size(); i++) {
        String one = difference(list.get(i), elements.get(i), place + "[" + i + "]");
        if (!one.isEmpty()) return one;
      }
      return "";
    }
    if (wanted.isJsonObject()) {
      JsonObject members = found == null ? new JsonObject() : found.getAsJsonObject();
      for (var each : wanted.getAsJsonObject().entrySet()) {
        String one = difference(each.getValue(), members.get(each.getKey()), place + "." + each.getKey());
        if (!one.isEmpty()) return one;
      }
      return "";
    }
    String text = wanted.getAsString();
    if (text.equals("*")) return isEmpty(found) ? place + " is empty" : "";
    if (isEmpty(wanted) && isEmpty(found)) return "";
    return found != null && text.equals(found.getAsString()) ? "" : place + " is " + found + " instead of " + wanted;
  }

  static void checkAnswer(JsonElement wanted, MessageOrBuilder answer, int number) throws Exception {
    String found = difference(filled(wanted, number), asJson(answer), "answer");
    require(found.isEmpty(), found);
  }

  static void checkError(JsonObject wanted, Throwable error) throws Client.Failed {
    Status status = Status.fromThrowable(error);
    String code = wanted.get("code").getAsString();
    String message = status.getDescription();
    require(status.getCode().name().equals(code), status + " instead of " + code);
    require(message != null && !message.isEmpty(), code + " came without a message");
    String part = wanted.get("message").getAsString();
    require(message.contains(part), "the message lacks '" + part + "': " + message);
  }
}
