#include "http/openapi.h"

#include <set>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "http/model_schema.h"
#include "http/routes.h"

namespace saccade::http {
namespace {

namespace json = boost::json;
using tensor::DataType;

std::shared_ptr<const request::ModelSignature> signature(const std::string& name,
                                                         const std::string& version = "1") {
  auto model = std::make_shared<request::ModelSignature>();
  model->name = name;
  model->version = version;
  model->inputs = {{"x", DataType::kFp32, {-1, 2, 2}, {}}, {"t", DataType::kBytes, {-1, 1}, {}}};
  model->max_batch_size = 8;
  return model;
}

// Every "$ref" below a value.
void collect(const json::value& value, std::set<std::string>& references) {
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) collect(item, references);
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      if (member.key() == "$ref") references.insert(std::string(member.value().as_string()));
      collect(member.value(), references);
    }
  }
}

class OpenApi : public testing::Test {
 protected:
  OpenApi() {
    add_predict_routes(router_, service_, predictor_);
    add_infer_routes(router_, service_);
    add_log_routes(router_, service_);
    add_status_routes(router_, service_);
    add_v2_model_routes(router_, service_, "1.2.3");
    add_v2_repository_routes(router_, service_);
    add_v2_setting_routes(router_, service_);
    add_v2_memory_routes(router_, service_);
    add_v1_routes(router_, service_);
    add_documentation_routes(router_, service_, "1.2.3");
  }
  json::value document(const Signatures& models = {}) const {
    return json::parse(openapi_document(router_.routes(), models, "1.2.3"));
  }

  observe::Registry registry_;
  serve::Service service_{registry_, nullptr, serve::LogMode::kDrop, false};
  Predictor predictor_{service_};
  Router router_{registry_, 1 << 20};
};

TEST_F(OpenApi, HasEveryRoute) {
  const json::value made = document();
  EXPECT_EQ(made.at("openapi"), "3.1.0");
  EXPECT_EQ(made.at("info").at("version"), "1.2.3");
  for (const Route& route : router_.routes()) {
    EXPECT_TRUE(route.documented()) << route.method << " " << route.path;
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(c | 0x20);
    const auto* item = made.at("paths").as_object().if_contains(route.path);
    ASSERT_NE(item, nullptr) << route.path;
    EXPECT_TRUE(item->as_object().contains(method)) << method << " " << route.path;
  }
}

TEST_F(OpenApi, NamesEachOperationOnceAndKnowsEachTag) {
  std::set<std::string> ids;
  std::set<std::string> tags;
  const json::value made = document({signature("a"), signature("b-c"), signature("b-c", "2")});
  for (const auto& tag : made.at("tags").as_array()) tags.insert(std::string(tag.at("name").as_string()));
  for (const auto& [path, item] : made.at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      const std::string id(operation.at("operationId").as_string());
      EXPECT_TRUE(ids.insert(id).second) << id;
      EXPECT_TRUE(tags.contains(std::string(operation.at("tags").at(0).as_string()))) << id;
      EXPECT_FALSE(operation.at("responses").as_object().empty()) << id;
    }
  }
}

TEST_F(OpenApi, RefersOnlyToWhatIsThere) {
  const json::value made = document({signature("a")});
  std::set<std::string> references;
  collect(made, references);
  EXPECT_GT(references.size(), 20U);
  for (const std::string& reference : references) {
    ASSERT_TRUE(reference.starts_with("#/")) << reference;
    boost::system::error_code error;
    EXPECT_NE(made.find_pointer(reference.substr(1), error), nullptr) << reference;
  }
}

TEST_F(OpenApi, NamesTheParametersOfThePath) {
  const json::value made = document();
  const auto& parameters =
      made.at("paths").at("/v1/models/{model}/versions/{version}:predict").at("post").at("parameters");
  ASSERT_EQ(parameters.as_array().size(), 2U);
  EXPECT_EQ(parameters.at(0).at("name"), "model");
  EXPECT_EQ(parameters.at(1).at("name"), "version");
  EXPECT_EQ(parameters.at(1).at("required"), true);
}

TEST_F(OpenApi, GivesServedModelsPathsOfTheirOwn) {
  const json::value made = document({signature("a"), signature("b", "1"), signature("b", "2")});
  const auto& paths = made.at("paths").as_object();
  ASSERT_TRUE(paths.contains("/predict/a"));
  ASSERT_TRUE(paths.contains("/predict/b"));
  const auto& body = paths.at("/predict/a").at("post").at("requestBody").at("content").at("application/json");
  EXPECT_EQ(body.at("schema").at("required"), (json::array{"x", "t"}));
  EXPECT_EQ(json::serialize(body.at("example")), R"({"x":[[0,0],[0,0]],"t":"a text"})");
  const auto& item = body.at("schema").at("properties").at("x").at("anyOf").at(0);
  EXPECT_EQ(item.at("minItems"), 2);
  EXPECT_EQ(body.at("schema").at("properties").at("x").at("anyOf").at(1).at("maxItems"), 8);
}

TEST_F(OpenApi, LeavesOutWhatSaysNothingOfItself) {
  router_.add("GET", "/secret", "Undocumented.",
              [](const Call&, const net::HttpRequest&, const PathParameters&) {});
  EXPECT_FALSE(router_.routes().back().documented());
  EXPECT_FALSE(document().at("paths").as_object().contains("/secret"));
}

TEST(OperationIds, AreMadeOfMethodAndPath) {
  observe::Registry registry;
  Router router(registry, 1);
  router.add("POST", "/v2/models/{model}:do-it/now", Operation{.tag = "t", .summary = "s"},
             [](const Call&, const net::HttpRequest&, const PathParameters&) {});
  EXPECT_EQ(router.routes()[0].operation.id, "postV2ModelsModelDoItNow");
}

TEST(ModelSchema, IsJsonForEveryType) {
  for (int type = 0; type <= static_cast<int>(DataType::kBytes); ++type) {
    for (const std::int64_t batch : {0, 4}) {
      request::ModelSignature model;
      model.inputs = {{"a \"name\"", static_cast<DataType>(type), {-1, 1, 3}, {}}};
      model.max_batch_size = batch;
      for (const std::string& text :
           {predict_body_schema(model), predict_body_example(model), v2_body_example(model)}) {
        boost::system::error_code error;
        json::parse(text, error);
        EXPECT_FALSE(error) << text;
      }
    }
  }
}

TEST(ModelSchema, HasNoExampleThatNobodyReads) {
  request::ModelSignature model;
  model.inputs = {{"x", DataType::kFp32, {1000, 1000}, {}}};
  EXPECT_EQ(predict_body_example(model), "");
  EXPECT_EQ(v2_body_example(model), "");
}

}  // namespace
}  // namespace saccade::http
