#include "cli/command_line.h"

int main(int argc, char** argv) {
  return saccade::cli::run(argc, argv);
}
