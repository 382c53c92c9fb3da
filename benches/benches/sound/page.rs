//! `docs/sound.md` and its pictures.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use crate::anchors::Anchor;
use crate::cpu::Cpu;
use crate::{FRONTIER, Score};

/// Name, words and colour of each policy.
const POLICIES: [(&str, &str, &str); 3] =
    [("worth", "worth (ours)", "#0b6e4f"), ("share", "share in time", "#c8553d"), ("fixed", "fixed", "#5b6c8f")];
const OTHER: &str = "#222222";

/// Write the page; `jobs` names the runs of the frontier, `TRACE+POLICY+VALUE`, in order.
pub(crate) fn write(
    folder: &Path,
    rows: &[(&Anchor, Score)],
    jobs: &[String],
    frontier: &HashMap<String, Score>,
    cpu: &Cpu,
) {
    std::fs::create_dir_all(folder.join("sound")).unwrap();
    let mut page = String::from(HEAD);
    page.push_str("| trace | ours: delay mean/p95 ms | PESQ-WB | PLCMOS | ViSQOL | NetEQ: delay | PESQ-WB | `neteq` crate | aims |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for (anchor, score) in rows {
        let shown = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.2}"));
        let Score { mean, p95, pesq, .. } = score;
        let (neteq, krate) = (anchor.neteq, anchor.krate);
        writeln!(
            page,
            "| {} | **{mean:.0}/{p95:.0}** | **{pesq:.2}** | {} | {} | {}/{} | {:.2} | {}/{} {:.2} | {} |",
            anchor.trace,
            shown(score.plcmos),
            shown(score.visqol),
            neteq.0,
            neteq.1,
            neteq.2,
            krate.0,
            krate.1,
            krate.2,
            if anchor.is_met(score) { "met" } else { "missed" },
        )
        .unwrap();
    }
    page.push_str(FRONTIER_TEXT);
    for (trace, _) in FRONTIER {
        let neteq = rows.iter().find(|(anchor, _)| anchor.trace == trace).map(|(anchor, _)| anchor.neteq);
        std::fs::write(folder.join(format!("sound/{trace}.svg")), picture(trace, jobs, frontier, neteq)).unwrap();
        write!(page, "![{trace}](sound/{trace}.svg) ").unwrap();
    }
    page.push_str("\n\n| run | delay mean/p95 ms | PESQ-WB |\n|---|---|---|\n");
    for name in jobs {
        if let Some(Score { mean, p95, pesq, .. }) = frontier.get(name) {
            writeln!(page, "| {} | {mean:.0}/{p95:.0} | {pesq:.2} |", name.replace('+', " ")).unwrap();
        }
    }
    let Cpu { libopus, opus, ratio, g722, pcmu } = cpu;
    write!(
        page,
        "\n## What it costs\n\nOne second of a call both ways on one core, a median of rounds in which both took turns:\n\n\
         | | µs |\n|---|---|\n\
         | the calls into libopus alone (complexity 9, 24 kbit/s) | {libopus:.0} |\n\
         | a stream with Opus | {opus:.0}, {ratio:.2} times as much (aim: 1.25) |\n\
         | a stream with G.722 | {g722:.0} |\n\
         | a stream with PCMU | {pcmu:.0} |\n"
    )
    .unwrap();
    std::fs::write(folder.join("sound.md"), page).unwrap();
}

