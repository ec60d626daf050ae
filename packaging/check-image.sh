#!/usr/bin/env bash
# Builds the Dockerfile and runs the image: as the user it names, with the command
# it names, until it is healthy; then ends it as a container is ended.
#
# No registry is asked: the two base images are stood in for by ones of the same
# names, made of this machine's Go and of what the real ones hold that matters here
# (certificates, the users root and nonroot, no shell). Needs root, buildah and
# busybox-static.
set -euo pipefail
cd "$(dirname "$0")/.."

for need in buildah busybox; do
  command -v $need >/dev/null || { echo "SKIP image: no $need"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP image: not root"; exit 0; }

work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
b() { buildah --root "$work/store" --runroot "$work/run" "$@"; }
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  b rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

certificates=/etc/ssl/certs/ca-certificates.crt
# base NAME: an empty image that is being filled, mounted at $root.
base() { container=$(b from scratch); root=$(b mount "$container"); mkdir -p "$root/tmp" "$root/etc/ssl/certs"; chmod 1777 "$root/tmp"; cp $certificates "$root/etc/ssl/certs/"; }
keep() { b umount "$container" >/dev/null; b commit -q --rm "$container" "$1" >/dev/null; }

base
mkdir -p "$root/bin" "$root/usr/local" "$root/root"
cp "$(command -v busybox)" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
ln -s busybox "$root/bin/mkdir"
cp -r "$(go env GOROOT)" "$root/usr/local/go"
b config --env PATH=/usr/local/go/bin:/bin --env GOPATH=/go "$container"
keep docker.io/library/golang:1.26

base
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
b config --user nonroot "$container"
keep gcr.io/distroless/static-debian12:nonroot

b build -q --format docker --pull-never --network host \
  -v "$(go env GOMODCACHE)":/go/pkg/mod -v "$(go env GOCACHE)":/root/.cache/go-build \
  -f packaging/Dockerfile -t voile . >/dev/null
image() { b inspect --type image --format "{{$1}}" voile; }
container=$(b from --pull-never voile)
read -r -a command <<<"$(image 'range .Docker.Config.Entrypoint}}{{.}} {{end}}{{range .Docker.Config.Cmd}}{{.}} {{end')"
read -r -a health <<<"$(image 'range .Docker.Config.Healthcheck.Test}}{{.}} {{end')"
user=$(image .Docker.Config.User)
echo "image: ${command[*]} as $user"
[ "$user" = nonroot ] || { echo "image: runs as $user"; exit 1; }
if b run "$container" -- /bin/sh -c true 2>/dev/null; then echo "image: has a shell"; exit 1; fi

# A network of its own, so that no port of this machine is in the way.
unshare --net -- buildah --root "$work/store" --runroot "$work/run" run --user "$user" "$container" -- "${command[@]}" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 60); do
  if b run --user "$user" "$container" -- "${health[@]:1}" >"$work/health" 2>&1; then healthy=yes; break; fi
  kill -0 "$server" 2>/dev/null || break
  sleep 0.5
done
if [ -z "${healthy:-}" ]; then echo "image: not healthy"; cat "$work/health" "$work/log"; exit 1; fi
cat "$work/health"
pkill -TERM -f "^${command[*]}" || { echo "image: no process to end"; exit 1; }
wait "$server" || { echo "image: exit code $? after $(image .Docker.Config.StopSignal 2>/dev/null || echo SIGTERM)"; tail "$work/log"; exit 1; }
server=
echo "image: healthy, and ends at once when told to: ok"
