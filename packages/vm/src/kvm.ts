// Whether KVM can be relied on. /dev/kvm may open and a guest under it still make no progress, e.g. in some nested
// machines; so it is tried once, with a small guest and a short limit, and the answer is kept until the host reboots.
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { writeWhole } from './files.js';

/**
 * Tells whether guests run under KVM here.
 *
 * @param tryGuest boots a small guest under KVM and ends it; rejects with a DiagnosticError where that fails
 * @param device for tests
 */
export async function kvmWorks(
  cacheFolder: string,
  tryGuest: () => Promise<void>,
  device = '/dev/kvm',
): Promise<boolean> {
  try {
    await access(device, constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
  const path = join(cacheFolder, 'vm', 'kvm');
  const [knownBoot, answer] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ');
  if (knownBoot === boot && (answer === 'works' || answer === 'fails')) return answer === 'works';
  let works = true;
  try {
    await tryGuest();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    works = false;
  }
  await writeWhole(path, `${boot} ${works ? 'works' : 'fails'}\n`);
  return works;
}
