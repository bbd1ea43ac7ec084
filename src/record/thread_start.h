// How each of the log's threads begins.
#pragma once

namespace saccade::record {

// Names the calling thread and leaves the signals to the event loops: for this thread a file-size limit
// becomes an error of the write instead of the process's end.
void begin_thread(const char* name);

}  // namespace saccade::record
