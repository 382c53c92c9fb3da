//! The voice path on real speech and on the packet arrivals of thirteen networks, beside what others make of them.
//!
//! `./dev bench sound [--quick] [TRACE...]`: `--quick` scores delay and PESQ only, and leaves `docs/sound.md` alone, as
//! does a choice of traces. Everything is virtual time and repeats exactly.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

mod anchors;
mod cpu;
mod page;
mod run;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use denwa_benches::table::Table;
use media::DelayPolicy;

use anchors::{ANCHORS, Anchor};

/// What was heard: delay in ms, and quality where it was judged.
#[derive(Debug, Clone, Copy)]
struct Score {
    mean: f64,
    p95: f64,
    pesq: f64,
    plcmos: Option<f64>,
    visqol: Option<f64>,
}

/// The traces on which the frontier is shown, and the fixed delays tried there, in ms.
const FRONTIER: [(&str, &[u64]); 4] = [
    ("j10", &[20, 30, 40, 50, 60, 80]),
    ("j30", &[60, 90, 120, 150, 180, 220]),
    ("j60", &[150, 200, 250, 300, 350, 450]),
    ("wifi", &[10, 20, 30, 50, 100, 300]),
];
const WORTHS: [u64; 6] = [6, 12, 18, 23, 40, 80];
const SHARES: [f64; 6] = [0.9, 0.95, 0.97, 0.98, 0.99, 0.995];

struct Bench {
    /// `benches/sound`.
    root: PathBuf,
    /// Speech, what was played, and the Python that scores it.
    work: PathBuf,
    speech: Vec<f32>,
    packets: run::Packets,
    quick: bool,
}

fn main() -> ExitCode {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let work = here.join("../target/sound");
    let speech = work.join("speech_48k.wav");
    if !speech.exists() || !work.join("venv/bin/python").exists() {
        println!(
            "sound: NOT MEASURED: no speech or no Python packages in target/sound; `./dev bench sound` fetches them"
        );
        return ExitCode::FAILURE;
    }
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let quick = args.iter().any(|arg| arg == "--quick");
    let names: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let anchors: Vec<&Anchor> =
        ANCHORS.iter().filter(|anchor| names.is_empty() || names.iter().any(|name| *name == anchor.trace)).collect();
    let mut bench =
        Bench { root: here.join("sound"), speech: run::speech(&speech), packets: run::Packets::default(), work, quick };

    let jobs: Vec<_> =
        anchors.iter().map(|anchor| (anchor.trace.to_owned(), anchor.trace, DelayPolicy::default())).collect();
    let scores = bench.scores(&jobs);
    let mut rows = Vec::new();
    let mut table = Table::new([
        "trace",
        "ours ms",
        "p95",
        "PESQ-WB",
        "PLCMOS",
        "ViSQOL",
        "NetEQ ms",
        "p95",
        "PESQ-WB",
        "neteq crate",
        "aims",
    ]);
    for anchor in anchors {
        let Some(score) = scores.get(anchor.trace).copied() else { continue };
        let shown = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        table.row([
            anchor.trace.into(),
            format!("{:.0}", score.mean),
            format!("{:.0}", score.p95),
            format!("{:.2}", score.pesq),
            shown(score.plcmos),
            shown(score.visqol),
            format!("{}", anchor.neteq.0),
            format!("{}", anchor.neteq.1),
            format!("{:.2}", anchor.neteq.2),
            format!("{}/{} {:.2}", anchor.krate.0, anchor.krate.1, anchor.krate.2),
            if anchor.is_met(&score) { "met".into() } else { "MISSED".into() },
        ]);
        rows.push((anchor, score));
    }
    table.print("Added delay and quality on the same packets (aims: PESQ-WB of NetEQ at 90 % of its delay)");
    if quick || !names.is_empty() {
        return ExitCode::SUCCESS;
    }

    let cpu = cpu::measure(&bench.speech);
    cpu.print();
    bench.quick = true;
    let mut jobs = Vec::new();
    for (trace, fixed) in FRONTIER {
        let mut add = |kind: &str, value: String, policy| jobs.push((format!("{trace}+{kind}+{value}"), trace, policy));
        WORTHS.iter().for_each(|ms| add("worth", ms.to_string(), DelayPolicy::Worth(Duration::from_millis(*ms))));
        SHARES.iter().for_each(|share| add("share", share.to_string(), DelayPolicy::Share(*share)));
        fixed.iter().for_each(|ms| add("fixed", ms.to_string(), DelayPolicy::Fixed(Duration::from_millis(*ms))));
    }
    let frontier = bench.scores(&jobs);
    let jobs: Vec<String> = jobs.into_iter().map(|(name, ..)| name).collect();
    page::write(&here.join("../docs"), &rows, &jobs, &frontier, &cpu);
    println!("\nwritten: docs/sound.md");
    ExitCode::SUCCESS
}

impl Bench {
    /// Play each job, named for its result, and judge what was heard.
    fn scores(&mut self, jobs: &[(String, &str, DelayPolicy)]) -> HashMap<String, Score> {
        let mut paths = Vec::new();
        for (name, trace, policy) in jobs {
            let trace = run::Trace::read(&self.root.join("traces").join(format!("{trace}.csv")));
            let packets = self.packets.of(&self.speech, trace.loss_percent);
            let path = self.work.join(format!("out_{name}.wav"));
            run::write(&path, &run::play(&trace, packets, *policy));
            paths.push(path);
        }
        let output = Command::new(self.work.join("venv/bin/python"))
            .arg(self.root.join("score.py"))
            .args(self.quick.then_some("--quick"))
            .arg(self.work.join("speech_16k.wav"))
            .args(&paths)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        let mut scores = HashMap::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            let Some(name) = words.next().and_then(|path| Path::new(path).file_stem()?.to_str()?.strip_prefix("out_"))
            else {
                continue;
            };
            let values: Vec<Option<f64>> = words.map(|word| word.parse().ok()).collect();
            if let [Some(mean), Some(p95), Some(pesq), plcmos, visqol] = values[..] {
                scores.insert(name.to_owned(), Score { mean, p95, pesq, plcmos, visqol });
            }
        }
        scores
    }
}
