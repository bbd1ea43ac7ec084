// What a case wants, and what came. Cases and answers are compared as protobuf's own JSON values.
#pragma once

#include <stdexcept>
#include <string>

#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <grpcpp/grpcpp.h>

using Json = google::protobuf::Value;

// A case that is not as it should be.
struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool condition, const std::string& what);

// A member of a case, or one that is null.
const Json& member(const Json& object, const std::string& name);
int number(const Json& object, const std::string& name, int otherwise = 0);
std::string text(const Json& object, const std::string& name);
bool has(const Json& object, const std::string& name);

Json parse(const std::string& text);
// The template with "$i" as the number and "$raw" as the base64 of its four bytes.
Json filled(const Json& pattern, int number);
void fill(google::protobuf::Message& message, const Json& pattern, int number);
Json as_json(const google::protobuf::Message& message);

// Where `found` lacks what is wanted, in words; empty: nowhere. An absent value is the default one.
std::string difference(const Json& wanted, const Json& found, const std::string& place);
void check_answer(const Json& wanted, const google::protobuf::Message& answer, int number);

std::string code_name(grpc::StatusCode code);
std::string describe(const grpc::Status& status);
// How a call ended against what its case wants. False: with the error that it wants, so there is no answer.
bool check_end(const Json& one, const grpc::Status& status);
