"""Where each thing stands in the int64 arrays that the kernels share: one place for all the magic numbers.

Kernels take plain arrays, few of them: numba counts references on every use of an array that stands in a tuple.

heap     one reserve, committed as it is touched. Head words, then blocks of size classes 24, 32, 48, 64, 96 ... words,
         behind them scratch: the row of an event that is not kept, the cells of a key without accel, a set, cursors.
block    one key: a header of 8 words (a cache line), then its rows in order of (event time, id).
row      time, mask of (event type, where) bits, id, then one fixed-point value per column.
chunks   one line per chunk of the index: base in the heap, slots - 1, entries, position of its image, what it lacks.
plan     a layout as data: head words, then lines for windows, cells, outputs and columns. Nothing is compiled for it.
cells    what a scan or an accel knows as of a row: window starts, three words per group, one cell per used
         (group, window). A *group* is a (mask, column); its cells stand together, shortest window first.
panes    one key beyond its cap: per (group, window) a ring of panes over what the cap dropped.
"""

from __future__ import annotations

from typing import Final

from risk_stream import catalogue

MISSING: Final = catalogue.MISSING
NEVER: Final = -(1 << 62)  # a time before all times
LOW32: Final = 0xFFFFFFFF

# heap: head words
H_NEXT: Final = 0  # first word never used
H_LIMIT: Final = 1
H_LIVE: Final = 2  # words in blocks that are in use
H_KEYS: Final = 3
H_ROWS: Final = 4
H_DROPPED: Final = 5  # rows a cap dropped
H_BEHIND: Final = 6  # rows that came too late to be kept
H_EVICTED: Final = 7  # keys whose rows had all expired
H_SET_EPOCH: Final = 8  # tag of the present use of the set in scratch
H_REFUSED: Final = 9  # events judged by themselves because memory lacked
H_EARLY: Final = 10  # rows dropped before the cap because memory lacked
H_CRUMBS: Final = 11  # first free piece in no list, as one too small for any class: the next, its words
H_STARVED: Final = 12  # hash of the latest key with a long log for whose accel memory lacked, 0 for none
H_LAGGING: Final = 13  # blocks that the two cursors are of, 0 for none
H_RUNNING: Final = 14
H_NEWEST: Final = 15  # the latest time of any event, NEVER for none
H_FREE: Final = 16  # + size class: first free block
H_WORDS: Final = 128

# block header
B_KEY: Final = 0  # three words
B_HASH: Final = 3
B_SPAN: Final = 4  # first row << 32 | end row
B_SHAPE: Final = 5  # words per row << 32 | size class
B_TRUNC: Final = 6  # the latest time of a row no longer kept
B_CACHE: Final = 7  # panes / 8 << 32 | accel / 8
HEADER: Final = 8

# row
R_TIME: Final = 0
R_MASK: Final = 1
R_ID: Final = 2  # 64-bit hash of the event's id: orders rows of equal time, and knows an event again
R_VALUES: Final = 3

# chunks
K_BASE: Final = 0
K_MASK: Final = 1
K_USED: Final = 2
K_POSITION: Final = 3  # rows up to this position are in the image it was restored from
K_SERIAL: Final = 5  # of that image
K_TRUNC: Final = 4  # the latest time of an event of a key that memory had no room for
K_WORDS: Final = 8
FIRST_SLOTS: Final = 64

# cells: head words, then windows, groups, cells
A_EPOCH: Final = 0  # of the plan that built it
A_CLASS: Final = 1
A_TIME: Final = 2  # as of which it stands
A_TABLE: Final = 3  # slots of each distinct table - 1
A_STOP: Final = 4  # of a cursor: the row before which it stands
A_FIRST: Final = 5  # of a cursor: its key's first row when it was moved last
A_TABLES: Final = 6  # of a cursor: whether it has its distinct tables already
A_WINDOWS: Final = 8  # start row of each window
G_MATCH: Final = 0  # latest row that matches
G_VALUE: Final = 1  # latest row that matches and has a value
G_TABLE: Final = 2  # its distinct table: value -> 1 + latest row; before it, the ring: row -> 1 + the row before
G_WORDS: Final = 3
RECENT: Final = 64  # rows in a ring, and so how many rows an event may come behind and be judged without a scan

# cell
COUNT_: Final = 0  # rows that match
VALUES: Final = 1  # of these, rows with a value
SUM_: Final = 2  # mod 2**64
SQ_LOW: Final = 3  # sum of squares, 128 bits
SQ_HIGH: Final = 4
MIN_AT: Final = 5  # rows, -1 for none
MAX_AT: Final = 6
FIRST_AT: Final = 7
LAST_AT: Final = 8  # the latest value before the present row
MATCH_AT: Final = 9  # the latest match before the present row
DISTINCT_: Final = 10
GUESS: Final = 10  # of a cell that counts no distinct values: a value that a quantile may be, any other does as well
CELL: Final = 11

# pane
N_TAG: Final = 0  # time // width, NEVER if unused
N_FROM: Final = 1  # earliest and latest time in it
N_TO: Final = 2
N_COUNT: Final = 3
N_VALUES: Final = 4
N_SUM: Final = 5
N_MIN: Final = 6
N_MAX: Final = 7
PANE: Final = 8
PANES: Final = 32  # per ring: 31 cover the window, one is being filled

