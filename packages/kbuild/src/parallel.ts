// Doing several things at the same time, without any of them working on when another has failed.
import { availableParallelism } from 'node:os';

/**
 * Waits for several things at once. When one fails the others are aborted and waited for: nothing works on behind the
 * caller's back.
 */
export async function together<const T extends readonly Promise<unknown>[]>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  const stop = new AbortController();
  const tasks = start(AbortSignal.any([signal, stop.signal]));
  try {
    return await Promise.all(tasks);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(tasks);
    throw error;
  }
}

/**
 * Does something with each item, as many at a time as there are CPUs, and waits for all of them whatever becomes of any.
 *
 * @returns what came of each, in the items' order
 */
export async function settleEach<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      [results[index]] = (await Promise.allSettled([work(items[index]!)])) as [PromiseSettledResult<R>];
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}
