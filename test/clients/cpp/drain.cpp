// The server is told to end while calls are under way.
#include <csignal>
#include <vector>

#include "kinds.h"

namespace {

// Calls after the signal: answered, or refused so that a client may try elsewhere.
void late(Api& api) {
  for (int i = 0; i < 100; ++i) {
    const grpc::Status status = api.live();
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) return;
    require(status.ok(), "a late call got " + describe(status));
    std::this_thread::sleep_for(milliseconds(20));
  }
  throw Failed("2 s after the signal calls are still accepted");
}

}  // namespace

void drain(Api& api, const Json& one, int pid) {
  const auto start = Clock::now();
  Json wanted;
  (*wanted.mutable_struct_value()->mutable_fields())["infer_response"] = member(one, "answer");
  grpc::ClientContext context;
  set_deadline(context);
  const auto stream = api.stub().ModelStreamInfer(&context);
  inference::ModelInferRequest request;
  inference::ModelStreamInferResponse answer;
  fill(request, member(one, "request"), 100);
  stream->Write(request);
  require(stream->Read(&answer), "the stream has ended");
  check_answer(wanted, answer, 100);

  std::promise<void> first;
  std::once_flag once;
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < number(one, "calls"); ++i) {
    inference::ModelInferRequest each;
    fill(each, member(one, "request"), i);
    calls.push_back(api.start(std::move(each), kCallTime, [&](Call&, const grpc::Status&) {
      std::call_once(once, [&] { first.set_value(); });
    }));
  }
  fill(request, member(one, "request"), 101);
  stream->Write(request);
  first.get_future().wait();
  ::kill(pid, SIGTERM);

  std::string failure;
  try {
    late(api);
  } catch (const Failed& failed) {
    failure = failed.what();
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {  // all are awaited before any is judged
    const grpc::Status status = calls[i]->end.get();
    if (failure.empty() && !status.ok())
      failure = "accepted call " + std::to_string(i) + " was lost: " + describe(status);
  }
  require(failure.empty(), failure);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    check_answer(member(one, "answer"), calls[i]->answer, static_cast<int>(i));
  }
  require(stream->Read(&answer), "the stream's last request was not answered");
  check_answer(wanted, answer, 101);
  require(!stream->Read(&answer), "the stream's last request got two answers");
  const grpc::Status status = stream->Finish();
  require(status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE,
          "the stream ended with " + describe(status));
  require(since(start) < milliseconds(number(one, "within_ms")), "it took too long");
}
