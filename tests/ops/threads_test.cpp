// The setting of the number of threads. That results do not depend on it is tested with each operation.
#include "hubel/threads.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>
#include <stdexcept>

#include "hubel/conv.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

TEST(ThreadsTest, SetAndBackToTheDefault) {
  const int usual = num_threads();
  EXPECT_GE(usual, 1);
  set_num_threads(3);
  EXPECT_EQ(num_threads(), 3);
  set_num_threads(1);
  EXPECT_EQ(num_threads(), 1);
  set_num_threads(0);
  EXPECT_EQ(num_threads(), usual);
}

TEST(ThreadsTest, RefusesNumbersOutOfRange) {
  EXPECT_TRUE(refuses([] { set_num_threads(-1); }, "set_num_threads", {"-1"}));
  EXPECT_TRUE(refuses([] { set_num_threads(kMaxThreads + 1); }, "set_num_threads", {"1025", "1024"}));
  EXPECT_THROW(set_num_threads(std::numeric_limits<int>::min()), std::invalid_argument);
}

TEST(ThreadsTest, FarMoreThreadsThanWork) {
  const Tensor<float> A_prev = random_tensor<float>({4, 20, 20, 8}, 1), W = random_tensor<float>({3, 3, 8, 16}, 2);
  const auto run = [&] { return conv_forward(A_prev, W, TensorView<const float>()); };
  EXPECT_TRUE(same_bits(with_threads(kMaxThreads, run), with_threads(1, run)));
}

// A forked child has none of its parent's threads, as Python's multiprocessing makes them.
TEST(ThreadsTest, AfterFork) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer refuses threads after a fork";
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the sanitizer refuses threads after a fork";
#endif
#endif
  const Tensor<float> A_prev = random_tensor<float>({8, 20, 20, 8}, 1), W = random_tensor<float>({3, 3, 8, 16}, 2);
  const auto run = [&] { return with_threads(2, [&] { return conv_forward(A_prev, W, TensorView<const float>()); }); };
  const Tensor<float> expected = run();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a child that waits for threads it does not have ends here
    _exit(same_bits(run(), expected) ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(same_bits(run(), expected));
}

}  // namespace
}  // namespace hubel::test
