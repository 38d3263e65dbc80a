// read_tar: what GNU tar and POSIX write, what is passed over, and archives that lie.
#include "data/tar.hpp"

#include "tar_files.hpp"

namespace hubel::test {
namespace {

constexpr std::size_t kMany = 1 << 20;

std::map<std::string, Bytes> read(const Bytes& bytes, std::size_t max_bytes = kMany) {
  return detail::read_tar(bytes, "a.tar", max_bytes, [](const std::string&) { return true; });
}

::testing::AssertionResult refuses(const Bytes& bytes, std::vector<std::string> parts, std::size_t max_bytes = kMany) {
  parts.push_back("a.tar: ");
  return throws<FormatError>([&] { read(bytes, max_bytes); }, parts);
}

TEST(Tar, ReadsFilesPlainAndPacked) {
  const Bytes bytes = tar({{"x", to_bytes("one")}, {"d/y", Bytes(512)}, {"empty"}, {"z", Bytes(1000), '\0'}});
  for (const Bytes& archive : {bytes, gzipped(bytes)}) {
    const auto files = read(archive);
    ASSERT_EQ(files.size(), 4u);
    EXPECT_EQ(files.at("x"), to_bytes("one"));
    EXPECT_EQ(files.at("d/y"), Bytes(512));
    EXPECT_EQ(files.at("empty"), Bytes());
    EXPECT_EQ(files.at("z"), Bytes(1000));
  }
  EXPECT_EQ(read(tar({{"x", to_bytes("one")}}, 0)).size(), 1u);  // without the blocks that end it
  EXPECT_TRUE(read(tar({})).empty());
}

TEST(Tar, JoinsAPrefix) {
  TarEntry entry{"name", to_bytes("x")};
  entry.prefix = "long/folder";
  EXPECT_TRUE(read(tar({entry})).contains("long/folder/name"));
}

TEST(Tar, PassesOverWhatIsNoFileOrNotWanted) {
  const Bytes bytes = tar({{"pax", to_bytes("20 path=/etc/passwd\n"), 'x'},
                           {"d/", {}, '5'},
                           {"../../link", {}, '2'},
                           {"large", Bytes(100000)},
                           {"wanted", to_bytes("this")}});
  const auto files = detail::read_tar(bytes, "a.tar", kMany, [](const std::string& name) { return name != "large"; });
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files.at("wanted"), to_bytes("this"));
}

TEST(Tar, RefusesWhatIsNone) {
  EXPECT_TRUE(refuses({}, {"not a tar archive"}));
  EXPECT_TRUE(refuses(to_bytes("text"), {"not a tar archive"}));
  EXPECT_TRUE(refuses(Bytes(512, std::byte{'x'}), {"not a tar archive"}));
  Bytes second = tar({{"x", to_bytes("one")}, {"y"}});
  second[1024] ^= std::byte{1};
  EXPECT_TRUE(refuses(second, {"damaged", "byte 1024"}));
  EXPECT_TRUE(refuses(tar({{"x"}, {"x"}}), {"x twice"}));
  TarEntry entry{"x"};
  entry.size_field = "12345670";
  EXPECT_TRUE(refuses(tar({entry}), {"promises 2739128 bytes", "cannot hold"}));
  entry.size_field = "\x80\x01";
  EXPECT_TRUE(refuses(tar({entry}), {"size is no number"}));
}

TEST(Tar, KeepsToTheLimit) {
  const Bytes bytes = tar({{"x", Bytes(3000)}});
  EXPECT_EQ(read(bytes, bytes.size()).size(), 1u);
  EXPECT_TRUE(refuses(bytes, {"limit of 3000 bytes"}, 3000));
  // What is passed over counts too: a bomb need not be wanted.
  EXPECT_TRUE(refuses(gzipped(tar({{"x", Bytes(1 << 22), 'x'}})), {"limit of 1048576 bytes"}));
  EXPECT_TRUE(refuses(gzipped(tar({{"x"}}, 10000)), {"limit of 1048576 bytes"}));
}

TEST(Tar, SurvivesDamage) {
  const Bytes bytes = tar({{"x", Bytes(700)}, {"y", Bytes(10)}});
  // Cut at the end of an entry it is one without end blocks: 1536, 2560 and the blocks after them.
  EXPECT_EQ(survive_damage(bytes, 1, [](const Bytes& b) { read(b); }), 1 + 1024 - 511);
  EXPECT_EQ(survive_damage(gzipped(bytes), 1, [](const Bytes& b) { read(b); }), 0);
}

}  // namespace
}  // namespace hubel::test
