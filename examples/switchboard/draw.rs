//! The screen.
use crate::app::{App, name, state};
use denwa::log::{Entry, Outcome};
use denwa::{CallState, Direction, ParkedCall, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, List, ListItem, Paragraph, Row, Table, Wrap};
use std::time::{Duration, Instant};

const KEYS: &str = "d dial  ⏎ answer  x hang up  h hold  m mute  p park  u take slot  t blind  c consult  f finish  b back  \
    j join  v split  s swap  0-9*# keys  q quit";
/// The quietest sound that the meter shows, in dBov.
const FLOOR: f32 = -60.0;
/// A voice at the microphone is at least this loud, in dBov.
const SPEAKING: f32 = -40.0;
const METER: usize = 8;
/// From when on a parked call is about to ring back.
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn screen(frame: &mut Frame<'_>, app: &App) {
    let snapshot = app.snapshot();
    let [calls, below, log, message, keys] = Layout::vertical([
        Constraint::Min(6),
        Constraint::Length(5),
        Constraint::Length(8),
        Constraint::Length(1),
        Constraint::Length(2),
    ])
    .areas(frame.area());
    let now = Instant::now();
    draw_calls(frame, calls, app, &snapshot, now);
    draw_parked(frame, below, &snapshot.parked, now);
    draw_log(frame, log, &app.finished());
    let line = match &app.prompt {
        Some((prompt, text)) => format!(" {}: {text}_", prompt.words()),
        None => format!(" {}", app.message),
    };
    frame.render_widget(Paragraph::new(line).style(Style::new().add_modifier(Modifier::BOLD)), message);
    let help = Paragraph::new(KEYS).wrap(Wrap { trim: true }).style(Style::new().fg(Color::DarkGray));
    frame.render_widget(help, keys);
}

fn draw_calls(frame: &mut Frame<'_>, area: Rect, app: &App, snapshot: &Snapshot, now: Instant) {
    let current = app.current(&snapshot.calls);
    let rows = snapshot.calls.iter().map(|call| {
        let chosen = current == Some(call.id);
        let style = if chosen { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        Row::new([
            if chosen { "▶".to_owned() } else { String::new() },
            call.id.to_string(),
            name(call),
            state(call).to_owned(),
            clock(now.saturating_duration_since(call.answered.unwrap_or(call.since))),
            meters(call),
            remarks(call),
        ])
        .style(style)
    });
    let widths = [
        Constraint::Length(1),
        Constraint::Length(3),
        Constraint::Min(18),
        Constraint::Length(12),
        Constraint::Length(6),
        Constraint::Length(2 * METER as u16 + 5),
        Constraint::Length(24),
    ];
    let header =
        Row::new(["", "#", "who", "state", "time", "out       in", ""]).style(Style::new().fg(Color::DarkGray));
    let account = snapshot.accounts.first().map(|account| account.aor.to_string()).unwrap_or_default();
    let table = Table::new(rows, widths).header(header).block(Block::bordered().title(format!(" denwa: {account} ")));
    frame.render_widget(table, area);
}

fn draw_parked(frame: &mut Frame<'_>, area: Rect, parked: &[ParkedCall], now: Instant) {
    let items = parked.iter().map(|call| {
        let left = call.until.saturating_duration_since(now);
        let who = call.name.as_deref().unwrap_or(&call.party);
        let style = if left <= SOON { Style::new().fg(Color::Red) } else { Style::new() };
        ListItem::new(format!("{}  {who}  rings back in {}", call.slot, clock(left))).style(style)
    });
    frame.render_widget(List::new(items).block(Block::bordered().title(" parked ")), area);
}

fn draw_log(frame: &mut Frame<'_>, area: Rect, log: &[Entry]) {
    let lines: Vec<Line<'_>> = log.iter().map(|entry| Line::from(finished(entry))).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" finished ")), area);
}

/// A finished call in a line.
fn finished(entry: &Entry) -> String {
    let way = if entry.direction == Direction::Incoming { "←" } else { "→" };
    let who = entry.name.clone().unwrap_or_else(|| entry.remote.clone());
    let outcome = match &entry.outcome {
        Outcome::Answered => "talked".to_owned(),
        Outcome::Missed => "missed".to_owned(),
        Outcome::AnsweredElsewhere => "answered elsewhere".to_owned(),
        Outcome::Redirected { to } => format!("sent on to {to}"),
        Outcome::Busy => "busy".to_owned(),
        Outcome::Refused { status } => format!("refused ({status})"),
        Outcome::Cancelled => "given up".to_owned(),
        Outcome::Transferred { to, .. } => format!("transferred to {}", to.as_deref().unwrap_or("somebody")),
        Outcome::Parked { slot } => format!("parked in {}", slot.as_deref().unwrap_or("a slot")),
        _ => "failed".to_owned(),
    };
    let talked = entry.talked().map(clock).unwrap_or_default();
    format!("{way} {who}  {outcome}  {talked}")
}

/// How loud we are and how loud they are.
fn meters(call: &CallState) -> String {
    let out = if call.muted { None } else { call.quality.level_out };
    format!("{} {}", meter(out), meter(call.quality.level_in))
}

fn meter(level: Option<f32>) -> String {
    let share = level.map_or(0.0, |level| ((level - FLOOR) / -FLOOR).clamp(0.0, 1.0));
    let full = (share * METER as f32).round() as usize;
    format!("{}{}", "▮".repeat(full), "▯".repeat(METER - full))
}

fn remarks(call: &CallState) -> String {
    let mut words = Vec::new();
    if call.muted {
        let speaks = call.quality.microphone.is_some_and(|level| level > SPEAKING);
        words.push(if speaks { "muted: nobody hears you" } else { "muted" }.to_owned());
    }
    if let Some(customer) = call.consultation_for {
        words.push(format!("for call {customer}"));
    }
    if let Some(number) = call.transfer_wait.as_ref().filter(|number| !number.is_empty()) {
        words.push(format!("to {number}_"));
    }
    if let Some(by) = &call.transferred_by {
        words.push(format!("from {}", by.number.as_deref().unwrap_or("somebody")));
    }
    if let Some(mos) = call.quality.mos {
        words.push(format!("MOS {mos:.1}"));
    }
    words.join(", ")
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