# ring: a line of head words, then its panes. The head keeps what the panes [low, newest) hold in all.
RG_NEWEST: Final = 0  # tag of the newest pane, NEVER for none
RG_LOW: Final = 1  # tag, NEVER where nothing is kept
RG_TO: Final = 2
RG_COUNT: Final = 3
RG_VALUES: Final = 4
RG_SUM: Final = 5
RG_MIN: Final = 6
RG_MAX: Final = 7
RG_HEAD: Final = 8
RING: Final = RG_HEAD + PANE * PANES
PANES_CLASS: Final = 0  # head words: size class, rings
PANES_RINGS: Final = 1
PANES_HEAD: Final = 8

# operations, as numbers, in the order of Op
OP_COUNT: Final = 0
OP_SUM: Final = 1
OP_MEAN: Final = 2
OP_MIN: Final = 3
OP_MAX: Final = 4
OP_STD: Final = 5
OP_DISTINCT: Final = 6
OP_FIRST: Final = 7
OP_LAST: Final = 8
OP_SINCE: Final = 9
OP_SEQUENCE: Final = 10  # from here on: what looks at the rows of its window at each event, see `_kernel_look`
OP_QUANTILE: Final = 11
OP_ZSCORE: Final = 12
OP_PERCENTILE: Final = 13
OP_SEEN: Final = 14
OP_DAYS_PAST_DUE: Final = 15
OP_AMOUNT_PAST_DUE: Final = 16
OP_COMPLETED: Final = 17  # since, of a sequence

# what a cell must know for them
NEED_SUM: Final = 1
NEED_EXTREMES: Final = 2
NEED_SET: Final = 4
NEED_ROWS: Final = 8
NEED_SQUARES: Final = 16

# plan: head words
P_WINDOWS: Final = 0  # how many
P_CURSORS: Final = 1  # in heap: two cursors, in what is left of scratch
P_CELLS: Final = 2
P_OUTPUTS: Final = 3
P_EPOCH: Final = 4
P_ROW: Final = 5  # words per row
P_CAP: Final = 6  # rows per key
P_KEEP: Final = 7  # ms that a row is kept
P_SCAN: Final = 8  # logs below this many rows are scanned, never cached
P_GROUPS_AT: Final = 9  # in cells
P_CELLS_AT: Final = 10
P_TABLES_AT: Final = 11
P_TABLES: Final = 12  # groups with a distinct table
P_GONE: Final = 13  # rows and panes up to this time may be gone, so none of them is looked at
P_LONGEST: Final = 14  # ms
P_SLOTS: Final = 15  # rings per key beyond its cap
P_SCRATCH_ROW: Final = 16  # in heap: the row of an event that is not kept
P_SCRATCH_STARTS: Final = 17  # window starts before a step; behind them a word per row of a key, for what looks
P_SCRATCH_CELLS: Final = 18  # cells of a key without accel
P_SCRATCH_SET: Final = 19  # (epoch, value) of distinct values
P_SHIFT: Final = 20  # hash >> shift is the chunk
P_BLOCK: Final = 21  # size class of a new key
P_WINDOW_LINES: Final = 22  # in plan: a word per window: ms, shortest first; then, negative, tables of periods
P_CELL_LINES: Final = 23
P_OUTPUT_LINES: Final = 24
P_SOURCES: Final = 25  # a word per column of the rows: its column in the input, -1 where it has none
P_TEXTS: Final = 26  # a word per column of the rows: 1 where 0 means missing
P_COLUMNS: Final = 27  # how many
P_CLOCK: Final = 28  # ms: rows are let go as of this time or their key's newest event, whichever is earlier
P_STARTS: Final = 29  # in plan: what follows are tables: of periods, see `start_of`, of what `look` looks for
P_WORDS: Final = 30


# plan: a line per cell, in the order of cells
C_WINDOW: Final = 0
C_GROUP: Final = 1
C_MASK: Final = 2
C_COLUMN: Final = 3  # word of the row
C_NEED: Final = 4
C_ALL: Final = 5  # what any cell of its group needs
C_WHOLE: Final = 6  # every row matches and nothing but counting is needed
C_SLOT: Final = 7  # ring of panes, -1 for none
C_MS: Final = 8  # its window, the longest period of a calendar window
C_SPAN: Final = 9  # cells from this one to the end of its group
C_WORDS: Final = 10

# plan: a line per output
F_OP: Final = 0
F_CELL: Final = 1
F_COLUMN: Final = 2
F_MS: Final = 3
F_TEXT: Final = 4
F_SLOT: Final = 5
F_KNOWN: Final = 6  # what lies before this time was not all seen
F_SCALE: Final = 7  # 10**decimals
F_STARTS: Final = 8  # in plan: the periods of a calendar window, 0 for a sliding one
#: In plan: a sequence's steps, the values looked for, the words of an arrears; else a quantile's share in millionths, a
#: baseline's least values.
F_GIVEN: Final = 9
F_WORDS: Final = 10

# plan: the words of an arrears
D_DUE: Final = 0  # masks of the instalments, of the payments, of the payments that were returned
D_PAID: Final = 1
D_RETURNED: Final = 2
D_WHEN: Final = 3  # word of the row that says when an instalment is due, R_TIME where the event's own time does
D_DAYS: Final = 4  # in plan: when the calendar's days begin, as periods stand there
D_BEFORE: Final = 5  # 1: as it was before the present event
D_WORDS: Final = 6
DAY_MS: Final = 86_400_000
