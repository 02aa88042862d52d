#!/bin/sh
# Makes a checkout ready to run: installs the npm packages and bundles the command lines. Safe to run by several at once,
# and cheap where nothing has changed. Everything it says goes to standard error; what it does is told on a terminal only.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
state=$root/.stapkit
log=$state/bootstrap.log

say() { if [ -t 2 ]; then printf 'stapkit: %s\n' "$*" >&2; fi; }
fail() {
	printf 'stapkit: %s\n' "$1" >&2
	[ -f "$log" ] && tail -n 15 "$log" | sed 's/^/    /' >&2
	exit 1
}
# Runs a command with its output in the log.
run() {
	"$@" >>"$log" 2>&1
}

command -v node >/dev/null 2>&1 || fail 'Node.js 20 or newer is needed; on Debian: apt-get install nodejs npm'
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
	fail "Node.js 20 or newer is needed; this one is $(node --version)"
command -v npm >/dev/null 2>&1 || fail 'npm is needed; on Debian: apt-get install npm'
mkdir -p "$state" 2>/dev/null || fail "cannot write to $root"

# One at a time: the lock is a file that flock(1) of util-linux holds, so that it goes with its holder.
if [ -z "${STAPKIT_BOOTSTRAP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
	STAPKIT_BOOTSTRAP_LOCKED=1 exec flock "$state/lock" sh "$0" "$@"
fi
: >"$log"

cd "$root" || exit 1
manager=$(sed -n 's/.*"packageManager": *"\([^"]*\)".*/\1/p' package.json)
if [ ! -f node_modules/.modules.yaml ] || [ -n "$(find pnpm-lock.yaml package.json packages/*/package.json -newer node_modules/.modules.yaml 2>/dev/null)" ]; then
	say 'installing npm packages …'
	run npm exec --yes --package="$manager" -- pnpm install --frozen-lockfile --prefer-offline ||
		fail "installing npm packages failed; the end of $log:"
	touch node_modules/.modules.yaml
fi
say 'building the command line …'
run node tools/bundle.mjs || fail "building failed; the end of $log:"
say 'ready'
