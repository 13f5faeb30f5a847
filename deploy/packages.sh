# Debian packages by what needs them; sourced by deploy/quickstart and tests/run.

# A program and the package that brings it, by purpose.
packages_for() {
  case "$1" in
    quickstart) printf '%s\n' "cc build-essential" "ffmpeg ffmpeg" ;;
    tests)
      packages_for quickstart
      printf '%s\n' "tshark tshark" "sipp sip-tester" "promtool prometheus" "gst-launch-1.0 gstreamer1.0-tools" \
        "ip iproute2" "ethtool ethtool" "faketime faketime" "systemd-analyze systemd" "valgrind valgrind"
      ;;
  esac
}

# Packages without a program of their own.
libraries_for() {
  case "$1" in
    tests)
      printf '%s\n' gir1.2-gst-rtsp-server-1.0 python3-gi python3-seccomp python3-venv \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
      ;;
  esac
}

# Installs what is missing, as root or by sudo.
install_packages() {
  local missing=() program package
  while read -r program package; do
    command -v "$program" >/dev/null || missing+=("$package")
  done < <(packages_for "$1")
  while read -r package; do
    [ -z "$package" ] || dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done < <(libraries_for "$1")
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "needs root or sudo to install: ${missing[*]}" >&2; exit 2; }
    sudo=(sudo)
  fi
  echo "installing: ${missing[*]}"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  # prometheus brings promtool; its service is not wanted here and not started where there is no systemd.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
