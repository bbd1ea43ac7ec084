# Compiler options for our own code, after all outside targets are made.
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-missing-field-initializers)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
# The JSON parser chooses its instructions at compile time. x86-64-v3 (AVX2; every server processor since 2015) where
# the machine that builds has it; anything else compiles for the plain architecture.
include(CheckCXXSourceRuns)
check_cxx_source_runs("int main() { return __builtin_cpu_supports(\"avx2\") && __builtin_cpu_supports(\"bmi2\") &&
                       __builtin_cpu_supports(\"fma\") && __builtin_cpu_supports(\"pclmul\") ? 0 : 1; }" SACCADE_HAS_AVX2)
option(SACCADE_AVX2 "compile for processors with AVX2" ${SACCADE_HAS_AVX2})
if(SACCADE_AVX2)
  add_compile_options(-march=x86-64-v3 -mpclmul)
endif()
if(SACCADE_SANITIZE)
  add_compile_options(-fsanitize=${SACCADE_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=${SACCADE_SANITIZE})
endif()
# The rooms behind the fuzz targets (test/fuzz), which add the fuzzer itself.
if(SACCADE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=address,undefined)
endif()
if(SACCADE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-tsan)  # Asio's fences, which ThreadSanitizer does not model; nothing here relies on one alone
endif()
find_program(MOLD mold)
if(MOLD AND NOT SACCADE_FUZZ)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  # Paths below the source folder are hashed as relative ones: one build folder profits from what another compiled.
  set(cached ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${cached})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${cached})
endif()
