// The order of measuring, on ground whose runs take what the test says and whose clock is the runs'.
#include "model/engine_trial.h"

#include <functional>
#include <random>

#include <gtest/gtest.h>

namespace saccade::model {
namespace {

using namespace std::chrono_literals;

class MadeUpGround final : public TrialGround {
 public:
  struct Speed {
    base::Duration run{0};  // of one item
    double saved = 0;       // share of a run's time that each further item of a batch costs less
    double in_the_way = 1;  // how much longer a run takes beside others
    bool fails = false;
  };
  MadeUpGround(std::vector<EngineCandidate> candidates, std::vector<Speed> speeds)
      : candidates_(std::move(candidates)), speeds_(std::move(speeds)) {}

  base::TimePoint now() override { return now_; }
  std::optional<base::Duration> run_alone(std::size_t candidate, base::Duration slice) override {
    ++alone[candidate];
    if (speeds_[candidate].fails) return std::nullopt;
    now_ += std::max(slice, speeds_[candidate].run) + speeds_[candidate].run;
    // Every third time somebody else has the machine.
    const bool held_up = alone[candidate] % 3 == 0;
    return speeds_[candidate].run * (held_up ? 10 : 1);
  }
  std::optional<double> run_beside(std::size_t candidate, std::int64_t items, base::Duration slice) override {
    ++beside[candidate][items];
    const Speed& speed = speeds_[candidate];
    const double each = (1 + (1 - speed.saved) * static_cast<double>(items - 1)) * speed.in_the_way *
                        base::seconds(speed.run);
    now_ += std::max(slice, base::Duration(static_cast<std::int64_t>(each * 1e9)));
    const double pace = others_take ? others_take(now_) : 1;
    return pace * static_cast<double>(candidates_[candidate].instances) * static_cast<double>(items) / each;
  }
  std::vector<CandidateFigures> measure(std::vector<std::int64_t> sizes = {1}) {
    return model::measure(candidates_, {.sizes = std::move(sizes)}, *this);
  }
  base::Duration taken() const { return now_ - base::TimePoint{}; }

  std::function<double(base::TimePoint)> others_take;  // what is left of the machine at a time
  std::map<std::size_t, int> alone;
  std::map<std::size_t, std::map<std::int64_t, int>> beside;

