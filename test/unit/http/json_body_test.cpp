#include "http/json_body.h"

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

TEST(JsonBody, NothingIsAnEmptyObject) {
  for (const char* body : {"", " \r\n\t", "{}", "null"}) EXPECT_TRUE(parse_object(body)->empty()) << body;
}

TEST(JsonBody, RefusesWhatIsNoObject) {
  for (const char* body : {"[]", "5", "\"x\"", "true", "{", "{\"a\":}", "{} {}", "{\"a\":1,}", "\xff"}) {
    const auto object = parse_object(body);
    ASSERT_FALSE(object) << body;
    EXPECT_EQ(object.error().code, base::Code::kInvalidArgument);
    EXPECT_NE(object.error().message.find("the body"), std::string::npos);
  }
  EXPECT_FALSE(parse_object("{\"a\":" + std::string(100'000, '[')));  // deep nesting ends, not the stack
}

TEST(JsonBody, MembersHaveTypes) {
  const auto object =
      parse_object(R"({"s":"x","b":false,"n":7,"big":18446744073709551615,"o":{"k":1},"z":null,"neg":-1,)"
                   R"("f":1.5,"l":[]})");
  ASSERT_TRUE(object);
  EXPECT_EQ(text_member(*object, "s")->value(), "x");
  EXPECT_EQ(flag_member(*object, "b")->value(), false);
  EXPECT_EQ(count_member(*object, "n")->value(), 7U);
  EXPECT_EQ(count_member(*object, "big")->value(), 18'446'744'073'709'551'615U);
  EXPECT_EQ(object_member(*object, "o")->value().size(), 1U);
  EXPECT_FALSE(object_member(*object, "z")->has_value());
  EXPECT_FALSE(text_member(*object, "absent")->has_value());

  EXPECT_EQ(text_member(*object, "n").error().message, "\"n\" must be a string, not a number");
  EXPECT_EQ(flag_member(*object, "s").error().message, "\"s\" must be true or false, not a string");
  EXPECT_EQ(count_member(*object, "neg").error().message,
            "\"neg\" must be a whole number, 0 or above, not a negative number");
  for (const char* name : {"f", "s", "l", "o", "z", "b"}) EXPECT_FALSE(count_member(*object, name)) << name;
  EXPECT_EQ(object_member(*object, "l").error().message, "\"l\" must be an object, not a list");
}

}  // namespace
}  // namespace saccade::http
