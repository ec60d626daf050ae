#!/bin/sh
# Prints a Python that has what requirements.txt names, in an environment of its
# own below ~/.cache/voile-python, which is made if there is none for this
# version of Python and these requirements. With --find it prints the Python
# that the environment would be made of, and makes nothing.
#
# Exit 3, with the reason on stderr: there is no fit Python, or the packages
# cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
least="(3, 12, 5)" # the client's own minimum

find_python() {
  for p in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.14 python3.12 "$HOME"/.pyenv/versions/3.*/bin/python3; do
    if "$p" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < $least)" >/dev/null 2>&1; then
      "$p" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  echo "no Python 3.12.5 or newer with venv: not on the path, not of pyenv; PYTHON=/path/to/python3 names one" >&2
  return 3
}

python=$(find_python)
if [ "${1:-}" = --find ]; then
  echo "$python"
  exit
fi
version=$("$python" -c 'import platform; print(platform.python_version())')
requirements=$(cksum <"$here/requirements.txt" | tr ' ' -)
home=${XDG_CACHE_HOME:-$HOME/.cache}/voile-python/$version-$requirements
if [ ! -e "$home/complete" ]; then
  rm -rf "$home"
  mkdir -p "$(dirname "$home")"
  "$python" -m venv "$home" >&2
  if ! "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2; then
    echo "the packages of requirements.txt could not be installed" >&2
    exit 3
  fi
  : >"$home/complete"
fi
echo "$home/bin/python"