 private:
  std::vector<EngineCandidate> candidates_;
  std::vector<Speed> speeds_;
  base::TimePoint now_{};
};

TEST(EngineTrial, MeasuresAllInTurnAndTakesTheGoodTurns) {
  MadeUpGround ground({{"a", 1, 2}, {"b", 1, 2}}, {{.run = 10ms}, {.run = 11ms, .in_the_way = 1.1}});
  const auto figures = ground.measure();
  ASSERT_EQ(figures.size(), 2U);
  EXPECT_EQ(figures[0].alone, 10ms) << "not what was held up";
  EXPECT_EQ(figures[1].alone, 11ms);
  EXPECT_DOUBLE_EQ(figures[0].sizes[0].per_second, 200);
  EXPECT_NEAR(figures[1].sizes[0].per_second, 2 / 0.0121, 0.1);
  EXPECT_GE(ground.beside[0][1], 5);
  EXPECT_NEAR(ground.beside[0][1], ground.beside[1][1], 1);
  EXPECT_LE(ground.taken(), 2100ms);
}

TEST(EngineTrial, OnAQuietMachineAFewTurnsAreEnough) {
  MadeUpGround ground({{"a", 1, 2}, {"b", 1, 2}}, {{.run = 10ms}, {.run = 10'200us}});
  const auto figures = ground.measure();
  EXPECT_EQ(ground.beside[0][1], 5);
  EXPECT_LE(ground.taken(), 800ms);
  EXPECT_NEAR(figures[0].noise, 0, .001);
}

// Most turns of everybody lose up to two thirds of the machine to somebody else.
TEST(EngineTrial, ABusyMachineGetsMoreTurnsAndTheBetterOneIsFoundNevertheless) {
  int most_turns = 0;
  double most_noise = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    MadeUpGround ground({{"a", 1, 2}, {"b", 1, 2}}, {{.run = 10ms}, {.run = 12ms, .in_the_way = 1}});
    std::mt19937 random(seed);
    ground.others_take = [&](base::TimePoint) {
      return std::bernoulli_distribution(.4)(random) ? 1
                                                     : std::uniform_real_distribution<double>(.33, 1)(random);
    };
    const auto figures = ground.measure();
    most_turns = std::max(most_turns, ground.beside[0][1]);
    most_noise = std::max(most_noise, figures[0].noise);
    EXPECT_EQ(choose(figures, {}, false), 0U) << seed;
    EXPECT_LE(ground.taken(), 2200ms) << "bounded nevertheless";
  }
  EXPECT_GT(most_turns, 12);
  EXPECT_GT(most_noise, .05);
}

TEST(EngineTrial, ShortRunsTakeMuchLessThanTheBudget) {
  MadeUpGround ground({{"a", 1, 2}, {"b", 1, 2}}, {{.run = 13us}, {.run = 15us}});
  ground.measure({1, 8, 32});
  EXPECT_LE(ground.taken(), 500ms);
}

TEST(EngineTrial, ALargerBatchIsGoneOnWithWhereItPays) {
  MadeUpGround ground({{"a", 1, 1}, {"b", 1, 1}}, {{.run = 1ms, .saved = 0.5}, {.run = 1ms, .saved = -0.2}});
  const auto figures = ground.measure({1, 8, 32});
  ASSERT_EQ(figures[0].sizes.size(), 3U);
  EXPECT_GE(ground.beside[0][32], 3);
  ASSERT_EQ(figures[1].sizes.size(), 2U) << "32 can't be better where 8 is worse";
  EXPECT_EQ(ground.beside[1][8], 1);
}

TEST(EngineTrial, AHopelessOneIsGivenUpAtOnce) {
  MadeUpGround ground({{"a", 1, 2}, {"b", 1, 2}}, {{.run = 10ms}, {.run = 100ms}});
  const auto figures = ground.measure();
  EXPECT_TRUE(figures[1].given_up);
  EXPECT_FALSE(figures[1].measured);
  EXPECT_EQ(ground.alone[1], 2);
  EXPECT_EQ(ground.beside[1][1], 0);
}

TEST(EngineTrial, AClearLoserIsGivenUpSoon) {
  MadeUpGround ground({{"a", 1, 2}, {"b", 1, 2}, {"c", 1, 2}}, {{.run = 10ms}, {.run = 16ms}, {.run = 11ms}});
  const auto figures = ground.measure();
  EXPECT_TRUE(figures[1].given_up);
  EXPECT_EQ(ground.beside[1][1], 3);
  EXPECT_GT(ground.beside[2][1], 3);
}

TEST(EngineTrial, ThreadsThatShortenARunAreMeasuredOn) {
  MadeUpGround ground({{"a", 1, 4}, {"a", 4, 1}}, {{.run = 40ms}, {.run = 14ms}});
  const auto figures = ground.measure();
  EXPECT_FALSE(figures[1].given_up) << "less throughput, but the shorter run";
  EXPECT_TRUE(figures[0].measured);
  EXPECT_TRUE(figures[1].measured);
}

TEST(EngineTrial, OneThatFailsIsOut) {
  MadeUpGround ground({{"a", 1, 1}, {"b", 1, 1}}, {{.run = 10ms}, {.run = 1ms, .fails = true}});
  const auto figures = ground.measure();
  EXPECT_TRUE(figures[0].measured);
  EXPECT_FALSE(figures[1].measured);
  EXPECT_FALSE(figures[1].given_up);
}

TEST(EngineTrial, ASlowModelEndsNevertheless) {
  MadeUpGround ground({{"a", 1, 1}, {"a", 2, 1}, {"b", 1, 1}, {"b", 2, 1}},
                      {{.run = 3s}, {.run = 3s}, {.run = 3s}, {.run = 3s}});
  const auto figures = ground.measure({1, 8});
  EXPECT_LE(ground.taken(), 14s);
  EXPECT_EQ(ground.beside[0][8], 0);
  EXPECT_EQ(choose(figures, {}, false), 0U);
}

}  // namespace
}  // namespace saccade::model
