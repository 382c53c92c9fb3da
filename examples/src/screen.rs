//! What the user sees: lines that stay, and one status line that is written over.
use crossterm::style::Stylize;
use denwa::{CallState, Phase};
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Standard output, with a clock that began with the program.
#[derive(Debug)]
pub struct Screen {
    began: Instant,
    terminal: bool,
    status_shown: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self { began: Instant::now(), terminal: std::io::stdout().is_terminal(), status_shown: false }
    }
}

impl Screen {
    /// A line that stays, after the seconds since the beginning.
    pub fn line(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let time = format!("{:7.2} s", self.began.elapsed().as_secs_f64());
        let time = if self.terminal { time.dim().to_string() } else { time };
        self.write(&format!("{time}  {text}"), true);
        self.status_shown = false;
    }

    /// The status: on a terminal it is written over by what comes next, elsewhere it is a line like any other.
    pub fn status(&mut self, text: impl AsRef<str>) {
        if self.terminal {
            self.write(&text.as_ref().bold().to_string(), false);
            self.status_shown = true;
        } else {
            self.line(text);
        }
    }

    fn write(&mut self, text: &str, ends: bool) {
        let mut out = std::io::stdout().lock();
        let back = if self.status_shown { "\r\x1b[K" } else { "" };
        // In raw mode a line feed alone does not go back to the left.
        let end = match (ends, self.terminal) {
            (true, true) => "\r\n",
            (true, false) => "\n",
            (false, _) => "",
        };
        // A reader of ours that closed the pipe is no reason to leave the call without BYE.
        let _ = write!(out, "{back}{text}{end}").and_then(|()| out.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.status_shown {
            let _ = write!(std::io::stdout(), "\r\n");
        }
    }
}

/// One line about a call: state, codec, time, packets, loss, jitter, round trip, estimated MOS.
#[must_use]
pub fn call_line(call: &CallState) -> String {
    let phase = match call.phase {
        Phase::Calling => "calling",
        Phase::Ringing => "ringing",
        Phase::EarlyMedia => "early media",
        Phase::Active if call.held && call.remote_held => "both on hold",
        Phase::Active if call.held => "on hold",
        Phase::Active if call.remote_held => "held by them",
        Phase::Active if call.muted => "muted",
        Phase::Active => "talking",
        Phase::Ending => "ending",
        _ => "?",
    };
    let seconds = call.answered.unwrap_or(call.since).elapsed().as_secs();
    let quality = &call.quality;
    let round_trip = quality.round_trip.map_or("-".to_owned(), |rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1e3));
    let mos = quality.mos.map_or("-".to_owned(), |mos| format!("{mos:.1}"));
    format!(
        "{phase}  {}  {:02}:{:02}  sent {}  received {}  lost {} ({:.1} %)  jitter {:.1} ms  round trip {round_trip}  MOS {mos}",
        call.codec.as_deref().unwrap_or("-"),
        seconds / 60,
        seconds % 60,
        quality.packets_sent,
        quality.packets_received,
        quality.packets_lost,
        quality.loss * 100.0,
        quality.jitter.as_secs_f64() * 1e3,
    )
}
