// What a call needs its caller to be allowed: every route and every gRPC method states one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace saccade::access {

enum class Right : std::uint8_t {
  kPublic,   // nothing: whoever reaches the port may ask
  kPredict,  // use a model
  kRead,     // see what there is: models, metrics, the prediction log
  kAdmin,    // change the server; whoever may do that may do all of the above
};

// As scopes name it: "predict".
constexpr std::string_view right_name(Right right) {
  switch (right) {
    case Right::kPublic:
      return "public";
    case Right::kPredict:
      return "predict";
    case Right::kRead:
      return "read";
    case Right::kAdmin:
      return "admin";
  }
  return "";
}

// What one caller is allowed.
class Rights {
 public:
  constexpr Rights() = default;
  constexpr Rights(std::initializer_list<Right> rights) {
    for (const Right right : rights) add(right);
  }
  static constexpr Rights all() { return {Right::kPredict, Right::kRead, Right::kAdmin}; }

  constexpr void add(Right right) { bits_ |= bit(right); }
  constexpr bool has(Right right) const { return (bits_ & bit(right)) != 0; }
  constexpr bool allow(Right right) const {
    return right == Right::kPublic || has(right) || has(Right::kAdmin);
  }
  constexpr bool none() const { return bits_ == 0; }
  constexpr bool operator==(const Rights&) const = default;

 private:
  static constexpr std::uint8_t bit(Right right) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(right));
  }
  std::uint8_t bits_ = 0;
};

}  // namespace saccade::access
