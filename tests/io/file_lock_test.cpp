// Locks that keep a second training away from a file.
#include "files/file_lock.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "io/io_testing.hpp"

namespace hubel::test {
namespace {

using detail::FileLock;

TEST(FileLock, IsHeldByOne) {
  const Folder folder;
  for (int round = 0; round < 3; ++round) {
    const FileLock lock(folder / "a");
    EXPECT_TRUE(fails<IoError>([&] { const FileLock second(folder / "a"); }, {folder / "a", "another training"}));
    EXPECT_TRUE(fails<IoError>([&] { const FileLock second(folder / "./x/../a"); }, {"another training"}));
    const FileLock other(folder / "b");
    write_file(folder / "a", "it may be written to, and replaced");
    std::filesystem::rename(folder / "a", folder / "c");
    EXPECT_TRUE(fails<IoError>([&] { const FileLock second(folder / "a"); }, {"another training"}));
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"c"});  // nothing is left behind
}

TEST(FileLock, OfTheFileThatALinkLeadsTo) {
  const Folder folder;
  write_file(folder / "a", "");
  std::filesystem::create_symlink("a", folder / "link");
  const FileLock lock(folder / "link");
  EXPECT_TRUE(fails<IoError>([&] { const FileLock second(folder / "a"); }, {folder / "a"}));
}

TEST(FileLock, GoesWithItsProcess) {
  const Folder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FileLock lock(folder / "a");
    (void)!write(ready[1], "!", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(fails<IoError>([&] { const FileLock lock(folder / "a"); }, {"another training"}));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  { const FileLock lock(folder / "a"); }
  EXPECT_TRUE(folder.names().empty());
}

TEST(FileLock, LetsPassWhatItCannotLock) {
  const Folder folder;
  for (const std::string& path : {std::string("/dev/null"), folder / "none/a", folder.path().string()}) {
    const FileLock lock(path);
    EXPECT_NO_THROW(FileLock{path}) << path;
  }
  EXPECT_NO_THROW(FileLock(folder / std::string(255, 'n')));  // as long as a name can be
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace hubel::test
