// --remote against two real sshd's on loopback, all in the guest: the driver there is one machine, each sshd another.
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { beforeAll, expect, test } from 'vitest';
import { root } from './harness.js';

async function inGuest(script: string) {
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  try {
    let stdout = '';
    let stderr = '';
    const { code } = await guest.exec({
      argv: ['sh', '-c', `stap() { ${join(root, 'stap')} "$@"; }\ncd /tmp || exit\n${script}`],
      onStdout: (chunk) => {
        stdout += Buffer.from(chunk).toString('utf8');
      },
      onStderr: (chunk) => {
        stderr += Buffer.from(chunk).toString('utf8');
      },
    });
    return { code, stdout, stderr };
  } finally {
    await guest.close();
  }
}

// Keys, configuration and known hosts of the test's own. The guest's files are gone with it.
const SET_UP = `set -e
d=/run/ssh-test
mkdir -p $d/tmp /run/sshd /root/.ssh
chmod 700 /root/.ssh
[ -f $d/host ] || ssh-keygen -q -t ed25519 -N '' -f $d/host
[ -f $d/key ] || ssh-keygen -q -t ed25519 -N '' -f $d/key
cat >$d/config <<END
HostKey $d/host
AuthorizedKeysFile $d/key.pub
ListenAddress 127.0.0.1
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
SetEnv PATH=$PATH TMPDIR=/run/ssh-test/tmp
END
cat >/root/.ssh/config <<END
Host 127.0.0.1
  IdentityFile $d/key
  StrictHostKeyChecking accept-new
  UserKnownHostsFile $d/known
END
for port in 2201 2202; do /usr/sbin/sshd -f $d/config -p $port </dev/null >$d/log-$port 2>&1; done
ssh -p 2201 root@127.0.0.1 echo up </dev/null
`;

const NOTHING_LEFT = `ls /run/ssh-test/tmp; grep -c '^stap_' /proc/modules; true`;

beforeAll(async () => {
  const { code, stdout, stderr } = await inGuest(SET_UP);
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'up\n' });
}, 240_000);

test('runs a script on two machines at once, each line with its machine, and leaves nothing there', {
  timeout: 240_000,
}, async () => {
  const ended = await inGuest(
    `stap --remote ssh://root@127.0.0.1:2201 --remote ssh://root@127.0.0.1:2202 -G 'n=two words' -e 'global n = "" probe begin { printf("%s %s %d %s\\n", n, @1, remote_id(), remote_uri()) exit() }' arg >/tmp/out; echo "status $?"; sort /tmp/out; ${NOTHING_LEFT}`,
  );
  expect(ended).toEqual({
    code: 0,
    stdout:
      'status 0\nroot@127.0.0.1:2201: two words arg 0 ssh://root@127.0.0.1:2201\nroot@127.0.0.1:2202: two words arg 1 ssh://root@127.0.0.1:2202\n0\n',
    stderr: '',
  });
});
