// Offsets into different sections have types of their own, so that one can't be handed to the reader of another.
declare const section: unique symbol;

type OffsetOf<Section extends string> = number & { readonly [section]: Section };

/** Into .debug_info. */
export type DebugInfoOffset = OffsetOf<'.debug_info'>;
/** Into .debug_types (DWARF 4 type units). */
export type DebugTypesOffset = OffsetOf<'.debug_types'>;
export type DebugAbbrevOffset = OffsetOf<'.debug_abbrev'>;
export type DebugStrOffset = OffsetOf<'.debug_str'>;
export type DebugLineStrOffset = OffsetOf<'.debug_line_str'>;
export type DebugLineOffset = OffsetOf<'.debug_line'>;
/** Into .debug_ranges (to DWARF 4). */
export type DebugRangesOffset = OffsetOf<'.debug_ranges'>;
/** Into .debug_rnglists (from DWARF 5). */
export type DebugRngListsOffset = OffsetOf<'.debug_rnglists'>;
/** Into .debug_loc (to DWARF 4). */
export type DebugLocOffset = OffsetOf<'.debug_loc'>;
/** Into .debug_loclists (from DWARF 5). */
export type DebugLocListsOffset = OffsetOf<'.debug_loclists'>;
export type DebugAddrOffset = OffsetOf<'.debug_addr'>;
export type DebugStrOffsetsOffset = OffsetOf<'.debug_str_offsets'>;
/** Into .debug_frame or .eh_frame. */
export type FrameOffset = OffsetOf<'frame'>;
