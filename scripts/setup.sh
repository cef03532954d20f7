#!/bin/sh
# Make the virtual environment and install exactly what is pinned, by hash. Safe to repeat.
set -eu

say() { printf '%s\n' "$*" >&2; }

"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
    say "Counterseal needs Python 3.11, 3.12 or 3.13; $PYTHON is $("$PYTHON" --version 2>&1)."
    say "Name another one: make PYTHON=python3.12 …"
    exit 1
}

# Debian and Ubuntu keep ensurepip in a package of its own.
if [ ! -x "$VENV/bin/python" ] && ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    sudo=
    [ "$(id -u)" = 0 ] || sudo="sudo -n"
    say "Python has no venv module here; installing python$version-venv."
    if ! { command -v apt-get >/dev/null && $sudo apt-get update -qq && $sudo apt-get install -y -qq "python$version-venv" >/dev/null; }; then
        say "That did not work. Install python$version-venv (Debian, Ubuntu) and try again."
        exit 1
    fi
fi

[ -x "$VENV/bin/pip" ] || { say "Making $VENV"; "$PYTHON" -m venv --clear "$VENV"; }
say "Installing pinned packages (first time: a minute or so)"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
VIRTUAL_ENV="$VENV" "$VENV/bin/uv" pip sync --quiet --require-hashes requirements/dev.txt requirements/uv.txt
VIRTUAL_ENV="$VENV" "$VENV/bin/uv" pip install --quiet --no-deps --no-build-isolation -e client -e verify
