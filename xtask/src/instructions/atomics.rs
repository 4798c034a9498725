//! How many atomic read-modify-writes a workload executes: callgrind says how often each instruction ran, the disassembly
//! which of them lock the bus. Pure but for the call of `objdump`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::Stop;

/// What callgrind has to be asked for besides.
pub(super) const OPTIONS: [&str; 3] = ["--dump-instr=yes", "--compress-pos=no", "--compress-strings=no"];

/// The addresses in a program of instructions that are atomic read-modify-writes.
pub(super) struct Atomics(HashSet<u64>);

impl Atomics {
    pub(super) fn of(program: &Path) -> Result<Atomics, Stop> {
        let output = Command::new("objdump")
            .args(["--disassemble", "--demangle", "--no-show-raw-insn"])
            .arg(program)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Stop::missing(format!("objdump (Debian: binutils): {error}")))?;
        if !output.status.success() {
            return Err(Stop::failed(format!("objdump ended with {}", output.status)));
        }
        let found = locked(&String::from_utf8_lossy(&output.stdout));
        if found.is_empty() {
            return Err(Stop::missing("the assembly of this processor is not understood".to_owned()));
        }
        Ok(Atomics(found))
    }

    /// How often any of them was executed. `profile` is callgrind's, made with [`OPTIONS`], of a program of this file name.
    pub(super) fn executed(&self, profile: &str, file: &str) -> u64 {
        counts(profile, file)
            .iter()
            .filter(|(address, _)| self.0.contains(address))
            .map(|(_, count)| count)
            .sum()
    }
}

/// The bench's runtime has a clock that can be stopped, behind a lock; that of a program has neither.
const STOPPABLE_CLOCK: [&str; 2] = ["<tokio::time::clock::", "<tokio::time::instant::"];

/// The addresses of instructions with the prefix `lock`, and of `xchg` with memory, which has it without saying so; but for
/// those of the [`STOPPABLE_CLOCK`].
fn locked(disassembly: &str) -> HashSet<u64> {
    let mut found = HashSet::new();
    let mut is_clock = false;
    for line in disassembly.lines() {
        if line.ends_with(">:") {
            is_clock = STOPPABLE_CLOCK.iter().any(|name| line.contains(name));
        } else if let Some((address, instruction)) = line.trim_start().split_once(":\t") {
            let is_atomic = instruction.starts_with("lock ")
                || (instruction.starts_with("xchg") && instruction.contains('('));
            if let (true, false, Ok(address)) = (is_atomic, is_clock, u64::from_str_radix(address, 16)) {
                found.insert(address);
            }
        }
    }
    found
}

/// How often each instruction of the object was executed. Lines after `calls=` are what a call cost, not the instruction.
fn counts(profile: &str, file: &str) -> HashMap<u64, u64> {
    let mut counts = HashMap::new();
    let (mut is_ours, mut is_call) = (false, false);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_ours = object.ends_with(file);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if let Some(rest) = line.strip_prefix("0x") {
            let own = !std::mem::take(&mut is_call) && is_ours;
            let mut fields = rest.split_whitespace();
            let address = fields.next().and_then(|text| u64::from_str_radix(text, 16).ok());
            let count = fields.next_back().and_then(|text| text.parse::<u64>().ok());
            if let (true, Some(address), Some(count)) = (own, address, count) {
                *counts.entry(address).or_insert(0) += count;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISASSEMBLY: &str = "
0000000000001000 <advance>:
    1000:\tpush   %rbp
    1001:\tlock cmpxchg %rdx,(%rbx)
    1005:\txchg   %rbp,0x10(%r15)
    1009:\txchg   %ax,%ax
    100b:\tnopw   0x0(%rax,%rax,1)
0000000000001010 <tokio::time::clock::Clock::now>:
    1010:\tlock cmpxchg %cl,(%rdi)
0000000000001020 <other>:
    1020:\tlock decq (%r15)
";

    #[test]
    fn locked_instructions_and_exchanges_with_memory_are_atomic_and_exchanges_of_registers_are_not() {
        assert_eq!(locked(DISASSEMBLY), HashSet::from([0x1001, 0x1005, 0x1020]));
        assert!(locked("nothing").is_empty());
    }

    #[test]
    fn only_what_the_program_itself_executed_counts() {
        let profile = "positions: instr line\nevents: Ir\n\nob=/t/instructions-1\nfn=advance\n0x1000 1 70\n0x1001 2 70\n\
            cfn=other\ncalls=70 0x2000 5\n0x1005 3 9000\n0x1005 3 70\nfn=again\n0x1001 2 5\nob=/lib/libc.so\nfn=malloc\n0x1001 9 400\n";
        let atomics = Atomics(locked(DISASSEMBLY));
        assert_eq!(atomics.executed(profile, "instructions-1"), 70 + 70 + 5);
        assert_eq!(atomics.executed(profile, "another"), 0);
    }
}
