// FolderDataset: images decoded when a batch asks for them, with a cache of those that were.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "data/bytes.hpp"
#include "data/folder_images.hpp"
#include "data/pixels.hpp"
#include "hubel/image_folder.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

// Decoded images by number, as long as there is room. Threads fill it at once; what is in it stays.
class ImageCache {
 public:
  ImageCache(std::size_t images, std::size_t image_bytes, std::size_t max_bytes)
      : slots_(images), image_bytes_(image_bytes), room_(image_bytes == 0 ? 0 : max_bytes / image_bytes) {}
  ~ImageCache() {
    for (const auto& slot : slots_) delete[] slot.load();
  }
  ImageCache(const ImageCache&) = delete;
  ImageCache& operator=(const ImageCache&) = delete;

  // Null when it is not there.
  const std::uint8_t* find(std::size_t i) const { return slots_[i].load(std::memory_order_acquire); }

  void keep(std::size_t i, const std::uint8_t* bytes) {
    if (count_.fetch_add(1) >= room_) {
      --count_;
      return;
    }
    auto copy = std::make_unique<std::uint8_t[]>(image_bytes_);
    std::memcpy(copy.get(), bytes, image_bytes_);
    const std::uint8_t* empty = nullptr;
    if (slots_[i].compare_exchange_strong(empty, copy.get(), std::memory_order_release)) {
      copy.release();
    } else {
      --count_;  // another thread was faster with the same image
    }
  }

 private:
  std::vector<std::atomic<const std::uint8_t*>> slots_;
  std::size_t image_bytes_, room_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace

struct FolderDataset::Part {
  Part(std::vector<detail::ListedImage> listed, const detail::ImageForm& image_form, std::size_t cache_bytes)
      : images(std::move(listed)), form(image_form), cache(images.size(), form.bytes(), cache_bytes) {}

  // Calls use(bytes) with image i's.
  template <class Use>
  void with_image(std::size_t i, const Use& use) const {
    if (const std::uint8_t* cached = cache.find(i)) return use(cached);
    thread_local std::vector<std::uint8_t> decoded;
    decoded.resize(form.bytes());
    form.decode(images[i].path, decoded.data());
    cache.keep(i, decoded.data());
    use(decoded.data());
  }

  std::vector<detail::ListedImage> images;
  detail::ImageForm form;
  mutable ImageCache cache;
};

std::int64_t FolderDataset::count() const { return part_ ? std::ssize(part_->images) : 0; }

Shape FolderDataset::sample_shape() const { return part_ ? part_->form.shape : Shape{0, 0, 0}; }

const std::string& FolderDataset::path(std::int64_t i) const { return part_->images[static_cast<std::size_t>(i)].path; }

std::int32_t FolderDataset::label(std::int64_t i) const { return part_->images[static_cast<std::size_t>(i)].label; }

void FolderDataset::gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const {
  for (std::int64_t i = 0; i < n; ++i) {
    if (indices[i] < 0 || indices[i] >= count()) {
      throw std::invalid_argument(
          detail::formatted("FolderDataset::gather: index {} is not in 0 ... {}", indices[i], count() - 1));
    }
    if (labels != nullptr) labels[i] = label(indices[i]);
  }
  constexpr double kFlopsAnImage = 1e6;  // to decode it
  const std::int64_t size = sample_shape().elements();
  detail::FirstFailure failure;
  detail::parallel_for(n, kFlopsAnImage * static_cast<double>(n), [&](std::int64_t i) {
    if (!failure.wants(i)) return;
    try {
      part_->with_image(static_cast<std::size_t>(indices[i]),
                        [&](const std::uint8_t* bytes) { detail::write_pixels(bytes, size, out + i * size); });
    } catch (...) {
      failure.note(i);
    }
  });
  failure.rethrow();
}

FolderSplits FolderSplits::open(const std::string& folder, const ImageFolderOptions& options,
                                const ReadLimits& limits) {
  return detail::with_memory_for(folder, [&] {
    detail::FolderListing listing = detail::list_image_folder(folder);
    const detail::ImageForm form = detail::image_form("FolderSplits::open", listing, options, limits);
    FolderSplits splits;
    splits.source = folder;
    splits.class_names = std::move(listing.class_names);
    std::size_t room = options.cache_bytes;  // the parts share it: the training images have it first
    const auto open_part = [&](std::vector<detail::ListedImage>& images) {
      if (options.on_broken == OnBroken::skip) {
        const auto decode = [&](std::size_t i) {
          std::vector<std::uint8_t> bytes(form.bytes());
          form.decode(images[i].path, bytes.data());
        };
        const std::vector<std::size_t> broken =
            detail::visit_images(images.size(), options.on_broken, limits, folder, decode, splits.skipped);
        for (auto i = broken.rbegin(); i != broken.rend(); ++i) {
          images.erase(images.begin() + static_cast<std::ptrdiff_t>(*i));
        }
      }
      const std::size_t share = std::min(room, images.size() * form.bytes());
      room -= share;
      return FolderDataset(std::make_shared<const FolderDataset::Part>(std::move(images), form, share));
    };
    splits.train = open_part(listing.train);
    splits.validation = open_part(listing.validation);
    splits.test = open_part(listing.test);
    return splits;
  });
}

}  // namespace hubel
