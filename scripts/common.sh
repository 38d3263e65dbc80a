# Shared by the scripts: messages, Debian packages, builds. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# What the library and the command are built with, and what the tests need beside it.
BUILD_PACKAGES=(g++ cmake ninja-build pkg-config libhwy-dev libfmt-dev libcli11-dev nlohmann-json3-dev zlib1g-dev
  libcurl4-openssl-dev libssl-dev libzip-dev libpng-dev libjpeg-dev)
TEST_PACKAGES=(ccache libgtest-dev python3 python3-venv python3-dev)

# install_packages PACKAGE...: installs with apt what is missing. Where that cannot be done it says what is missing and
# goes on: the build then names the library it wants, if it is one that it cannot do without.
install_packages() {
  local missing=() package
  command -v dpkg-query >/dev/null || { warn "this is not Debian or Ubuntu; install the likes of: $*"; return 0; }
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { warn "without root or sudo these packages stay missing: ${missing[*]}"; return 0; }
    as_root=(sudo)
  fi
  say "Installing with apt: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >apt.log 2>&1; then
    tail -n 5 apt.log >&2
    warn "apt could not install all of: ${missing[*]}"
  fi
  rm -f apt.log
}

# Where ccache is installed, what one build has compiled serves the next: the Python package is made of the same files
# with the same options as the command. Its cache lies in build/ like all that is made.
use_ccache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_DIR="$PWD/build/ccache"
}

# build PRESET TARGET...: configures build/PRESET and builds the targets (all when none is named). What the compiler
# prints is shown when it fails.
build() {
  local preset=$1
  shift
  local log="build/$preset.log"
  mkdir -p build
  use_ccache
  say "Building ($preset; the first time takes some minutes)"
  if ! cmake --preset "$preset" ${CMAKE_OPTIONS:-} >"$log" 2>&1; then
    grep -A 8 'CMake Error' "$log" >&2 || tail -n 20 "$log" >&2
    fail "cmake could not configure build/$preset (all it said: $log)"
  fi
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  if [ -t 1 ]; then
    # ninja's own line of progress
    cmake --build --preset "$preset" "${targets[@]}" || fail "the build in build/$preset failed"
  elif ! cmake --build --preset "$preset" "${targets[@]}" >>"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "the build in build/$preset failed (all it said: $log)"
  fi
}
