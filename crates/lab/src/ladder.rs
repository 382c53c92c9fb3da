//! A run as a ladder diagram: what each host sent to which other, one line a packet.
//!
//! ```text
//!     time       1001                              pbx
//!    0.000        │────────── REGISTER pbx ────────▶│
//!    0.020        │◀────── 401 Unauthorized ────────│
//! ```
//!
//! Made for snapshots: no port, tag or branch is drawn, only what tells one run from another. Consecutive RTP between
//! two hosts becomes one line with counts; RTCP is not drawn; `↻` marks a message sent again, `✗` one that got lost.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;

use crate::packet::{Packet, Protocol};

mod label;
#[cfg(test)]
mod tests;

/// The record of a run; [`fmt::Display`] draws it.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    columns: Vec<String>,
    rungs: Vec<Rung>,
}

#[derive(Clone, Debug)]
enum Rung {
    Arrow {
        at: Duration,
        from: usize,
        to: usize,
        label: String,
        bytes: Bytes,
        lost: bool,
    },
    /// Sound between pairs of hosts, lower column first.
    Sound {
        at: Duration,
        pairs: BTreeMap<(usize, usize), Sound>,
    },
    Note {
        at: Duration,
        text: String,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Sound {
    right: Count,
    left: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: u32,
    lost: u32,
}

/// Room for `  12.345  ` in front of the first column.
const TIME: usize = 10;
const MIN_GAP: usize = 24;

impl Ladder {
    /// An empty ladder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column at the right and says its number.
    pub fn column(&mut self, name: &str) -> usize {
        self.columns.push(name.to_owned());
        self.columns.len() - 1
    }

    /// Records that column `from` sent `packet` to column `to`, `at` being the time since the start of the run.
    ///
    /// # Panics
    /// When one of the columns does not exist.
    pub fn packet(&mut self, at: Duration, from: usize, to: usize, packet: &Packet, lost: bool) {
        assert!(from < self.columns.len() && to < self.columns.len(), "no such column");
        match label::of(&packet.bytes) {
            label::Label::Rtp => self.sound(at, from, to, lost),
            label::Label::Rtcp => {}
            label::Label::Text(mut label) => {
                if packet.protocol == Protocol::Tcp {
                    label.push_str(" /tcp");
                }
                if self.seen(from, to, &packet.bytes) {
                    label.push_str(" ↻");
                }
                self.rungs.push(Rung::Arrow { at, from, to, label, bytes: packet.bytes.clone(), lost });
            }
        }
    }

    /// Writes a line of text between the packets.
    pub fn note(&mut self, at: Duration, text: impl Into<String>) {
        self.rungs.push(Rung::Note { at, text: text.into() });
    }

    fn sound(&mut self, at: Duration, from: usize, to: usize, lost: bool) {
        if !matches!(self.rungs.last(), Some(Rung::Sound { .. })) {
            self.rungs.push(Rung::Sound { at, pairs: BTreeMap::new() });
        }
        let Some(Rung::Sound { pairs, .. }) = self.rungs.last_mut() else { return };
        let sound = pairs.entry((from.min(to), from.max(to))).or_default();
        let count = if from < to { &mut sound.right } else { &mut sound.left };
        count.sent += 1;
        count.lost += u32::from(lost);
    }

    /// Whether the same bytes went the same way before: a retransmission.
    fn seen(&self, a: usize, b: usize, payload: &Bytes) -> bool {
        self.rungs.iter().any(
            |rung| matches!(rung, Rung::Arrow { from, to, bytes, .. } if (*from, *to) == (a, b) && bytes == payload),
        )
    }

    fn gap(&self) -> usize {
        let needed = self.rungs.iter().flat_map(|rung| match rung {
            Rung::Arrow { from, to, label, .. } => vec![width(label).div_ceil(from.abs_diff(*to).max(1))],
            Rung::Sound { pairs, .. } => {
                pairs.iter().map(|((from, to), sound)| width(&sound.to_string()).div_ceil((to - from).max(1))).collect()
            }
            Rung::Note { .. } => vec![],
        });
        needed.max().map_or(MIN_GAP, |longest| MIN_GAP.max(longest + 8))
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.gap();
        let page = Page { gap, columns: self.columns.len() };
        writeln!(f, "{}", page.heading(&self.columns).trim_end())?;
        for rung in &self.rungs {
            match rung {
                Rung::Arrow { at, from, to, label, lost, .. } => {
                    writeln!(f, "{}", page.arrow(*at, *from, *to, label, *lost))?;
                }
                Rung::Sound { at, pairs } => {
                    for ((left, right), sound) in pairs {
                        writeln!(f, "{}", page.sound(*at, *left, *right, &sound.to_string()))?;
                    }
                }
                Rung::Note { at, text } => writeln!(f, "{} · {text}", time(*at))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RTP")?;
        for (count, arrow) in [(self.left, '◀'), (self.right, '▶')] {
            if count.sent > 0 {
                write!(f, " {arrow} {}", count.sent)?;
            }
            if count.lost > 0 {
                write!(f, " ({} lost)", count.lost)?;
            }
        }
        Ok(())
    }
}

/// The geometry of one drawing.
struct Page {
    gap: usize,
    columns: usize,
}

impl Page {
    fn x(&self, column: usize) -> usize {
        TIME + 5 + column * (self.gap + 1)
    }

    /// A line with nothing but the hosts' lifelines.
    fn lifelines(&self, at: Duration) -> Vec<char> {
        let mut line: Vec<char> = time(at).chars().collect();
        line.resize(self.x(self.columns.saturating_sub(1)) + 1, ' ');
        for column in 0..self.columns {
            line[self.x(column)] = '│';
        }
        line
    }

    fn heading(&self, names: &[String]) -> String {
        let mut line: Vec<char> = format!("{:>TIME$}", "time").chars().collect();
        for (column, name) in names.iter().enumerate() {
            let start = (self.x(column) + 1).saturating_sub(width(name).div_ceil(2)).max(line.len() + 1);
            line.resize(start, ' ');
            line.extend(name.chars());
        }
        line.into_iter().collect()
    }

    fn arrow(&self, at: Duration, from: usize, to: usize, label: &str, lost: bool) -> String {
        let mut line = self.lifelines(at);
        if from == to {
            return format!("{}  ↺ {label}", line.into_iter().collect::<String>());
        }
        let (left, right) = (self.x(from.min(to)) + 1, self.x(from.max(to)) - 1);
        fill(&mut line, left, right, '─', label);
        let (tip, sign, shy) = if from < to { (right, '▶', -1) } else { (left, '◀', 1) };
        if lost {
            line[tip] = ' ';
            line[tip.saturating_add_signed(shy)] = ' ';
            line[tip.saturating_add_signed(2 * shy)] = '✗';
        } else {
            line[tip] = sign;
        }
        line.into_iter().collect()
    }

    fn sound(&self, at: Duration, left: usize, right: usize, label: &str) -> String {
        let mut line = self.lifelines(at);
        if left == right {
            return format!("{}  ↺ {label}", line.into_iter().collect::<String>());
        }
        fill(&mut line, self.x(left) + 1, self.x(right) - 1, '┄', label);
        line.into_iter().collect()
    }
}

/// Draws `label` in the middle of a stroke from `left` to `right`, both included.
fn fill(line: &mut [char], left: usize, right: usize, stroke: char, label: &str) {
    line[left..=right].fill(stroke);
    let room = right - left + 1;
    let text: Vec<char> = format!(" {label} ").chars().take(room.saturating_sub(4)).collect();
    let start = left + (room - text.len()) / 2;
    line[start..start + text.len()].copy_from_slice(&text);
}

fn time(at: Duration) -> String {
    let mut text = String::new();
    let millis = at.as_millis();
    let _ = write!(text, "{:>6}.{:03}", millis / 1000, millis % 1000);
    text
}

/// Good enough for the letters that appear here: one character, one column.
fn width(text: &str) -> usize {
    text.chars().count()
}
