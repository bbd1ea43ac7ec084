// Protobuf messages as JSON, in the form that clients of the REST protocol know: field names as in the
// .proto, enumerations by name, and 64-bit integers as numbers (protobuf's own printer makes them strings, on
// which clients break).
//
// Maps are objects whatever their key, bytes are base64, floats that are not finite are null. Pure functions,
// safe from any thread.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace saccade::protocol {

enum class Unset : bool {
  kSkip,   // fields that hold their default value are left out
  kPrint,  // numbers, strings, enumerations and lists are written; messages and members of a oneof only if
           // set
};

void append_message(std::string& out, const google::protobuf::Message& message, Unset unset);
std::string message_json(const google::protobuf::Message& message, Unset unset);

}  // namespace saccade::protocol
