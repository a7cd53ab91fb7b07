// A cache of oneDNN primitives, by a text that describes what they compute. Creating a primitive takes milliseconds,
// because oneDNN generates machine code for it.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "dnnl_versions.h"

namespace vgg {

// Builds the text that identifies an operation.
class Key {
 public:
  explicit Key(const char *operation) : text_(operation) {}

  template <typename Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  Key &add(Number number) {
    text_ += ' ';
    text_ += std::to_string(number);
    return *this;
  }

  template <typename Numbers, std::enable_if_t<!std::is_arithmetic_v<Numbers>, int> = 0>
  Key &add(const Numbers &numbers) {
    text_ += " [";
    for (const auto number : numbers) add(number);
    text_ += ']';
    return *this;
  }

  const std::string &text() const { return text_; }

 private:
  std::string text_;
};

struct CachedPrimitive {
  std::string key;
  dnnl::primitive primitive;
  dnnl::memory::desc source;
  dnnl::memory::desc weights;
  dnnl::memory::desc destination;
  dnnl::memory::desc scratchpad;
};

// Drops the least recently used primitive when `limit` is exceeded. Not safe to use from several threads.
class PrimitiveCache {
 public:
  explicit PrimitiveCache(size_t limit) : limit_(limit) {}

  // Returns a shared pointer, so that a primitive in use survives its removal from the cache.
  std::shared_ptr<const CachedPrimitive> get(const Key &key, const std::function<CachedPrimitive()> &make) {
    const auto found = index_.find(key.text());
    if (found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return *found->second;
    }
    auto made = std::make_shared<CachedPrimitive>(make());
    made->key = key.text();
    entries_.push_front(std::move(made));
    index_[key.text()] = entries_.begin();
    if (entries_.size() > limit_) {
      index_.erase(entries_.back()->key);
      entries_.pop_back();
    }
    return entries_.front();
  }

  size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::shared_ptr<const CachedPrimitive>>;
  const size_t limit_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> index_;
};

}  // namespace vgg
