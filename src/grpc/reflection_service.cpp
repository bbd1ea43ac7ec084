// grpc.reflection, versions v1 and v1alpha, which differ by name only: what is served, from the descriptors
// that the messages were generated with.
#include <memory>
#include <set>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "grpc/services.h"
#include "reflection.pb.h"
#include "reflection_v1alpha.pb.h"

namespace saccade::grpc {
namespace {

namespace v1 = ::grpc::reflection::v1;
namespace v1alpha = ::grpc::reflection::v1alpha;

const google::protobuf::DescriptorPool& pool() {
  return *google::protobuf::DescriptorPool::generated_pool();
}

// Answers each request as it comes. The type parameters are one version's messages.
template <typename Request, typename Response>
class Reflection final : public Conversation {
 public:
  Reflection(const Methods& methods, Call& call) : methods_(methods), call_(call) {}

  void on_message(std::string_view bytes) override {
    Request request;
    if (!call_.parse(bytes, request)) return;
    Response response;
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    switch (request.message_request_case()) {
      case Request::kFileByFilename:
        add_file(response, pool().FindFileByName(request.file_by_filename()),
                 "file " + request.file_by_filename());
        break;
      case Request::kFileContainingSymbol:
        add_file(response, pool().FindFileContainingSymbol(request.file_containing_symbol()),
                 "symbol " + request.file_containing_symbol());
        break;
      case Request::kFileContainingExtension:
        fail(response, StatusCode::kNotFound, "no message here has extensions");
        break;
      case Request::kAllExtensionNumbersOfType:
        add_extensions(response, request.all_extension_numbers_of_type());
        break;
      case Request::kListServices:
        for (const std::string& name : methods_.services()) {
          response.mutable_list_services_response()->add_service()->set_name(name);
        }
        break;
      case Request::MESSAGE_REQUEST_NOT_SET:
        fail(response, StatusCode::kInvalidArgument,
             "the request asks for nothing: message_request is not set");
        break;
    }
    call_.send(response);
  }
  void on_end() override { call_.finish({}); }
  void on_drain() override { call_.finish({StatusCode::kUnavailable, "the server is ending"}); }

 private:
  static void fail(Response& response, StatusCode code, const std::string& message) {
    response.mutable_error_response()->set_error_code(static_cast<int>(code));
    response.mutable_error_response()->set_error_message(message);
  }

  static void add_extensions(Response& response, const std::string& type) {
    if (pool().FindMessageTypeByName(type) == nullptr) {
      return fail(response, StatusCode::kNotFound, "unknown message type " + type);
    }
    response.mutable_all_extension_numbers_response()->set_base_type_name(type);
  }

  // The file, and behind it all that it imports: some clients take the first for the one they asked for.
  static void add_file(Response& response, const google::protobuf::FileDescriptor* file,
                       const std::string& what) {
    if (file == nullptr) return fail(response, StatusCode::kNotFound, "unknown " + what);
    std::set<const google::protobuf::FileDescriptor*> added;
    add_file(response, *file, added);
  }
  static void add_file(Response& response, const google::protobuf::FileDescriptor& file,
                       std::set<const google::protobuf::FileDescriptor*>& added) {
    if (!added.insert(&file).second) return;
    google::protobuf::FileDescriptorProto proto;
    file.CopyTo(&proto);
    proto.SerializeToString(response.mutable_file_descriptor_response()->add_file_descriptor_proto());
    for (int i = 0; i < file.dependency_count(); ++i) add_file(response, *file.dependency(i), added);
  }

  const Methods& methods_;
  Call& call_;
};

template <typename Request, typename Response>
void add_version(Methods& methods) {
  const auto* service = Request::descriptor()->file()->FindServiceByName("ServerReflection");
  methods.add(*service, "ServerReflectionInfo", Open([&methods](Call& call) {
    return std::unique_ptr<Conversation>(std::make_unique<Reflection<Request, Response>>(methods, call));
  }));
}

}  // namespace

void add_reflection_services(Methods& methods) {
  add_version<v1::ServerReflectionRequest, v1::ServerReflectionResponse>(methods);
  add_version<v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(methods);
}

}  // namespace saccade::grpc
