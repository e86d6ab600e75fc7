//! The eBPF object: its maps, its globals and its licence. The programs are in
//! `probes`, what they share in `kernel` (all reads of kernel structures),
//! `count` (counters and sampling), `note` (what was seen on the way to a
//! refusal) and `refusal` (from a return value to all of them).
//!
//! In: attach points chosen by the daemon. Out: the maps of `wire`. Invariant:
//! successes return after one compare; every refusal is counted exactly once
//! per hook that fires. Lacks on purpose: any decision that can be made without
//! the kernel's memory, which `gate` holds.
#![no_std]
#![no_main]
// For the atomic addition in `count`; eBPF assembly has no stable form yet.
#![feature(asm_experimental_arch)]

mod branchless;
mod count;
mod kernel;
mod note;
mod probes;
mod refusal;
mod sample;

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, RingBuf};
use sealwatch_ebpf::layout::{Offsets, Settings};
use sealwatch_ebpf::syscalls::TABLE_HALF;
use sealwatch_ebpf::wire;

#[unsafe(no_mangle)]
static OFFSETS: Offsets = Offsets::UNKNOWN;
#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings::UNSET;

#[map]
static COUNTS: HashMap<wire::CountKey, wire::CountValue> =
    HashMap::with_max_entries(wire::COUNTS_MAX, 0);
#[map]
static PATH_KEYS: HashMap<u64, u64> = HashMap::with_max_entries(wire::CGROUPS_MAX, 0);
#[map]
static OVERFLOW: Array<u64> = Array::with_max_entries(wire::OVERFLOW_MAX, 0);
#[map]
static STATS: Array<u64> = Array::with_max_entries(wire::STATS_MAX, 0);
#[map]
static TURN: Array<u64> = Array::with_max_entries(1, 0);
#[map]
static IGNORED_CGROUPS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(wire::IGNORED_MAX, 0);
#[map]
static SYSCALLS: Array<u32> = Array::with_max_entries(2 * TABLE_HALF, 0);
#[map]
static PENDING: LruHashMap<u64, wire::Pending> = LruHashMap::with_max_entries(wire::PENDING_MAX, 0);
#[map]
static LSM_NOTES: LruHashMap<u64, wire::LsmNote> =
    LruHashMap::with_max_entries(wire::PENDING_MAX, 0);
#[map]
static OOM_KILLS: HashMap<u64, wire::OomValue> = HashMap::with_max_entries(wire::OOM_KILLS_MAX, 0);
#[map]
static OOM_VICTIMS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(wire::OOM_VICTIMS_MAX, 0);
#[map]
static WATCHED: HashMap<u64, wire::Watched> = HashMap::with_max_entries(wire::WATCHED_MAX, 0);
#[map]
static WRITES: HashMap<wire::WriteKey, wire::WriteValue> =
    HashMap::with_max_entries(wire::WRITES_MAX, 0);
#[map]
static WRITE_SAMPLES: RingBuf = RingBuf::with_byte_size(wire::WRITE_SAMPLES_BYTES, 0);
#[map]
static SAMPLES: RingBuf = RingBuf::with_byte_size(wire::SAMPLES_BYTES, 0);
#[map]
static CGROUPS: RingBuf = RingBuf::with_byte_size(wire::CGROUPS_BYTES, 0);

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
