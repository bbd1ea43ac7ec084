#include "access/jwt.h"

#include <gtest/gtest.h>

#include "signer.h"

namespace saccade::access {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

TokenRules rules() {
  return {.issuer = "https://id.example", .audience = "saccade"};
}

// The claims of a good token, with more or other ones behind: of members that come twice the last counts.
std::string claims(const std::string& more = "") {
  return R"({"iss":"https://id.example","aud":"saccade","sub":"alice","exp":1800000600,"scope":"openid saccade:predict")" +
         more + "}";
}

KeySet set_of(const std::string& text) {
  auto set = KeySet::parse(text);
  EXPECT_TRUE(set.has_value()) << set.error().message;
  return set ? *std::move(set) : KeySet({});
}

Fault fault_of(const std::string& token, const KeySet& keys, std::int64_t now = kNow) {
  const auto checked = check_token(token, keys, rules(), now);
  EXPECT_FALSE(checked.has_value()) << token;
  return checked ? Fault{} : checked.error().fault;
}

class Algorithms : public testing::TestWithParam<const char*> {};

TEST_P(Algorithms, GoodTokensAreTakenAndChangedOnesAreNot) {
  const Signer signer(GetParam());
  const KeySet keys = set_of(signer.set());
  const std::string token = signer.token(claims());
  const auto checked = check_token(token, keys, rules(), kNow);
  ASSERT_TRUE(checked.has_value()) << checked.error().message;
  EXPECT_EQ((*checked)->name, "alice");
  EXPECT_EQ((*checked)->rights, Rights({Right::kPredict}));
  EXPECT_FALSE((*checked)->models.has_value());
  EXPECT_EQ((*checked)->expires, 1'800'000'630);

  // Other claims under the same signature, and the same claims under another key of this kind.
  const std::size_t first = token.find('.');
  const std::string other =
      token.substr(0, first + 1) + base64url(claims(R"(,"sub":"root")")) + token.substr(token.rfind('.'));
  EXPECT_EQ(fault_of(other, keys), Fault::kForged);
  EXPECT_EQ(fault_of(Signer(GetParam()).token(claims()), keys), Fault::kForged);
  EXPECT_EQ(fault_of(Signer(GetParam(), "k2").token(claims()), keys), Fault::kUnknownKey);
  EXPECT_EQ(fault_of(token.substr(0, token.rfind('.') + 1), keys), Fault::kForged);
}

INSTANTIATE_TEST_SUITE_P(All, Algorithms,
                         testing::Values("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                         "ES384", "ES512", "EdDSA"));

class Tokens : public testing::Test {
 protected:
  const Signer signer_{"RS256"};
  const KeySet keys_ = set_of(signer_.set());
};

TEST_F(Tokens, WithoutASignatureByAPublicKeyAreRefused) {
  EXPECT_EQ(fault_of(base64url(R"({"alg":"none"})") + "." + base64url(claims()) + ".", keys_),
            Fault::kMalformed);
  EXPECT_EQ(fault_of(base64url(R"({"alg":"None","kid":"k1"})") + "." + base64url(claims()) + ".", keys_),
            Fault::kMalformed);
  // The public key is no secret: a token "signed" with it by HMAC is anybody's.
  EXPECT_EQ(fault_of(signer_.token_by_secret(claims(), signer_.jwk()), keys_), Fault::kMalformed);
  EXPECT_EQ(fault_of(signer_.token_by_secret(claims(), ""), keys_), Fault::kMalformed);
}

TEST_F(Tokens, CantChooseTheirAlgorithmOrTheirKey) {
  // The key says which kind it is, and its alg which algorithm.
  EXPECT_EQ(fault_of(signer_.token_of(R"({"alg":"ES256","kid":"k1"})", claims()), keys_), Fault::kUnknownKey);
  EXPECT_EQ(fault_of(signer_.token(claims()), set_of(signer_.set(R"(,"alg":"PS256")"))), Fault::kUnknownKey);
  const Signer own("RS256");
  EXPECT_EQ(fault_of(own.token_of(R"({"alg":"RS256","kid":"k1","jwk":)" + own.jwk() + "}", claims()), keys_),
            Fault::kForged);
  EXPECT_EQ(
      fault_of(own.token_of(R"({"alg":"RS256","kid":"k1","jku":"http://x/","x5u":"http://x/"})", claims()),
               keys_),
      Fault::kForged);
  EXPECT_EQ(fault_of(own.token_of(R"({"alg":"RS256","kid":"../../dev/null"})", claims()), keys_),
            Fault::kUnknownKey);
  EXPECT_EQ(fault_of(signer_.token_of(R"({"alg":"RS256","kid":1})", claims()), keys_), Fault::kMalformed);
  EXPECT_EQ(fault_of(signer_.token_of(R"({"alg":"RS256","kid":"k1","crit":["exp"]})", claims()), keys_),
            Fault::kMalformed);
  EXPECT_EQ(fault_of(signer_.token_of(R"({"alg":"RS256","kid":"k1","typ":"logout+jwt"})", claims()), keys_),
            Fault::kMalformed);
  EXPECT_TRUE(check_token(signer_.token_of(R"({"alg":"RS256","kid":"k1","typ":"AT+jwt"})", claims()), keys_,
                          rules(), kNow));
}

TEST_F(Tokens, WithoutAKeysIdNeedAnOnlyOne) {
  const std::string token = signer_.token_of(R"({"alg":"RS256"})", claims());
  EXPECT_TRUE(check_token(token, keys_, rules(), kNow));
  const std::string two = "{\"keys\":[" + signer_.jwk() + "," + Signer("RS256", "k2").jwk() + "]}";
  EXPECT_EQ(fault_of(token, set_of(two)), Fault::kMalformed);
  const std::string other_kind = "{\"keys\":[" + Signer("ES256", "k2").jwk() + "," + signer_.jwk() + "]}";
  EXPECT_TRUE(check_token(token, set_of(other_kind), rules(), kNow));
}

TEST_F(Tokens, AreGoodForTheirTime) {
  const std::string token = signer_.token(claims(R"(,"exp":1800000000,"nbf":1799999000)"));
  EXPECT_TRUE(check_token(token, keys_, rules(), 1'800'000'029));
  EXPECT_EQ(fault_of(token, keys_, 1'800'000'030), Fault::kExpired);
  EXPECT_TRUE(check_token(token, keys_, rules(), 1'799'998'970));
  EXPECT_EQ(fault_of(token, keys_, 1'799'998'969), Fault::kUnfit);
  for (const char* times :
       {R"(,"exp":null)", R"(,"exp":"1800000600")", R"(,"exp":1e300)", R"(,"exp":-1e300)", R"(,"nbf":"0")"}) {
    EXPECT_EQ(fault_of(signer_.token(claims(times)), keys_), Fault::kUnfit) << times;
  }
  EXPECT_EQ(fault_of(signer_.token(R"({"iss":"https://id.example","aud":"saccade","sub":"a"})"), keys_),
            Fault::kUnfit);
}

TEST_F(Tokens, AreForOneIssuerAndAudience) {
  for (const char* wrong :
       {R"(,"iss":"https://id.example/")", R"(,"iss":null)", R"(,"iss":["https://id.example"])",
        R"(,"aud":"other")", R"(,"aud":["other"])", R"(,"aud":[])", R"(,"aud":null)", R"(,"sub":"")",
        R"(,"sub":7)", R"(,"sub":"a\u0000b")", R"(,"scope":7)", R"(,"scope":[7])", R"(,"models":7)",
        R"(,"models":[7])"}) {
    EXPECT_EQ(fault_of(signer_.token(claims(wrong)), keys_), Fault::kUnfit) << wrong;
  }
  EXPECT_TRUE(check_token(signer_.token(claims(R"(,"aud":["other","saccade"])")), keys_, rules(), kNow));
}

TEST_F(Tokens, SayWhatTheirHolderMay) {
  const auto read = [this](const std::string& more, const TokenRules& by) {
    const auto checked = check_token(signer_.token(claims(more)), keys_, by, kNow);
    EXPECT_TRUE(checked.has_value()) << checked.error().message;
    return *checked;
  };
  EXPECT_EQ(read(R"(,"scope":"  saccade:read  saccade:admin ")", rules())->rights,
            Rights({Right::kRead, Right::kAdmin}));
  EXPECT_EQ(read(R"(,"scope":["saccade:read"])", rules())->rights, Rights({Right::kRead}));
  EXPECT_TRUE(read(R"(,"scope":"predict saccade:Predict saccade:everything")", rules())->rights.none());
  TokenRules other = rules();
  other.scope_claim = "roles";
  other.scope_prefix = "";
  other.models_claim = "may_use";
  const auto named = read(R"(,"roles":["predict"],"may_use":"digits* churn")", other);
  EXPECT_EQ(named->rights, Rights({Right::kPredict}));
  EXPECT_TRUE(named->may_use("digits-2"));
  EXPECT_FALSE(named->may_use("sentiment"));
  EXPECT_FALSE(read(R"(,"models":[])", rules())->may_use("digits"));
}

TEST_F(Tokens, OfNoFormAreRefused) {
  const std::string good = signer_.token(claims());
  const std::string head = base64url(signer_.header());
  for (const std::string& wrong :
       {std::string(), std::string("."), std::string(".."), good + ".", "." + good, good + "=",
        good.substr(1), head + "." + base64url("[]") + ".AAAA", head + "." + base64url("{") + ".AAAA",
        head + ".!!!.AAAA", std::string("eyJ") + std::string(20'000, 'a') + "..",
        head + "." + base64url(claims()) + ".A"}) {
    EXPECT_EQ(fault_of(wrong, keys_), Fault::kMalformed) << wrong.substr(0, 80);
  }
}

TEST(KeySets, LeaveOutWhatIsNotForSignaturesByPublicKeys) {
  const Signer signer("ES256");
  EXPECT_EQ(
      set_of(R"({"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA"},7,)" + signer.jwk(R"(,"use":"sig")") + "]}")
          .keys()
          .size(),
      1U);
  for (const std::string& wrong :
       {std::string("7"), std::string("{}"), std::string(R"({"keys":[]})"),
        std::string(R"({"keys":[{"kty":"oct","k":"AAAA"}]})"), signer.set(R"(,"use":"enc")"),
        signer.set(R"(,"key_ops":["sign"])"), std::string("{\"keys\":"),
        // A point that is not on the curve, and a modulus of 1,024 bits.
        std::string(R"({"keys":[{"kty":"EC","crv":"P-256","x":")") + base64url(std::string(32, '\1')) +
            R"(","y":")" + base64url(std::string(32, '\1')) + "\"}]}",
        std::string(R"({"keys":[{"kty":"RSA","e":"AQAB","n":")") + base64url(std::string(128, '\xC1')) +
            "\"}]}"}) {
    EXPECT_FALSE(KeySet::parse(wrong).has_value()) << wrong.substr(0, 100);
  }
}

TEST(Base64Url, HasOneSpelling) {
  EXPECT_EQ(base64url("\xFB\xFF\xFE"), "-__-");
  EXPECT_EQ(decode_base64url("-__-"), "\xFB\xFF\xFE");
  EXPECT_EQ(decode_base64url("YQ"), "a");
  for (const char* wrong : {"YQ==", "YR", "Y", "Y+Q", "Y/Q", "Y Q"})
    EXPECT_FALSE(decode_base64url(wrong)) << wrong;
}

}  // namespace
}  // namespace saccade::access
