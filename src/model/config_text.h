// config.pbtxt as text: protobuf's text format read into its message, with the line of each field kept, so
// that whatever is wrong with a value later can be said with its place in the file.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/text_format.h>

#include "base/error.h"
#include "model_config.pb.h"

namespace saccade::model {

struct ConfigText {
  std::shared_ptr<inference::ModelConfig> message;
  std::unique_ptr<google::protobuf::TextFormat::ParseInfoTree> lines;
  std::vector<std::string> warnings;  // fields that the message doesn't have
  bool shows_lines = true;            // whether the lines are those of what somebody wrote
};

// An Error says "WHERE:LINE:COLUMN: " and what was expected there.
base::Result<ConfigText> parse_config_text(std::string_view text, std::string_view where);

// The same for protobuf's JSON form. A member that the message doesn't have is an Error.
base::Result<ConfigText> parse_config_json_text(std::string_view json, std::string_view where);

// A message and where in the file it stands. Looks at what it was made from; cheap to copy. Fields are given
// by their generated numbers (inference::ModelInput::kDimsFieldNumber).
class Place {
 public:
  Place(std::string_view where, const ConfigText& text)
      : where_(where),
        message_(text.message.get()),
        lines_(text.lines.get()),
        shows_lines_(text.shows_lines) {}

  // "FILE:LINE: " of a field; of the message around it where the field is not said.
  std::string of(int field, int index = 0) const;
  // Whether the file has the field at all, be it with its default value.
  bool says(int field) const { return line_of(field, 0) > 0; }
  // The index-th message in a field.
  Place inside(int field, int index = 0) const;
  // "FILE: "
  std::string file() const { return std::string(where_) + ": "; }

 private:
  int line_of(int field, int index) const;  // 0: not there

  std::string_view where_;
  const google::protobuf::Message* message_;
  const google::protobuf::TextFormat::ParseInfoTree* lines_;  // may be null: lines not known
  bool shows_lines_;
  int own_line_ = 0;
};

}  // namespace saccade::model
