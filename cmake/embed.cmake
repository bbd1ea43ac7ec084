# Files as parts of the program: `saccade_embed(LIBRARY NAMESPACE name=file…)` makes a static library of them and a header
# "LIBRARY.h" with `std::string_view NAMESPACE::name` for each and `NAMESPACE::name_hash`, which changes when the file does.
# The assembler takes them in as they are, so that nothing has to be compiled.
function(saccade_embed library namespace)
  set(folder "${CMAKE_BINARY_DIR}/embedded/${library}")
  set(assembly "")
  set(declarations "")
  set(constants "")
  set(files "")
  foreach(pair IN LISTS ARGN)
    string(REGEX MATCH "^([a-z_0-9]+)=(.+)$" matched "${pair}")
    set(name "${CMAKE_MATCH_1}")
    set(file "${CMAKE_MATCH_2}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(SHA256 "${file}" hash)
    string(SUBSTRING "${hash}" 0 16 hash)
    file(SIZE "${file}" size)
    list(APPEND files "${file}")
    set(symbol "${library}_${name}")
    string(APPEND assembly "/* ${hash} */ __asm__(\".section .rodata\\n.global ${symbol}\\n${symbol}:\\n.incbin \\\"${file}\\\"\\n.byte 0\\n"
                           ".previous\\n\");\n")
    string(APPEND declarations "extern \"C\" const char ${symbol}[];\n")
    string(APPEND constants "inline const std::string_view ${name}(${symbol}, ${size});\n"
                            "inline constexpr std::string_view ${name}_hash = \"${hash}\";\n")
  endforeach()
  file(CONFIGURE OUTPUT "${folder}/${library}.c" CONTENT "${assembly}typedef int not_empty;\n")
  file(CONFIGURE OUTPUT "${folder}/${library}.h"
       CONTENT "#pragma once\n#include <string_view>\n${declarations}namespace ${namespace} {\n${constants}}\n")
  set_source_files_properties("${folder}/${library}.c" PROPERTIES OBJECT_DEPENDS "${files}")
  add_library(${library} STATIC "${folder}/${library}.c")
  target_include_directories(${library} SYSTEM PUBLIC "${folder}")
  set_target_properties(${library} PROPERTIES C_CLANG_TIDY "")
endfunction()
