#include "protocol/message_json.h"

#include <limits>

#include <gtest/gtest.h>

#include "model_config.pb.h"

namespace saccade::protocol {
namespace {

TEST(MessageJson, EmptyMessages) {
  EXPECT_EQ(message_json(inference::ModelVersionPolicy(), Unset::kSkip), "{}");
  // Members of a oneof are not there before they are set, whatever was asked.
  EXPECT_EQ(message_json(inference::ModelVersionPolicy(), Unset::kPrint), "{}");
  EXPECT_EQ(message_json(inference::ModelInput(), Unset::kSkip), "{}");
}

TEST(MessageJson, DefaultsAreWrittenOnRequest) {
  EXPECT_EQ(
      message_json(inference::ModelOutput(), Unset::kPrint),
      R"({"name":"","data_type":"TYPE_INVALID","dims":[],"label_filename":"",)"
      R"("is_shape_tensor":false,"is_non_linear_format_io":false})");  // reshape is a message, and not set
}

TEST(MessageJson, EnumerationsByNameAndWholeNumbersAsNumbers) {
  inference::ModelInput input;
  input.set_name("x");
  input.set_data_type(inference::TYPE_FP32);
  input.set_format(inference::ModelInput::FORMAT_NHWC);
  input.add_dims(-1);
  input.add_dims(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(message_json(input, Unset::kSkip),
            R"({"name":"x","data_type":"TYPE_FP32","format":"FORMAT_NHWC","dims":[-1,9223372036854775807]})");
}

TEST(MessageJson, AnUnknownEnumerationStaysANumber) {
  inference::ModelInput input;
  input.set_data_type(static_cast<inference::DataType>(99));
  EXPECT_EQ(message_json(input, Unset::kSkip), R"({"data_type":99})");
}

TEST(MessageJson, UnsignedNumbersKeepTheirWidth) {
  inference::ModelQueuePolicy policy;
  policy.set_default_timeout_microseconds(std::numeric_limits<std::uint64_t>::max());
  policy.set_max_queue_size(std::numeric_limits<std::uint32_t>::max());
  policy.set_allow_timeout_override(true);
  EXPECT_EQ(message_json(policy, Unset::kSkip),
            R"({"default_timeout_microseconds":18446744073709551615,"allow_timeout_override":true,)"
            R"("max_queue_size":4294967295})");
}

TEST(MessageJson, MapsAreObjectsInOneOrder) {
  inference::ModelDynamicBatching batching;
  (*batching.mutable_priority_queue_policy())[2].set_max_queue_size(7);
  (*batching.mutable_priority_queue_policy())[1];
  EXPECT_EQ(message_json(batching, Unset::kSkip),
            R"({"priority_queue_policy":{"1":{},"2":{"max_queue_size":7}}})");

  inference::ModelConfig config;
  (*config.mutable_metric_tags())["b\"quoted\""] = "line\nbreak";
  (*config.mutable_metric_tags())["a"] = "";
  EXPECT_EQ(message_json(config, Unset::kSkip), R"({"metric_tags":{"a":"","b\"quoted\"":"line\nbreak"}})");
}

TEST(MessageJson, MembersOfAOneofAreWrittenOnceSetBeItToTheirDefault) {
  inference::ModelWarmup::Input input;
  input.set_zero_data(false);
  EXPECT_EQ(message_json(input, Unset::kSkip), R"({"zero_data":false})");
  inference::ModelVersionPolicy policy;
  policy.mutable_all();
  EXPECT_EQ(message_json(policy, Unset::kPrint), R"({"all":{}})");
}

TEST(MessageJson, FloatsAreShortAndNeverBreakTheJson) {
  inference::ModelMetrics::MetricControl::HistogramOptions options;
  options.add_buckets(0.1);
  options.add_buckets(1e300);
  options.add_buckets(std::numeric_limits<double>::infinity());
  EXPECT_EQ(message_json(options, Unset::kSkip), R"({"buckets":[0.1,1e+300,null]})");
}

TEST(MessageJson, NestedMessagesAndLists) {
  inference::ModelEnsembling ensembling;
  auto& step = *ensembling.add_step();
  step.set_model_name("m");
  step.set_model_version(-1);
  (*step.mutable_input_map())["x"] = "raw";
  ensembling.add_step();
  EXPECT_EQ(message_json(ensembling, Unset::kSkip),
            R"({"step":[{"model_name":"m","model_version":-1,"input_map":{"x":"raw"}},{}]})");
}

}  // namespace
}  // namespace saccade::protocol
