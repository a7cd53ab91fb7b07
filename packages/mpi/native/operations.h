// The collective operations. Each begins with an exchange of headers, so that ranks that disagree are found.
#pragma once

#include <cstdint>
#include <vector>

#include "job.h"

namespace vgg {

class Barrier : public Operation {
 public:
  Header header() const override { return {0, kBarrier, 0, 0, 0}; }
  void run(Job &, const std::vector<Header> &) override {}
};

// Leaves the job, with all other ranks.
class Close : public Operation {
 public:
  Header header() const override { return {0, kClose, 0, 0, 0}; }
  void run(Job &, const std::vector<Header> &) override {}
};

class Broadcast : public Operation {
 public:
  Broadcast(uint8_t *bytes, size_t count, int root) : bytes_(bytes), count_(count), root_(root) {}
  Header header() const override { return {0, kBroadcast, static_cast<int64_t>(count_), root_, 0}; }
  void run(Job &job, const std::vector<Header> &headers) override;

 private:
  uint8_t *bytes_;
  size_t count_;
  int root_;
};

class Gather : public Operation {
 public:
  Gather(const uint8_t *bytes, size_t count) : bytes_(bytes), count_(count) {}
  Header header() const override { return {0, kGather, 0, 0, static_cast<int64_t>(count_)}; }
  void run(Job &job, const std::vector<Header> &headers) override;

  // What each rank gave.
  std::vector<std::vector<uint8_t>> results;

 private:
  const uint8_t *bytes_;
  size_t count_;
};

// Adds partial sums in the plan's order. Rank q adds up the q-th part of the numbers and sends the sums to all others.
// Every element is added in the same order, so the bits do not depend on the number of ranks.
class Sum : public Operation {
 public:
  Sum(float *result, size_t count, std::vector<const float *> parts, Plan plan, int64_t terms)
      : result_(result), count_(count), parts_(std::move(parts)), plan_(std::move(plan)), terms_(terms) {}
  Header header() const override { return {0, kSum, static_cast<int64_t>(count_), terms_, 0}; }
  void run(Job &job, const std::vector<Header> &headers) override;

 private:
  class Segment;

  float *result_;
  size_t count_;
  std::vector<const float *> parts_;
  Plan plan_;
  int64_t terms_;
};

}  // namespace vgg
