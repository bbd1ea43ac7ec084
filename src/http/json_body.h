// Small JSON bodies of calls that change or ask something (not of predictions): an object whose members have
// known types. Errors (kInvalidArgument) name the member, what it is and what would be right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/error.h"

namespace saccade::http {

// An empty body and null are an empty object. Nesting is bounded; a name that comes twice keeps its last
// value.
base::Result<boost::json::object> parse_object(std::string_view body);

// Nothing where the object has no such member; an error where it is of another type.
base::Result<std::optional<std::string>> text_member(const boost::json::object& object,
                                                     std::string_view name);
base::Result<std::optional<bool>> flag_member(const boost::json::object& object, std::string_view name);
// A whole number from 0 to 2^64 - 1.
base::Result<std::optional<std::uint64_t>> count_member(const boost::json::object& object,
                                                        std::string_view name);
// Null counts as absent.
base::Result<std::optional<boost::json::object>> object_member(const boost::json::object& object,
                                                               std::string_view name);

// "a number", "a list": what a value is, for messages.
std::string_view kind_of(const boost::json::value& value);

}  // namespace saccade::http
