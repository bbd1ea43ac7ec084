// The command line: `saccade serve`, `check`, `bench`. Every flag is also an environment variable
// (SACCADE_PORT) and a key of the configuration file (--config).
#pragma once

namespace saccade::cli {

// The exit status: 0 done, 1 failed, 2 wrong usage.
int run(int argc, char** argv);

}  // namespace saccade::cli
