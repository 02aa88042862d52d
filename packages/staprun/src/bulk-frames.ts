// Collects the output of bulk mode: one run of frames a CPU.
import { FRAME_HEADER, writeFrameHeader } from './bulk-frame.js';
import { ByteWriter } from './byte-writer.js';
import type { RecordBytes } from './format-site.js';
import { STAMP_OFFSET } from './protocol.js';

interface CpuFrames {
  readonly out: ByteWriter;
  sequence: number;
}

/** Frames by CPU. */
export class BulkFrames {
  readonly #cpus = new Map<number, CpuFrames>();
  #cpu = 0;
  #frame!: CpuFrames;
  #start = 0;

  /** Bytes of all frames that have not been taken. */
  get length(): number {
    let length = 0;
    for (const { out } of this.#cpus.values()) length += out.length;
    return length;
  }

  /** Begins a frame; its text is to be written to what this returns. */
  begin(cpu: number): ByteWriter {
    let frame = this.#cpus.get(cpu);
    if (!frame) {
      frame = { out: new ByteWriter(), sequence: 0 };
      this.#cpus.set(cpu, frame);
    }
    this.#cpu = cpu;
    this.#frame = frame;
    this.#start = frame.out.length;
    frame.out.fill(0, FRAME_HEADER);
    return frame.out;
  }

  /** Ends it; the stamp is that of the record at `offset`. */
  finish(records: RecordBytes, offset: number): void {
    const { out, sequence } = this.#frame;
    const length = out.length - this.#start - FRAME_HEADER;
    const header = { cpu: this.#cpu, sequence, length };
    writeFrameHeader(out.bytes, this.#start, header, records.bytes, offset + STAMP_OFFSET);
    this.#frame.sequence += 1;
  }

  /** Hands out what was collected; it must be used before the next frame is begun. */
  *take(): Generator<[cpu: number, frames: Buffer]> {
    for (const [cpu, { out }] of this.#cpus) {
      if (out.length === 0) continue;
      const frames = out.view();
      out.reset();
      yield [cpu, frames];
    }
  }
}
