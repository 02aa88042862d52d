// Rights of root that were lent: to a member of stapusr or stapdev, by a set-user-id executable or by sudo. The process
// then acts as that user (the files it reads and writes, the commands it runs) and is root only for single calls that
// need it, each of which is over before any other code runs.

/** Who asked for the run. */
export interface Invoker {
  readonly uid: number;
  readonly gid: number;
}

let user: Invoker | undefined;

/** Acts as a user from now on. */
export function becomeUser(invoker: Invoker): void {
  // With a set-user-id executable the groups are the user's own already.
  if (process.getuid?.() === 0)
    (process as { initgroups?(user: number, group: number): void }).initgroups!(invoker.uid, invoker.gid);
  process.setegid!(invoker.gid);
  process.seteuid!(invoker.uid);
  user = invoker;
}

/** True where the process acts as a user. */
export function isLent(): boolean {
  return user !== undefined;
}

/**
 * Does something as root.
 *
 * @param act must not wait: what it starts in the background would go on as the user
 */
export function asRoot<T>(act: () => T): T {
  if (user === undefined) return act();
  process.seteuid!(0);
  try {
    return act();
  } finally {
    process.seteuid!(user.uid);
  }
}

/** Options for a process that is root in every respect: a shell takes off a root that is only lent. */
export function rootIdentity(): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: 0, gid: 0 };
}
