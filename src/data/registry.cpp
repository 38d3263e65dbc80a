// The list of named data sets. The MD5s are those that their authors, or torchvision for MNIST, publish; every file has
// one, so that no mirror need be trusted.
#include "data/registry.hpp"

namespace hubel::detail {
namespace {

// The four files that MNIST and its kin have, in this order of their checksums.
std::vector<PublishedFile> idx_files(const std::vector<std::string>& md5s) {
  std::vector<PublishedFile> files;
  for (const char* stem :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    files.push_back({std::string(stem) + ".gz", md5s[files.size()], stem});
  }
  return files;
}

NamedData mnist() {
  return {"mnist",
          idx_files({"f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
                     "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"}),
          {"https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"},
          {},
          "",
          "set HUBEL_DATA_DIR to a folder that has it as mnist"};
}

// Names: Xiao, Rasul & Vollgraf, "Fashion-MNIST", table 2.
NamedData fashion_mnist() {
  return {"fashion-mnist",
          idx_files({"8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
                     "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"}),
          {"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
           "https://storage.googleapis.com/tensorflow/tf-keras-datasets"},
          {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
          "/usr/share/datasets/fashion-mnist",
          "install it with apt-get install dataset-fashion-mnist"};
}

// Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018; the classes are syllables.
NamedData kmnist() {
  return {"kmnist",
          idx_files({"bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344",
                     "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134"}),
          {"https://codh.rois.ac.jp/kmnist/dataset/kmnist"},
          {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"},
          "",
          ""};
}

NamedData cifar(const std::string& name, const std::string& file, const std::string& md5, const std::string& unpacked) {
  return {
      name, {{file, md5, unpacked}}, {"https://www.cs.toronto.edu/~kriz", "https://www.cs.utoronto.ca/~kriz"}, {}, "",
      ""};
}

}  // namespace

std::span<const NamedData> named_data() {
  static const std::vector<NamedData> all{
      mnist(), fashion_mnist(), kmnist(),
      cifar("cifar10", "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530",
            "cifar-10-batches-bin/test_batch.bin"),
      cifar("cifar100", "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary/test.bin")};
  return all;
}

const NamedData* find_named_data(const std::string& name) {
  for (const NamedData& data : named_data()) {
    if (data.name == name) return &data;
  }
  return nullptr;
}

}  // namespace hubel::detail
