#include "kinds.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

namespace {

using Stream = grpc::ClientReaderWriter<inference::ModelInferRequest, inference::ModelStreamInferResponse>;

void call(Api& api, const Json& one) {
  std::unique_ptr<google::protobuf::Message> answer;
  if (check_end(one, api.call(one, answer))) check_answer(member(one, "answer"), *answer, 0);
}

void send(Stream& stream, const Json& pattern, int number) {
  inference::ModelInferRequest request;
  fill(request, pattern, number);
  stream.Write(request);  // where it fails, Read and Finish say why
}

// Takes from `waiting` the expected answer that this one is.
void take_from(std::vector<Json>& waiting, const inference::ModelStreamInferResponse& answer) {
  const Json found = as_json(answer);
  for (auto wanted = waiting.begin(); wanted != waiting.end(); ++wanted) {
    if (!difference(*wanted, found, "").empty()) continue;
    waiting.erase(wanted);
    return;
  }
  throw Failed("an answer that none was expected like: " + answer.ShortDebugString().substr(0, 300));
}

void stream(Api& api, const Json& one) {
  const int rounds = number(one, "repeat", 1);
  const auto& requests = member(one, "requests").list_value().values();
  std::vector<Json> waiting;
  for (int i = 0; i < rounds; ++i) {
    for (const Json& wanted : member(one, "answers").list_value().values())
      waiting.push_back(filled(wanted, i));
  }
  grpc::ClientContext context;
  set_deadline(context);
  const auto stream = api.stub().ModelStreamInfer(&context);
  inference::ModelStreamInferResponse answer;
  std::thread writer;
  const auto send_all = [&](bool one_by_one) {
    for (int i = 0; i < rounds; ++i) {
      for (const Json& request : requests) {
        send(*stream, request, i);
        if (!one_by_one) continue;
        if (!stream->Read(&answer)) throw Failed("the stream has ended: " + describe(stream->Finish()));
        take_from(waiting, answer);
      }
    }
    stream->WritesDone();
  };
  if (has(one, "one_by_one")) {
    send_all(true);
  } else {
    writer = std::thread([&] { send_all(false); });
  }
  std::string failure;
  while (stream->Read(&answer)) {
    try {
      take_from(waiting, answer);
    } catch (const Failed& failed) {
      failure = failed.what();
    }
  }
  if (writer.joinable()) writer.join();
  const grpc::Status status = stream->Finish();
  require(failure.empty(), failure);
  require(status.ok(), "the stream ended with " + describe(status));
  require(waiting.empty(), std::to_string(waiting.size()) + " requests were not answered");
}

struct End {
  grpc::Status status;
  milliseconds took;
};

std::vector<End> give_up_calls(Api& api, const Json& one, milliseconds deadline) {
  const auto start = Clock::now();
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < number(one, "calls"); ++i) calls.push_back(api.start(one, i, deadline));
  if (has(one, "cancel_after_ms")) {
    std::this_thread::sleep_for(milliseconds(number(one, "cancel_after_ms")));
    for (const auto& call : calls) call->context.TryCancel();
  }
  std::vector<End> ends;
  for (const auto& call : calls) {
    grpc::Status status = call->end.get();
    ends.push_back({std::move(status), std::chrono::duration_cast<milliseconds>(call->ended.load() - start)});
  }
  return ends;
}

std::vector<End> give_up_stream(Api& api, const Json& one, milliseconds deadline) {
  const auto start = Clock::now();
  grpc::ClientContext context;
  set_deadline(context, deadline);
  const auto stream = api.stub().ModelStreamInfer(&context);
  for (int i = 0; i < number(one, "calls"); ++i) send(*stream, member(one, "request"), i);
  std::thread canceller;
  if (has(one, "cancel_after_ms")) {
    canceller = std::thread([&] {
      std::this_thread::sleep_until(start + milliseconds(number(one, "cancel_after_ms")));
      context.TryCancel();
    });
  }
  inference::ModelStreamInferResponse answer;
  while (stream->Read(&answer)) {
  }
  grpc::Status status = stream->Finish();
  const milliseconds took = since(start);
  if (canceller.joinable()) canceller.join();
  return {{std::move(status), took}};
}

