#include "trace/settings.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace saccade::trace {
namespace {

constexpr const char* kTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
constexpr const char* kEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned int value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "key1=value1,key2=value2", as W3C Baggage writes it: values are percent-encoded.
base::Result<std::vector<std::pair<std::string, std::string>>> read_pairs(const char* name,
                                                                          std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view pair = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos || equals == 0) {
      // Not with its value: it may be a secret.
      return base::invalid_argument(std::string(name) + ": takes key=value pairs with commas between them");
    }
    pairs.emplace_back(trimmed(pair.substr(0, equals)), percent_decoded(trimmed(pair.substr(equals + 1))));
    for (const char c : pairs.back().first + pairs.back().second) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        return base::invalid_argument(std::string(name) + ": has a control character in it");
      }
    }
  }
  return pairs;
}

template <typename Number>
base::Status read_number(const Environment& environment, const char* name, Number least, Number most,
                         Number& into) {
  const std::string text = environment(name);
  if (text.empty()) return {};
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= most)) {
    return base::invalid_argument(std::string(name) + " is \"" + text + "\"; it takes a number from " +
                                  std::to_string(least) + " to " + std::to_string(most));
  }
  into = value;
  return {};
}

base::Result<std::string> read_url(const std::string& flag, const Environment& environment) {
  std::string name = "--otlp-endpoint";
  std::string url = flag;
  bool whole = false;
  if (url.empty()) {
    url = environment(kTracesEndpoint);
    whole = !url.empty();
    name = whole ? kTracesEndpoint : kEndpoint;
    if (!whole) url = environment(kEndpoint);
  }
  if (url.empty()) return url;
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return base::invalid_argument(name + " is \"" + url +
                                  "\"; it takes a URL such as http://localhost:4318 (OTLP over HTTP)");
  }
  if (whole) return url;
  while (url.ends_with('/')) url.pop_back();
  return url + "/v1/traces";
}

base::Status read_queue(const Environment& environment, Settings& settings) {
  std::int64_t delay = settings.delay.count();
  std::int64_t timeout = settings.timeout.count();
  for (const base::Status& read :
       {read_number<std::size_t>(environment, "OTEL_BSP_MAX_QUEUE_SIZE", 1, 1'000'000, settings.queue),
        read_number<std::size_t>(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 65'536, settings.batch),
        read_number<std::int64_t>(environment, "OTEL_BSP_SCHEDULE_DELAY", 1, 600'000, delay),
        read_number<std::int64_t>(environment, "OTEL_EXPORTER_OTLP_TIMEOUT", 1, 600'000, timeout),
        read_number<std::int64_t>(environment, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", 1, 600'000, timeout)}) {
    if (!read) return read;
  }
  settings.delay = std::chrono::milliseconds(delay);
  settings.timeout = std::chrono::milliseconds(timeout);
  if (settings.batch > settings.queue) settings.batch = settings.queue;
  return {};
}

base::Status read_resource(const Environment& environment, Settings& settings) {
  auto attributes = read_pairs("OTEL_RESOURCE_ATTRIBUTES", environment("OTEL_RESOURCE_ATTRIBUTES"));
  if (!attributes) return std::unexpected(attributes.error());
  std::string service = environment("OTEL_SERVICE_NAME");
  for (auto& [key, value] : *attributes) {
    if (key == "service.name") {
      if (service.empty()) service = value;
    } else {
      settings.resource.emplace_back(std::move(key), std::move(value));
    }
  }
  settings.resource.emplace_back("service.name", service.empty() ? "saccade" : service);
  settings.resource.emplace_back("service.version", settings.version);
  return {};
}

}  // namespace

std::string process_environment(const char* name) {
  const char* value = std::getenv(name);  // no other thread changes it
  return value == nullptr ? "" : value;
}

base::Result<Settings> read_settings(const std::string& endpoint, const std::string& version,
                                     const Environment& environment) {
  Settings settings;
  settings.version = version;
  if (environment("OTEL_SDK_DISABLED") == "true" || environment("OTEL_TRACES_EXPORTER") == "none") {
    return settings;
  }
  const auto url = read_url(endpoint, environment);
  if (!url) return std::unexpected(url.error());
  if (url->empty()) return settings;
  for (const char* name : {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}) {
    const std::string protocol = environment(name);
    if (!protocol.empty() && protocol != "http/protobuf") {
      return base::invalid_argument(std::string(name) + " is \"" + protocol +
                                    "\"; spans go by http/protobuf, which a collector takes on port 4318");
    }
  }
  std::string headers = environment("OTEL_EXPORTER_OTLP_TRACES_HEADERS");
  const bool own = !headers.empty();
  if (!own) headers = environment("OTEL_EXPORTER_OTLP_HEADERS");
  auto read = read_pairs(own ? "OTEL_EXPORTER_OTLP_TRACES_HEADERS" : "OTEL_EXPORTER_OTLP_HEADERS", headers);
  if (!read) return std::unexpected(read.error());
  settings.headers = *std::move(read);

  settings.ca = environment("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE");
  if (settings.ca.empty()) settings.ca = environment("OTEL_EXPORTER_OTLP_CERTIFICATE");

  double ratio = 1;
  if (const base::Status number = read_number<double>(environment, "OTEL_TRACES_SAMPLER_ARG", 0, 1, ratio);
      !number) {
    return std::unexpected(number.error());
  }
  const std::string sampler = environment("OTEL_TRACES_SAMPLER");
  auto made = Sampler::make(sampler.empty() ? "parentbased_traceidratio" : sampler, ratio);
  if (!made) return base::invalid_argument("OTEL_TRACES_SAMPLER: " + made.error().message);
  settings.sampler = *made;
  if (const base::Status queue = read_queue(environment, settings); !queue) {
    return std::unexpected(queue.error());
  }
  if (const base::Status resource = read_resource(environment, settings); !resource) {
    return std::unexpected(resource.error());
  }
  settings.url = *url;
  return settings;
}

}  // namespace saccade::trace