/// Delay to the right, quality upwards, a line for each policy.
fn picture(trace: &str, jobs: &[String], frontier: &HashMap<String, Score>, neteq: Option<(u32, u32, f64)>) -> String {
    const WIDTH: f64 = 420.0;
    const HEIGHT: f64 = 280.0;
    const EDGE: f64 = 40.0;
    let of = |kind: &str| -> Vec<Score> {
        let start = format!("{trace}+{kind}+");
        let mut line: Vec<Score> = jobs
            .iter()
            .filter(|name| name.starts_with(&start))
            .filter_map(|name| frontier.get(name).copied())
            .collect();
        line.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        line
    };
    let widest = POLICIES.iter().flat_map(|(kind, ..)| of(kind)).map(|score| score.mean);
    let widest = widest.chain(neteq.map(|neteq| f64::from(neteq.0))).fold(1.0, f64::max) * 1.05;
    let x = |mean: f64| EDGE + mean / widest * (WIDTH - EDGE - 10.0);
    let y = |pesq: f64| HEIGHT - EDGE - (pesq - 1.0) / 3.6 * (HEIGHT - EDGE - 30.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{EDGE}\" y=\"18\" font-size=\"13\">{trace}: PESQ-WB over mean added delay, ms</text>\n"
    );
    for pesq in 1..=4 {
        let at = y(f64::from(pesq));
        writeln!(svg, "<path d=\"M{EDGE} {at:.1}H{}\" stroke=\"#ddd\"/>", WIDTH - 10.0).unwrap();
        writeln!(svg, "<text x=\"{}\" y=\"{:.1}\">{pesq}</text>", EDGE - 14.0, at + 4.0).unwrap();
    }
    for quarter in 0..=4 {
        let mean = widest * f64::from(quarter) / 4.0;
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{mean:.0}</text>",
            x(mean),
            HEIGHT - EDGE + 16.0
        )
        .unwrap();
    }
    for (n, (kind, words, colour)) in POLICIES.iter().enumerate() {
        let points: Vec<String> =
            of(kind).iter().map(|score| format!("{:.1},{:.1}", x(score.mean), y(score.pesq))).collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        )
        .unwrap();
        for (cx, cy) in points.iter().filter_map(|point| point.split_once(',')) {
            writeln!(svg, "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3\" fill=\"{colour}\"/>").unwrap();
        }
        let at = EDGE + 10.0 + 110.0 * n as f64;
        writeln!(svg, "<text x=\"{at}\" y=\"{}\" fill=\"{colour}\">{words}</text>", HEIGHT - 8.0).unwrap();
    }
    if let Some((mean, _, pesq)) = neteq {
        let (cx, cy) = (x(f64::from(mean)), y(pesq));
        writeln!(svg, "<path d=\"M{:.1} {cy:.1}h10m-5 -5v10\" stroke=\"{OTHER}\" stroke-width=\"2\"/>", cx - 5.0)
            .unwrap();
        writeln!(svg, "<text x=\"{}\" y=\"{}\" fill=\"{OTHER}\">+ NetEQ</text>", EDGE + 340.0 - 20.0, HEIGHT - 8.0)
            .unwrap();
    }
    svg.push_str("</svg>\n");
    svg
}

const HEAD: &str = "# The sound of a call, measured

Written by `./dev bench sound`; do not edit.

A minute of speech (Asterisk's English prompts) is encoded by Opus (48 kHz, mono, 24 kbit/s, complexity 9, in-band FEC
where the trace loses packets), arrives as thirteen recorded traces say, goes through `media::Stream` in virtual time,
asked for every 10 ms, and is compared with what was sent. The delay is what the network and the buffer add. NetEQ is
libwebrtc's (C++, 2022), `neteq` the Rust crate 0.9.1; their figures were measured once, on the same traces with the same
scores. `jN`: N ms of gamma-distributed jitter; `lP`: P % of packets lost in bursts of 1.5 to 2; `reord`: out of order;
`p500`, `m500`: a peer whose clock is off by 500 ppm; `wifi`: 5 ms of jitter with stalls of 150 to 400 ms.

The aim on every trace is NetEQ's PESQ-WB at nine tenths of its mean delay, and on `wifi` a 95th percentile below its
too. `crates/media/tests/other_networks.rs` holds the same policy against ten other seeds of each kind.

";

const FRONTIER_TEXT: &str = "
## Delay against quality

Every buffer can buy quality with delay. Three ways of choosing the delay, each at six settings:

- **worth** (ours, `DelayPolicy::Worth`): the delay whose price, 23 ms for each percent of packets that it brings in
  time, is lowest over the last 15 s; it moves only when staying has cost more than a move is heard.
- **share** (`DelayPolicy::Share`): the delay with which a given share of the last packets would have been in time.
- **fixed** (`DelayPolicy::Fixed`): a constant behind the fastest packet, which somebody would have to know beforehand.

A fixed delay is unbeaten where the network never changes, since every change of the delay is heard; but no one number
serves two networks. A share pays for `wifi`'s stalls with delay all the time, or is too short for `j60`. One price does
for all: where long delays are rare they are not waited for, where they are usual they are. At 23 ms every trace has
NetEQ's quality with at most nine tenths of its delay. `j10` and `j60` stand at the edge of the quality, `j10_p500` at that
of the delay; of other seeds some lie better and some worse by a few ms and a tenth of PESQ.

";
