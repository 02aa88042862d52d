// The forms that attributes' values have (DWARF 5, section 7.5.6): reading them and passing over them.
import type { Cursor } from '../io/cursor.js';
import { DW_FORM as F } from './constants.js';

/** What a form needs to know of its unit. */
export interface FormContext {
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
}

/**
 * A value as it stands in the file: a number where it is surely below 2^53, else a bigint; bytes of blocks; text of
 * DW_FORM_string. What an offset or index refers to is looked up only when asked for.
 */
export type RawValue = number | bigint | Uint8Array | string;

/**
 * Reads a value.
 *
 * @param form DW_FORM_…; DW_FORM_indirect is resolved by the caller
 * @param constant the value of DW_FORM_implicit_const
 * @throws BinaryFault on an unknown form, and at the unit's end
 */
export function readForm(c: Cursor, form: number, context: FormContext, constant?: bigint): RawValue {
  switch (form) {
    case F.addr:
      return c.unsigned(context.addressSize);
    case F.data1:
    case F.ref1:
    case F.flag:
    case F.strx1:
    case F.addrx1:
      return c.u8();
    case F.data2:
    case F.ref2:
    case F.strx2:
    case F.addrx2:
      return c.u16();
    case F.strx3:
    case F.addrx3:
      return c.u24();
    case F.data4:
    case F.ref4:
    case F.strx4:
    case F.addrx4:
    case F.ref_sup4:
      return c.u32();
    case F.data8:
    case F.ref_sig8:
      return c.u64();
    case F.ref8:
    case F.ref_sup8:
      return c.offset64();
    case F.data16:
      return c.run(16);
    case F.string:
      return c.cstring();
    case F.block1:
      return c.run(c.u8());
    case F.block2:
      return c.run(c.u16());
    case F.block4:
      return c.run(c.u32());
    case F.block:
    case F.exprloc:
      return c.run(c.uleb());
    case F.sdata:
      return narrow(c.sleb64());
    case F.udata:
      return narrow(c.uleb64());
    case F.ref_udata:
    case F.strx:
    case F.addrx:
    case F.loclistx:
    case F.rnglistx:
    case F.GNU_addr_index:
    case F.GNU_str_index:
      return c.uleb();
    case F.strp:
    case F.line_strp:
    case F.sec_offset:
    case F.strp_sup:
    case F.GNU_ref_alt:
    case F.GNU_strp_alt:
      return context.offsetSize === 8 ? c.offset64() : c.u32();
    case F.ref_addr:
      // In DWARF 2 it had an address's size (DWARF 3, section 7.5.4, tells of the change).
      if (context.version <= 2) return narrow(c.unsigned(context.addressSize));
      return context.offsetSize === 8 ? c.offset64() : c.u32();
    case F.flag_present:
      return 1;
    case F.implicit_const:
      return narrow(constant ?? 0n);
    default:
      return c.fail(`unknown form 0x${form.toString(16)}`);
  }
}

/** Passes over a value. */
export function skipForm(c: Cursor, form: number, context: FormContext): void {
  switch (form) {
    case F.flag_present:
    case F.implicit_const:
      return;
    case F.data1:
    case F.ref1:
    case F.flag:
    case F.strx1:
    case F.addrx1:
      c.skip(1);
      break;
    case F.data2:
    case F.ref2:
    case F.strx2:
    case F.addrx2:
      c.skip(2);
      break;
    case F.strx3:
    case F.addrx3:
      c.skip(3);
      break;
    case F.data4:
    case F.ref4:
    case F.strx4:
    case F.addrx4:
    case F.ref_sup4:
      c.skip(4);
      break;
    case F.data8:
    case F.ref8:
    case F.ref_sig8:
    case F.ref_sup8:
      c.skip(8);
      break;
    case F.data16:
      c.skip(16);
      break;
    case F.addr:
      c.skip(context.addressSize);
      break;
    case F.strp:
    case F.line_strp:
    case F.sec_offset:
    case F.strp_sup:
    case F.GNU_ref_alt:
    case F.GNU_strp_alt:
      c.skip(context.offsetSize);
      break;
    case F.ref_addr:
      c.skip(context.version <= 2 ? context.addressSize : context.offsetSize);
      break;
    case F.string:
      c.skipString();
      break;
    case F.block1:
      c.skip(c.u8());
      break;
    case F.block2:
      c.skip(c.u16());
      break;
    case F.block4:
      c.skip(c.u32());
      break;
    case F.block:
    case F.exprloc:
      c.skip(c.uleb());
      break;
    case F.sdata:
    case F.udata:
    case F.ref_udata:
    case F.strx:
    case F.addrx:
    case F.loclistx:
    case F.rnglistx:
    case F.GNU_addr_index:
    case F.GNU_str_index:
      c.skipLeb();
      break;
    case F.indirect:
      skipForm(c, readIndirect(c), context);
      break;
    default:
      c.fail(`unknown form 0x${form.toString(16)}`);
      break;
  }
}

/** The form that stands before a value of DW_FORM_indirect. */
export function readIndirect(c: Cursor): number {
  const form = c.uleb();
  // Neither makes sense behind it (7.5.3): the one has no end, the other no constant.
  if (form === F.indirect || form === F.implicit_const) c.fail('an indirect form names a form it may not');
  return form;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
