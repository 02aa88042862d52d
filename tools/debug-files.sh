#!/bin/sh
# Fetches the debug files that the guest tests need, where they are missing: the guest kernel's vmlinux and one module's,
# out of Debian's -dbg package (some 860 MB to fetch, of which 640 MB are kept). They go to debug/ in stapkit's cache,
# where stap looks for them too. STAPKIT_DEBUG_RELEASE names another kernel than the newest of the guest's.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stapkit
release=${STAPKIT_DEBUG_RELEASE:-$(ls "$cache/guest" 2>/dev/null | sort -V | tail -n 1)}
[ -n "$release" ] || exit 0
# shellcheck disable=SC2043
for folder in /usr/lib/debug "$cache/debug" $(printf %s "${SYSTEMTAP_DEBUGINFO_PATH:-}" | tr ':' ' '); do
	[ -f "$folder/boot/vmlinux-$release" ] && [ -f "$folder/lib/modules/$release/kernel/drivers/net/dummy.ko" ] && exit 0
done
package=linux-image-$release-dbg
printf 'stapkit: fetching debug information for the tests (%s, 860 MB) …\n' "$package" >&2
work=$cache/debug.new
rm -rf "$work"
mkdir -p "$work/deb" "$work/tree"
trap 'rm -rf "$work"' EXIT
if ! (cd "$work/deb" && apt-get download "$package") >"$work/log" 2>&1; then
	tail -n 5 "$work/log" >&2
	exit 1
fi
dpkg-deb --fsys-tarfile "$work"/deb/*.deb | tar -x -C "$work/tree" --strip-components=4 \
	"./usr/lib/debug/boot/vmlinux-$release" "./usr/lib/debug/lib/modules/$release/kernel/drivers/net/dummy.ko"
mkdir -p "$cache/debug/boot" "$cache/debug/lib/modules/$release/kernel/drivers/net"
mv "$work/tree/lib/modules/$release/kernel/drivers/net/dummy.ko" \
	"$cache/debug/lib/modules/$release/kernel/drivers/net/dummy.ko"
# Last: what is there is whole.
mv "$work/tree/boot/vmlinux-$release" "$cache/debug/boot/vmlinux-$release"
