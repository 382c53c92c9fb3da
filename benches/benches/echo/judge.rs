//! What AECMOS, a model of Microsoft's challenges in echo cancellation, says of a scene.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who speaks.
#[derive(Clone, Copy)]
pub(crate) enum Talk {
    Far,
    Near,
    Both,
}

impl Talk {
    /// What the model says of an echo that cannot be, or of a voice that is not there, means nothing.
    pub(crate) fn of(self, mos: Option<Mos>) -> (Option<f64>, Option<f64>) {
        let has_echo = matches!(self, Self::Far | Self::Both);
        let has_voice = matches!(self, Self::Near | Self::Both);
        (mos.filter(|_| has_echo).map(|mos| mos.echo), mos.filter(|_| has_voice).map(|mos| mos.other))
    }

    /// The model's word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Far => "st",
            Self::Near => "nst",
            Self::Both => "dt",
        }
    }
}

/// From 1 (very annoying) to 5 (imperceptible).
#[derive(Clone, Copy)]
pub(crate) struct Mos {
    pub(crate) echo: f64,
    /// Of all else that was done to the voice.
    pub(crate) other: f64,
}

/// The seconds of a scene that are judged.
pub(crate) struct Heard {
    name: String,
    speaker: Vec<f32>,
    microphone: Vec<f32>,
    sent: Vec<f32>,
}

impl Heard {
    pub(crate) fn new(scene: &str) -> Self {
        let name = scene.replace(' ', "_");
        Self { name, speaker: Vec::new(), microphone: Vec::new(), sent: Vec::new() }
    }

    pub(crate) fn push(&mut self, speaker: &[f32], microphone: &[f32], sent: &[f32]) {
        self.speaker.extend(speaker);
        self.microphone.extend(microphone);
        self.sent.extend(sent);
    }
}

/// Of each scene what is said of the microphone and of what was sent; `None` where Python is missing or fails.
pub(crate) fn judge(scripts: &Path, work: &Path, heard: &[(Talk, &Heard)]) -> Option<Vec<(Mos, Mos)>> {
    let python = work.join("venv/bin/python");
    if !python.exists() {
        return None;
    }
    let mut command = Command::new(python);
    command.arg(scripts.join("echo.py"));
    let mut paths = Vec::new();
    for (talk, heard) in heard {
        let path = |what: &str| work.join(format!("echo_{}_{what}.wav", heard.name));
        let (speaker, microphone, sent) = (path("speaker"), path("microphone"), path("sent"));
        write(&speaker, &heard.speaker);
        write(&microphone, &heard.microphone);
        write(&sent, &heard.sent);
        for enhanced in [&microphone, &sent] {
            command.arg(talk.word()).args([&speaker, &microphone, enhanced]);
        }
        paths.push((microphone, sent));
    }
    let output = command.output().ok()?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let scores: HashMap<PathBuf, Mos> = String::from_utf8_lossy(&output.stdout).lines().filter_map(read).collect();
    paths.iter().map(|(before, after)| Some((*scores.get(before)?, *scores.get(after)?))).collect()
}

/// A line of `benches/sound/echo.py`.
fn read(line: &str) -> Option<(PathBuf, Mos)> {
    let mut words = line.rsplitn(3, ' ');
    let (other, echo, path) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
    Some((path.into(), Mos { echo, other }))
}

/// Write 48 kHz mono, as exactly as it was: what is left of an echo is faint.
fn write(path: &Path, voice: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for sample in voice {
        wav.write_sample(*sample).unwrap();
    }
    wav.finalize().unwrap();
}
