//! The keyboard as a stream of keys: single keys on a terminal, lines from a pipe.
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io::{BufRead, IsTerminal};
use std::time::Duration;
use tokio::sync::mpsc;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `h`: hold, or take back.
    Hold,
    /// `m`: mute, or unmute.
    Mute,
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    Digit(char),
    /// `q`: hang up.
    Quit,
    /// Ctrl-C, or a signal to end: everything, at once.
    Interrupt,
}

/// The keyboard, for as long as it lives; a terminal is in raw mode meanwhile.
#[derive(Debug)]
pub struct Keys {
    pressed: mpsc::UnboundedReceiver<Key>,
    interrupts: Interrupts,
    raw: bool,
}

impl Keys {
    /// Begins to read. When standard input is no terminal, every character of a line is a key, and the end of the input
    /// means nothing: the call goes on.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn open() -> std::io::Result<Self> {
        // A person types slower than any program reads; a pipe is drained one line at a time.
        let (sender, pressed) = mpsc::unbounded_channel();
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let raw = terminal && crossterm::terminal::enable_raw_mode().is_ok();
        // A thread of its own, never joined: a read from standard input cannot be taken back.
        std::thread::spawn(move || if raw { read_keys(&sender) } else { read_lines(&sender) });
        Ok(Self { pressed, interrupts: Interrupts::new()?, raw })
    }

    /// The next key. Safe to drop while it waits.
    pub async fn next(&mut self) -> Key {
        tokio::select! {
            () = self.interrupts.next() => Key::Interrupt,
            Some(key) = self.pressed.recv() => key,
            else => std::future::pending().await,
        }
    }

    /// Until the user has had enough. Safe to drop while it waits.
    pub async fn quit(&mut self) {
        while !matches!(self.next().await, Key::Quit | Key::Interrupt) {}
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.raw {
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }
}

fn read_keys(sender: &mpsc::UnboundedSender<Key>) {
    loop {
        // A time-out, so that the thread ends with its reader.
        match event::poll(Duration::from_millis(200)) {
            Ok(false) if sender.is_closed() => return,
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => return,
        }
        let Ok(Event::Key(key)) = event::read() else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let pressed = match key.code {
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Interrupt),
            KeyCode::Esc => Some(Key::Quit),
            KeyCode::Char(character) => meaning(character),
            _ => None,
        };
        if pressed.is_some_and(|key| sender.send(key).is_err()) {
            return;
        }
    }
}

fn read_lines(sender: &mpsc::UnboundedSender<Key>) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        for key in line.chars().filter_map(meaning) {
            if sender.send(key).is_err() {
                return;
            }
        }
    }
}

fn meaning(character: char) -> Option<Key> {
    match character {
        'h' => Some(Key::Hold),
        'm' => Some(Key::Mute),
        'q' => Some(Key::Quit),
        '0'..='9' | '*' | '#' | 'A'..='D' => Some(Key::Digit(character)),
        _ => None,
    }
}

/// Ctrl-C and the request to end.
#[derive(Debug)]
pub struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// Begins to listen; from now on the signals no longer end the program by themselves.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub fn new() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next one. Safe to drop while it waits.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
