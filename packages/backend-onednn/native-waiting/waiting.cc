// Loads OpenMP's runtime so that its threads spin only briefly while they wait for each other, and then sleep (decision
// 0150). The runtime reads this setting once, when it is loaded, so this small addon is loaded before the engine.
#include <dlfcn.h>
#include <node_api.h>

#include <cstdlib>
#include <vector>

extern char **environ;

namespace {

// Number of rounds that a thread spins before it sleeps.
char spin_count[] = "GOMP_SPINCOUNT=1000";

// Keeps a setting of the user. The environment is not changed, because other threads may read it at the same time and
// child processes would inherit the change: a longer copy takes its place while the runtime is loaded. The copy stays,
// for threads that still read it.
bool load_runtime() {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return false;
  static std::vector<char *> copy{spin_count};
  for (char **entry = environ; entry != nullptr && *entry != nullptr; entry++) copy.push_back(*entry);
  copy.push_back(nullptr);
  char **const own = environ;
  environ = copy.data();
  // If this fails, loading the engine fails too, with a message.
  dlopen("libgomp.so.1", RTLD_NOW);
  environ = own;
  return true;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env, napi_value exports) {
  static const bool loaded = load_runtime();
  static_cast<void>(loaded);
  return exports;
}
