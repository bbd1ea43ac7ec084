#include "redis/connection.h"

#include <poll.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

namespace saccade::redis {

struct Connection::State {
  redisAsyncContext* context = nullptr;  // freed by hiredis, which then says so by `gone`
  bool reads = false;
  bool writes = false;
  std::string trouble;

  static State& of(void* data) { return *static_cast<State*>(data); }
  void lost(const char* reason) {
    if (trouble.empty())
      trouble = reason != nullptr && *reason != '\0' ? reason : "the server closed the connection";
  }
};

namespace {

// Depth is what Redis sends: hiredis itself refuses more than a few levels.
Reply reply_of(const redisReply& from) {  // NOLINT(misc-no-recursion)
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::kInteger;
      reply.integer = from.integer;
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      reply.kind = Reply::Kind::kText;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::kError;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::kArray;
      reply.items.reserve(from.elements);
      for (std::size_t i = 0; i < from.elements; ++i) reply.items.push_back(reply_of(*from.element[i]));
      break;
    default:  // nil
      break;
  }
  return reply;
}

void on_reply(redisAsyncContext* context, void* reply, void* data) {
  const std::unique_ptr<Connection::Answered> answered(static_cast<Connection::Answered*>(data));
  if (reply == nullptr) {
    const char* reason =
        context->errstr != nullptr && *context->errstr != '\0' ? context->errstr : "it was closed";
    return (*answered)(
        base::fail(base::Code::kUnavailable, std::string("the connection to Redis was lost: ") + reason));
  }
  (*answered)(reply_of(*static_cast<redisReply*>(reply)));
}

}  // namespace

Connection::Connection(const Address& address) : state_(std::make_unique<State>()) {
  State& state = *state_;
  redisAsyncContext* context = redisAsyncConnect(address.host.c_str(), address.port);
  if (context == nullptr) {
    state.lost("out of memory");
    return;
  }
  if (context->err != 0) {
    state.lost(context->errstr);
    redisAsyncFree(context);
    return;
  }
  state.context = context;
  context->data = &state;
  context->ev.data = &state;
  context->ev.addRead = [](void* data) { State::of(data).reads = true; };
  context->ev.delRead = [](void* data) { State::of(data).reads = false; };
  context->ev.addWrite = [](void* data) { State::of(data).writes = true; };
  context->ev.delWrite = [](void* data) { State::of(data).writes = false; };
  context->ev.cleanup = [](void* data) {
    State& own = State::of(data);
    if (own.context != nullptr) own.lost(own.context->errstr);
    own.context = nullptr;
  };
  // Asks for the event that says that the connection is there (or is refused).
  redisAsyncSetConnectCallback(context, [](const redisAsyncContext* own, int status) {
    if (status != REDIS_OK) State::of(own->data).lost(own->errstr);
  });
}

Connection::~Connection() {
  if (state_->context != nullptr) redisAsyncFree(state_->context);
}

bool Connection::alive() const {
  return state_->context != nullptr;
}

const std::string& Connection::trouble() const {
  return state_->trouble;
}

void Connection::send(const std::vector<std::string>& words, Answered answered) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  texts.reserve(words.size());
  lengths.reserve(words.size());
  for (const std::string& word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  auto kept = std::make_unique<Answered>(std::move(answered));
  if (state_->context != nullptr &&
      redisAsyncCommandArgv(state_->context, on_reply, kept.get(), static_cast<int>(words.size()),
                            texts.data(), lengths.data()) == REDIS_OK) {
    (void)kept.release();  // on_reply's now
    return;
  }
  (*kept)(base::fail(base::Code::kUnavailable, "the connection to Redis was lost: " + state_->trouble));
}

int Connection::descriptor() const {
  return state_->context != nullptr ? state_->context->c.fd : -1;
}

short Connection::wanted() const {
  return static_cast<short>((state_->reads ? POLLIN : 0) | (state_->writes ? POLLOUT : 0));
}

// hiredis may free its context in each of these.
void Connection::handle(short events) {
  const bool broken = (events & (POLLERR | POLLHUP)) != 0;
  if (state_->context != nullptr && state_->reads && (broken || (events & POLLIN) != 0))
    redisAsyncHandleRead(state_->context);
  if (state_->context != nullptr && state_->writes && (broken || (events & POLLOUT) != 0))
    redisAsyncHandleWrite(state_->context);
}

}  // namespace saccade::redis
