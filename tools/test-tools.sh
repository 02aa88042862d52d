#!/bin/sh
# Installs what the tests compare with and compile samples by, where it is missing: no user of stapkit needs any of it.
set -u
missing=
for pair in groff:groff-base man:man-db zsh:zsh bash:bash sshd:openssh-server ssh:openssh-client g++:g++ readelf:binutils zstd:zstd lz4:lz4 bzip2:bzip2 openssl:openssl dwz:dwz lzop:lzop bpftool:bpftool pgrep:procps ss:iproute2 modprobe:kmod strace:strace; do
	PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
# The examples that must run unchanged.
[ -f /usr/share/systemtap/examples/io/iotime.stp ] || missing="$missing systemtap-doc"
[ -z "$missing" ] && exec sh tools/debug-files.sh
printf 'stapkit: installing what the tests need:%s …\n' "$missing" >&2
# shellcheck disable=SC2086
if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >.stapkit/test-tools.log 2>&1; then
	tail -n 5 .stapkit/test-tools.log >&2
	printf 'stapkit: as root: apt-get install%s\n' "$missing" >&2
	exit 1
fi
exec sh tools/debug-files.sh
