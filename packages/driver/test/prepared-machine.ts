// The guest as a machine that has been prepared: `stap`, `staprun` and `stap-prep` are in its PATH, and what runs in it
// runs on its own kernel. Its root has a file of options that make scripts patient, and types commands without them.
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';
import { PATIENT } from './harness.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A shell in the guest. */
export interface Machine {
  readonly release: string;
  /** Runs a script of bash; `$E` is the folder of systemtap-doc's examples. Its folder is new and goes with the guest. */
  shell(script: string): Promise<{ status: number | null; stdout: string; stderr: string }>;
  close(): Promise<void>;
}

const PREPARE = `mkdir -p /opt/stapkit; for P in stap staprun stap-prep; do ln -sfn ${root}$P /opt/stapkit/$P; done
export XDG_CACHE_HOME=\${XDG_CACHE_HOME:-$HOME/.cache} HOME=/opt/stapkit/home
mkdir -p $HOME/.systemtap; echo '${PATIENT.join(' ')}' > $HOME/.systemtap/rc
PATH=/opt/stapkit:$PATH; E=/usr/share/systemtap/examples; cd "$(mktemp -d)" || exit
# Waits until a condition holds; what never comes ends the test by its time limit.
until_() { until eval "$1"; do sleep 0.1; done; }
`;

/** Connects to the guest of the tests. */
export async function openMachine(): Promise<Machine> {
  const guest: Guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  return {
    release: guest.release,
    async shell(script) {
      let stdout = '';
      let stderr = '';
      const { code } = await guest.exec({
        argv: ['bash', '-c', PREPARE + script],
        env: process.env as Record<string, string>,
        onStdout: (chunk) => {
          stdout += Buffer.from(chunk).toString('latin1');
        },
        onStderr: (chunk) => {
          stderr += Buffer.from(chunk).toString('latin1');
        },
      });
      return { status: code, stdout, stderr };
    },
    close: () => guest.close(),
  };
}
