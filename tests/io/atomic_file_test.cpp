// Files that appear whole or not at all.
#include "files/atomic_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/io_testing.hpp"

namespace hubel::test {
namespace {

namespace fs = std::filesystem;
using detail::AtomicFile;

void put(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

TEST(AtomicFile, WritesAndReplaces) {
  const Folder folder;
  put(folder / "a", "first");
  EXPECT_EQ(read_file(folder / "a"), "first");
  put(folder / "a", "second, and longer");
  EXPECT_EQ(read_file(folder / "a"), "second, and longer");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, LeavesNothingWithoutACommit) {
  const Folder folder;
  write_file(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write(std::as_bytes(std::span(std::string_view("new"))));
    EXPECT_EQ(read_file(folder / "a"), "old");
    EXPECT_EQ(folder.names().size(), 2u);
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, HasTheUsersPermissions) {
  const Folder folder;
  const mode_t before = umask(027);
  put(folder / "a", "x");
  umask(before);
  struct stat info;
  ASSERT_EQ(stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(AtomicFile, LongestNames) {
  const Folder folder;
  const std::string name(255, 'n');
  put(folder / name, "x");
  EXPECT_EQ(folder.names(), std::vector<std::string>{name});
}

TEST(AtomicFile, FollowsLinks) {
  const Folder folder;
  fs::create_directory(folder / "sub");
  write_file(folder / "sub/real", "old");
  fs::create_symlink("sub/real", folder / "link");
  fs::create_symlink("link", folder / "link2");
  put(folder / "link2", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link2"));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "sub/real"), "new");
  fs::create_symlink(folder / "sub/later", folder / "dangling");
  put(folder / "dangling", "there");
  EXPECT_TRUE(fs::is_symlink(folder / "dangling"));
  EXPECT_EQ(read_file(folder / "sub/later"), "there");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_TRUE(fails<IoError>([&] { put(folder / "loop", "x"); }, {folder / "loop", "symbolic links"}));
}

TEST(AtomicFile, RefusesWhatIsNoRegularFile) {
  const Folder folder;
  fs::create_directory(folder / "sub");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(fails<IoError>([&] { put(folder / "sub", "x"); }, {folder / "sub", "Is a directory"}));
  EXPECT_TRUE(fails<IoError>([&] { put(folder / "pipe", "x"); }, {folder / "pipe", "not a regular file"}));
  EXPECT_TRUE(fails<IoError>([&] { put("/dev/null", "x"); }, {"/dev/null", "not a regular file"}));
  EXPECT_TRUE(fails<IoError>([&] { put("", "x"); }, {"not a file's name"}));
  EXPECT_TRUE(fails<IoError>([&] { put(folder / "new/", "x"); }, {"new/", "not a file's name"}));
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"pipe", "sub"}));
}

TEST(AtomicFile, TellsWhyItCannotBeMade) {
  const Folder folder;
  write_file(folder / "file", "x");
  EXPECT_TRUE(fails<IoError>([&] { put(folder / "absent/a", "x"); }, {folder / "absent/a", "No such file"}));
  EXPECT_TRUE(fails<IoError>([&] { put(folder / "file/a", "x"); }, {folder / "file/a", "Not a directory"}));
}

// Root may write anywhere, so a child process tries it that is nobody.
TEST(AtomicFile, UnwritableFolder) {
  const Folder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  fs::create_directory(folder / "sub");
  write_file(folder / "sub/a", "old");
  fs::permissions(folder / "sub", fs::perms(0555));
  const auto tried_by_nobody = [&] {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) return false;
    return bool(fails<IoError>([&] { put(folder / "sub/a", "x"); }, {folder / "sub/a", "Permission denied"}));
  };
  EXPECT_EXIT(std::exit(tried_by_nobody() ? 0 : 1), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(read_file(folder / "sub/a"), "old");
  fs::permissions(folder / "sub", fs::perms::owner_all);
}

TEST(AtomicFile, FullDiskLeavesTheOldFile) {
  const Folder folder;
  write_file(folder / "a", "old");
  const std::string large(100'000, 'x');
  {
    const SizeLimit limit(50'000);
    EXPECT_TRUE(fails<IoError>([&] { put(folder / "a", large); }, {folder / "a", "File too large"}));
    EXPECT_TRUE(fails<IoError>([&] { put(folder / "b", large); }, {folder / "b", "File too large"}));
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace hubel::test
