// Whether a request that nothing else runs beside should have more threads than others: by what its runs
// took, as a share of what a usual run of so many items takes.
//
// Runs that stayed alone are kept apart from those that another run joined, as threads that then wait for
// each other take longer. How often that happens is told by all runs that began alone, with more threads or
// without, and followed within some 16 of them. With a the share of those that stayed alone, b of those that
// were joined, and p of the runs that are joined,
//     expected share = (1 - p) a + p b.
// Now and then the other way is taken, so that both stay known. Not synchronised.
#pragma once

#include <cstdint>

namespace saccade::schedule {

class LoneRuns {
 public:
  // Whether the next one should have more threads. Said of one run only.
  bool pay();
  // A run that began alone has ended. `joined`: another one began before that.
  void note(bool joined);
  // It had more threads, and took this share of the usual time.
  void learn(bool joined, double share);

  // Of the usual time, that a run with more threads takes; 1 while nothing is known.
  double share() const;

 private:
  struct Kind {
    double share = 1;
    std::uint64_t runs = 0;

    void learn(double one);
  };

  Kind stayed_;
  Kind joined_;
  double joined_share_ = 0;
  std::uint64_t asked_ = 0;
};

}  // namespace saccade::schedule
