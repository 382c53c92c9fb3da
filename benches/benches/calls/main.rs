//! Calls per second, and memory per registration and per call. `./dev bench`, or `cargo bench --bench calls`.

mod phones;
mod wire;

use denwa_benches::table::{Table, median, thousands};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, calls) = if quick { (3, 500) } else { (9, 2_000) };
    let mut table = Table::new(["calls and memory", "", "unit"]);
    let mut row = |what: &str, value: f64, unit: &str| {
        table.row([what.to_string(), thousands(value.round() as u64), unit.to_string()]);
    };

    let rates = (0..rounds).map(|_| wire::calls_per_second(calls)).collect();
    row("two endpoints without I/O: INVITE, 180, 200, ACK, BYE, 200", median(rates), "calls/s");
    let rates = (0..rounds).map(|_| phones::calls_per_second(calls / 10)).collect();
    row("two phones over loopback UDP, with their RTP ports, no sound", median(rates), "calls/s");

    let (count, live, requested) = wire::memory_of_registrations(if quick { 200 } else { 2_000 });
    row(&format!("an idle registration (of {count}), heap"), live, "bytes");
    row("  allocated to get there", requested, "bytes");
    let (count, live, requested) = wire::memory_of_calls(if quick { 200 } else { 2_000 });
    row(&format!("one side of a call (of {count}), signalling, heap"), live, "bytes");
    row("  allocated to get there", requested, "bytes");
    let (count, live) = phones::memory_of_calls(if quick { 10 } else { 30 });
    row(&format!("one side of a call (of {count}), all of a phone, Opus, heap"), live, "bytes");
    table.print("Calls, both sides in one process on one machine (medians; heap of signalling is exact)");
}
