# Everything that comes from outside: Debian's packages, and what scripts/fetch-dependencies put under .deps/.
set(CMAKE_THREAD_PREFER_PTHREAD ON)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(simdjson REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED)

set(SACCADE_DEPS "${CMAKE_SOURCE_DIR}/.deps" CACHE PATH "where scripts/fetch-dependencies put its libraries")
foreach(needed onnxruntime/include/onnxruntime_cxx_api.h openvino/include/openvino/c/openvino.h llhttp/src/llhttp.c swagger-ui/.stamp)
  if(NOT EXISTS "${SACCADE_DEPS}/${needed}")
    message(FATAL_ERROR "${SACCADE_DEPS}/${needed} is missing: run scripts/fetch-dependencies first (make build does)")
  endif()
endforeach()

# nghttp2 comes without a CMake package.
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
add_library(nghttp2 ALIAS PkgConfig::NGHTTP2)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
add_library(hiredis ALIAS PkgConfig::HIREDIS)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
add_library(libpq ALIAS PkgConfig::LIBPQ)

# ONNX Runtime is loaded at run time; the build only takes its headers and remembers where the library lies.
add_library(onnxruntime INTERFACE)
target_include_directories(onnxruntime SYSTEM INTERFACE "${SACCADE_DEPS}/onnxruntime/include")
target_compile_definitions(onnxruntime INTERFACE SACCADE_ONNXRUNTIME_DIRECTORY="${SACCADE_DEPS}/onnxruntime/lib")

# OpenVINO likewise.
add_library(openvino INTERFACE)
target_include_directories(openvino SYSTEM INTERFACE "${SACCADE_DEPS}/openvino/include")
target_compile_definitions(openvino INTERFACE SACCADE_OPENVINO_DIRECTORY="${SACCADE_DEPS}/openvino/lib")

add_library(llhttp STATIC "${SACCADE_DEPS}/llhttp/src/llhttp.c" "${SACCADE_DEPS}/llhttp/src/api.c"
                          "${SACCADE_DEPS}/llhttp/src/http.c")
target_include_directories(llhttp SYSTEM PUBLIC "${SACCADE_DEPS}/llhttp/include")
set_target_properties(llhttp PROPERTIES C_CLANG_TIDY "")

# The page behind /docs, compressed as it travels.
include(cmake/embed.cmake)
saccade_embed(swagger_ui saccade::swagger_ui "bundle=${SACCADE_DEPS}/swagger-ui/swagger-ui-bundle.js.gz"
              "style=${SACCADE_DEPS}/swagger-ui/swagger-ui.css.gz" "icon=${SACCADE_DEPS}/swagger-ui/favicon-32x32.png"
              "licence=${SACCADE_DEPS}/swagger-ui/LICENSE.gz")

add_library(boost_json STATIC "${CMAKE_SOURCE_DIR}/cmake/boost_json.cpp")
target_link_libraries(boost_json PUBLIC Boost::headers)

# Messages from proto/, generated into the build folder.
set(proto_out "${CMAKE_BINARY_DIR}/proto")
file(MAKE_DIRECTORY "${proto_out}")
add_library(saccade_proto STATIC)
file(GLOB protos CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/proto/*.proto")
foreach(proto IN LISTS protos)
  get_filename_component(stem "${proto}" NAME_WE)
  add_custom_command(OUTPUT "${proto_out}/${stem}.pb.cc" "${proto_out}/${stem}.pb.h"
                     COMMAND protobuf::protoc --cpp_out "${proto_out}" -I "${CMAKE_SOURCE_DIR}/proto" "${proto}"
                     DEPENDS "${proto}")
  target_sources(saccade_proto PRIVATE "${proto_out}/${stem}.pb.cc" "${proto_out}/${stem}.pb.h")
endforeach()
target_include_directories(saccade_proto SYSTEM PUBLIC "${proto_out}")
target_link_libraries(saccade_proto PUBLIC protobuf::libprotobuf)
if(SACCADE_SANITIZE MATCHES "thread")
  # Protobuf's headers lay some classes out differently under ThreadSanitizer, which the system's library was not built for.
  target_compile_options(saccade_proto PUBLIC -U__SANITIZE_THREAD__)
endif()
