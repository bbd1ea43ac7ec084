#include "protocol/management.h"

#include <gtest/gtest.h>

#include "grpc_service.pb.h"
#include "protocol/message_json.h"

namespace saccade::protocol {
namespace {

TEST(Management, ServerMetadata) {
  const auto response = server_metadata("1.2.3");
  EXPECT_EQ(response.name(), "saccade");
  EXPECT_EQ(response.version(), "1.2.3");
  const std::vector<std::string> extensions(response.extensions().begin(), response.extensions().end());
  EXPECT_NE(std::ranges::find(extensions, "binary_tensor_data"), extensions.end());
  EXPECT_EQ(std::ranges::find(extensions, "sequence"), extensions.end());  // what doesn't work isn't named
}

TEST(Management, ModelMetadataHasTheBatchDimensionFree) {
  request::ModelSignature model;
  model.name = "digits";
  model.platform = "onnxruntime_onnx";
  model.max_batch_size = 8;
  model.inputs = {{.name = "image", .type = tensor::DataType::kFp32, .shape = {-1, 28, 28}, .labels = {}}};
  model.outputs = {{.name = "text", .type = tensor::DataType::kBytes, .shape = {4, 2}, .labels = {}}};
  EXPECT_EQ(message_json(model_metadata(model, {"1", "2"}), Unset::kPrint),
            R"({"name":"digits","versions":["1","2"],"platform":"onnxruntime_onnx",)"
            R"("inputs":[{"name":"image","datatype":"FP32","shape":[-1,28,28]}],)"
            R"("outputs":[{"name":"text","datatype":"BYTES","shape":[-1,2]}]})");
  model.max_batch_size = 0;
  EXPECT_EQ(model_metadata(model, {}).outputs(0).shape(0), 4);
}

TEST(Management, StatisticsAreNumbersAndWhole) {
  request::ModelStatistics model;
  model.name = "m";
  model.version = "1";
  model.last_inference_ms = 1'795'516'752'078;
  model.inference_count = 3;
  model.execution_count = 2;
  model.success = {2, 20};
  model.fail = {1, 5};
  model.queue = {2, 1};
  model.compute_input = {2, 3};
  model.compute_infer = {2, 12};
  model.compute_output = {2, 4};
  model.cache_hit = {7, 8};
  model.cache_miss = {9, 10};
  model.batches = {{2, {1, 2}, {1, 8}, {1, 3}}};
  EXPECT_EQ(
      message_json(model_statistics({model}), Unset::kPrint),
      R"({"model_stats":[{"name":"m","version":"1","last_inference":1795516752078,"inference_count":3,)"
      R"("execution_count":2,"inference_stats":{"success":{"count":2,"ns":20},"fail":{"count":1,"ns":5},)"
      R"("queue":{"count":2,"ns":1},"compute_input":{"count":2,"ns":3},"compute_infer":{"count":2,"ns":12},)"
      R"("compute_output":{"count":2,"ns":4},"cache_hit":{"count":7,"ns":8},"cache_miss":{"count":9,"ns":10}},)"
      R"("batch_stats":[{"batch_size":2,"compute_input":{"count":1,"ns":2},"compute_infer":{"count":1,"ns":8},)"
      R"("compute_output":{"count":1,"ns":3}}],"memory_usage":[],"response_stats":{}}]})");
  // A model that was never asked has all members too.
  const auto json = message_json(model_statistics({request::ModelStatistics{}}), Unset::kPrint);
  EXPECT_NE(json.find(R"("success":{"count":0,"ns":0})"), std::string::npos);
  EXPECT_NE(json.find(R"("batch_stats":[])"), std::string::npos);
}

TEST(Management, IndexEntriesSayOnlyWhatThereIs) {
  inference::RepositoryIndexResponse index;
  add_to_index(index, "never_loaded", "", "", "");
  add_to_index(index, "m", "2", "UNAVAILABLE", "unloaded");
  EXPECT_EQ(message_json(index, Unset::kSkip),
            R"({"models":[{"name":"never_loaded"},)"
            R"({"name":"m","version":"2","state":"UNAVAILABLE","reason":"unloaded"}]})");
}

TEST(Management, BytesAreBase64) {
  inference::InferTensorContents contents;
  contents.add_bytes_contents(std::string("\0\xff\x10", 3));
  contents.add_bytes_contents("a");
  EXPECT_EQ(message_json(contents, Unset::kSkip), R"({"bytes_contents":["AP8Q","YQ=="]})");
}

}  // namespace
}  // namespace saccade::protocol
