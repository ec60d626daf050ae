#!/bin/sh
# Installs the npm packages of package-lock.json into a cache of their own, so that
# other checkouts have them too, and links node_modules to it. An argument is another
# folder that has both files.
set -eu
cd "${1:-$(dirname "$0")/..}"
sum=$(cat package.json package-lock.json | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/voile-web/$sum
if [ ! -e "$cache/installed" ]; then
  mkdir -p "$cache"
  cp package.json package-lock.json "$cache/"
  (cd "$cache" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error)
  touch "$cache/installed"
fi
[ -L node_modules ] || rm -rf node_modules
ln -sfn "$cache/node_modules" node_modules
