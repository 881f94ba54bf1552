# Sourced by scripts that set up a fresh machine: what is missing is installed, with apt.

me=$(basename "$0")
say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

# need COMMAND-OR-FILE PACKAGE…: installs the packages where the first is missing.
need() {
  local probe=$1; shift
  case $probe in
    /*) [ ! -e "$probe" ] || return 0 ;;
    *) ! command -v "$probe" >/dev/null || return 0 ;;
  esac
  say "installing $* ($probe is missing)"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
      install --no-install-recommends "$@" >/dev/null 2>&1 ||
    die "cannot install it; as root: apt-get install $*"
}

# What a build and script/servers need.
need_toolchain() {
  # rustup's default place is not on the PATH of a shell that did not log in.
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
  # Debian has rustup from release 13 on; it then fetches the version that rust-toolchain.toml names.
  command -v cargo >/dev/null || need rustup rustup
  command -v cargo >/dev/null || die "cargo is missing; https://rustup.rs installs it"
  need cc gcc libc6-dev
  need openssl openssl
  need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
}
