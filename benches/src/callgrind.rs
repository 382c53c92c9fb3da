//! Instructions, counted by valgrind's callgrind: the same number every time, however busy the machine.

use std::process::Command;

/// Instructions of one repetition of a piece of work, or `None` without valgrind.
///
/// This program is run again under callgrind with `arguments` and a number of repetitions, once with n and once with
/// 2n. The difference is free of what starting costs.
pub fn per_repetition(arguments: &[&str], n: u64) -> Option<u64> {
    let one = collected(arguments, n)?;
    let two = collected(arguments, 2 * n)?;
    Some(two.saturating_sub(one) / n)
}

fn collected(arguments: &[&str], n: u64) -> Option<u64> {
    let this = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(arguments)
        .arg(n.to_string())
        .output()
        .ok()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let line = log.lines().find(|line| line.contains("Collected : "))?;
    line.rsplit(' ').next()?.parse().ok()
}
