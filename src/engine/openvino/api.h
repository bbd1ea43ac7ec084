// OpenVINO's C API as a table of functions, which the library fills at run time (library.h).
//
// The C API, because its functions can be looked up by name in a library that may not be there, and because
// no exception and no C++ type of another compiler comes through it. Of the headers only types are used here.
#pragma once

#include <openvino/c/openvino.h>

// Every function that this room calls; a library that lacks one of them is refused.
#define SACCADE_OPENVINO_FUNCTIONS(DO)            \
  DO(ov_get_openvino_version)                     \
  DO(ov_version_free)                             \
  DO(ov_get_error_info)                           \
  DO(ov_get_last_err_msg)                         \
  DO(ov_free)                                     \
  DO(ov_core_create)                              \
  DO(ov_core_free)                                \
  DO(ov_core_read_model)                          \
  DO(ov_core_compile_model_props)                 \
  DO(ov_core_get_available_devices)               \
  DO(ov_available_devices_free)                   \
  DO(ov_model_free)                               \
  DO(ov_model_inputs_size)                        \
  DO(ov_model_outputs_size)                       \
  DO(ov_model_const_input_by_index)               \
  DO(ov_model_const_output_by_index)              \
  DO(ov_output_const_port_free)                   \
  DO(ov_port_get_any_name)                        \
  DO(ov_port_get_partial_shape)                   \
  DO(ov_port_get_element_type)                    \
  DO(ov_partial_shape_free)                       \
  DO(ov_shape_free)                               \
  DO(ov_compiled_model_create_infer_request)      \
  DO(ov_compiled_model_free)                      \
  DO(ov_infer_request_set_input_tensor_by_index)  \
  DO(ov_infer_request_get_output_tensor_by_index) \
  DO(ov_infer_request_start_async)                \
  DO(ov_infer_request_wait)                       \
  DO(ov_infer_request_free)                       \
  DO(ov_tensor_create_from_host_ptr)              \
  DO(ov_tensor_get_shape)                         \
  DO(ov_tensor_get_byte_size)                     \
  DO(ov_tensor_data)                              \
  DO(ov_tensor_free)

namespace saccade::engine::openvino {

struct Api {
// NOLINTNEXTLINE(bugprone-macro-parentheses): what is declared is a name
#define SACCADE_OPENVINO_MEMBER(name) decltype(&::name) name = nullptr;
  SACCADE_OPENVINO_FUNCTIONS(SACCADE_OPENVINO_MEMBER)
#undef SACCADE_OPENVINO_MEMBER
};

}  // namespace saccade::engine::openvino