void give_up(Api& api, const Json& one) {
  const milliseconds single = api.infer(one, 1);
  const milliseconds wait(number(one, "deadline_ms", number(one, "cancel_after_ms")));
  const milliseconds deadline = has(one, "deadline_ms") ? wait : kCallTime;
  const std::string code = text(one, "code");
  for (const End& end :
       has(one, "stream") ? give_up_stream(api, one, deadline) : give_up_calls(api, one, deadline)) {
    require(code_name(end.status.error_code()) == code, describe(end.status) + " instead of " + code);
    require(end.took >= wait - milliseconds(5) && end.took <= wait + milliseconds(number(one, "within_ms")),
            "ended after " + std::to_string(end.took.count()) + " ms");
  }
  const milliseconds after = api.infer(one, 2);
  const int limit = number(one, "then_within_calls");
  require(after <= limit * single, "the next call took " + std::to_string(after.count()) + " ms, one call " +
                                       std::to_string(single.count()) + " ms; at most " +
                                       std::to_string(limit) + " times that");
}

void echo(Api& api, const Json& one) {
  std::string content(static_cast<std::size_t>(number(one, "bytes")), '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i % 251);
  inference::ModelInferRequest request;
  request.set_model_name("identity");
  auto* input = request.add_inputs();
  input->set_name("x");
  input->set_datatype("UINT8");
  input->add_shape(static_cast<std::int64_t>(content.size()));
  request.add_raw_input_contents(content);
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < number(one, "calls", 1); ++i) calls.push_back(api.start(request));
  std::vector<grpc::Status> ends;  // all are awaited before any is judged
  ends.reserve(calls.size());
  for (const auto& call : calls) ends.push_back(call->end.get());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!check_end(one, ends[i])) continue;
    const auto& outputs = calls[i]->answer.raw_output_contents();
    require(outputs.size() == 1 && outputs[0] == content, "the content came back changed");
  }
}

void many(Api& api, const Json& one) {
  std::mutex mutex;
  std::condition_variable changed;
  int in_flight = 0;
  std::vector<std::string> failures;
  for (int i = 0; i < number(one, "calls"); ++i) {
    inference::ModelInferRequest request;
    fill(request, member(one, "request"), i);
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return in_flight < number(one, "in_flight"); });
      ++in_flight;
    }
    api.start(std::move(request), kCallTime, [&, i](Call& call, const grpc::Status& status) {
      std::string failure = status.ok() ? "" : describe(status);
      try {
        if (status.ok()) check_answer(member(one, "answer"), call.answer, i);
      } catch (const Failed& failed) {
        failure = failed.what();
      }
      const std::lock_guard lock(mutex);
      if (!failure.empty()) failures.push_back("call " + std::to_string(i) + ": " + failure);
      --in_flight;
      changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return in_flight == 0; });  // each has a deadline
  require(failures.empty(),
          std::to_string(failures.size()) + " failed; " + (failures.empty() ? "" : failures[0]));
}

void stay_quiet(Api& api, milliseconds quiet) {
  for (const auto end = Clock::now() + quiet; Clock::now() < end;
       std::this_thread::sleep_for(milliseconds(20))) {
    require(!api.left_ready(), "the server has closed the connection");
  }
}

void keep_alive(Api& api, const Json& one) {
  const int time = number(one, "time_ms");
  const milliseconds quiet(number(one, "quiet_ms", time * number(one, "pings") + time / 2));
  if (!has(one, "stream")) {
    api.infer(one, 0);
    stay_quiet(api, quiet);
    api.infer(one, 0);
  } else {
    grpc::ClientContext context;
    set_deadline(context, kCallTime + quiet);
    const auto stream = api.stub().ModelStreamInfer(&context);
    inference::ModelStreamInferResponse answer;
    for (int i = 0; i < 2; ++i) {
      send(*stream, member(one, "request"), 0);
      require(stream->Read(&answer), "the stream has ended");
      check_answer(member(one, "answer"), answer, 0);
      if (i == 0) stay_quiet(api, quiet);
    }
    stream->WritesDone();
    require(!stream->Read(&answer), "an answer that none was expected like");
    const grpc::Status status = stream->Finish();
    require(status.ok(), describe(status));
  }
  require(!api.left_ready(), "the server has closed the connection");
}

}  // namespace

void run_kind(const std::string& kind, Api& api, const Json& one) {
  static const std::map<std::string, void (*)(Api&, const Json&)> kKinds{
      {"call", call}, {"stream", stream}, {"give_up", give_up},
      {"echo", echo}, {"many", many},     {"keep_alive", keep_alive}};
  const auto found = kKinds.find(kind);
  require(found != kKinds.end(), "no such kind of case: " + kind);
  found->second(api, one);
}
