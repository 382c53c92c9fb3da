//! Reading and writing a message: time, instructions and allocations, library by library, on the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::alloc::counted;
use crate::callgrind;
use crate::table::{Table, median, thousands};

/// What a library must be able to do to be compared.
pub trait Library {
    /// Its crate.
    const NAME: &'static str;
    /// A message that it has read.
    type Message;

    /// Reads a request into the form that the library works with. The bytes are well-formed.
    fn parse(bytes: &Bytes) -> Self::Message;

    /// Reads what a transaction and a dialog need, and adds up what it found, so that the libraries can be checked
    /// against each other: the lengths of the top Via's branch, of the tags of From and To, of Call-ID and of Contact's
    /// user, then the numbers of CSeq and Content-Length.
    fn facts(message: &Self::Message) -> u64;

    /// The message as bytes for the wire; gives their number.
    fn print(message: &Self::Message) -> usize;

    /// A message with the same fields made anew out of values, as bytes for the wire; gives their number.
    /// `None` if this library is not measured at that.
    fn build(_message: &Self::Message) -> Option<usize> {
        None
    }
}

const MESSAGES: [(&str, &[u8]); 2] =
    [("INVITE", include_bytes!("../data/invite.sip")), ("REGISTER", include_bytes!("../data/register.sip"))];

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Index,
    Facts,
    Print,
    Build,
}

impl Work {
    const ALL: [(Work, &'static str); 4] =
        [(Work::Index, "index"), (Work::Facts, "index+facts"), (Work::Print, "print"), (Work::Build, "build")];
}

/// A library with its types erased.
pub struct Subject {
    name: &'static str,
    run: fn(Work, &Bytes, u64) -> bool,
    check: fn(&Bytes) -> (u64, usize),
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A library to be measured.
pub fn subject<L: Library>() -> Subject {
    Subject {
        name: L::NAME,
        run: run::<L>,
        check: |bytes| {
            let message = L::parse(bytes);
            (L::facts(&message), L::print(&message))
        },
    }
}

/// Does the work so many times; false if the library does not do it.
fn run<L: Library>(work: Work, bytes: &Bytes, times: u64) -> bool {
    match work {
        Work::Index => (0..times).for_each(|_| drop(black_box(L::parse(black_box(bytes))))),
        Work::Facts => (0..times).for_each(|_| {
            black_box(L::facts(&L::parse(black_box(bytes))));
        }),
        Work::Print => {
            let message = L::parse(bytes);
            (0..times).for_each(|_| {
                black_box(L::print(black_box(&message)));
            });
        }
        Work::Build => {
            let message = L::parse(bytes);
            if L::build(&message).is_none() {
                return false;
            }
            (0..times).for_each(|_| {
                black_box(L::build(black_box(&message)));
            });
        }
    }
    true
}

/// A program's `main`: measures the subjects, the first of which is ours, and prints the tables. The arguments are the
/// program's own; `--quick` takes fewer rounds.
pub fn main(subjects: &[Subject], arguments: &[String]) {
    match arguments.first().map(String::as_str) {
        Some("work") => worker(subjects, &arguments[1..]),
        _ => report(subjects, arguments.iter().any(|argument| argument == "--quick")),
    }
}

/// `work LIBRARY WORK MESSAGE TIMES`: what callgrind counts.
fn worker(subjects: &[Subject], arguments: &[String]) {
    let [library, work, message, times] = arguments else { panic!("work LIBRARY WORK MESSAGE TIMES") };
    let subject = subjects.iter().find(|subject| subject.name == library).expect("a library's name");
    let (work, _) = Work::ALL.into_iter().find(|(_, name)| name == work).expect("a kind of work");
    let (_, bytes) = MESSAGES.into_iter().find(|(name, _)| name == message).expect("a message's name");
    (subject.run)(work, &Bytes::from_static(bytes), times.parse().expect("a number"));
}

/// Measures the subjects and prints a table a message.
pub fn report(subjects: &[Subject], quick: bool) {
    for (message, bytes) in MESSAGES {
        let bytes = Bytes::from_static(bytes);
        check(subjects, &bytes);
        let mut table = Table::new(["", "", "ns", "ratio", "instructions", "ratio", "allocations", "bytes", "aim"]);
        for (work, label) in Work::ALL {
            let times = times(subjects, work, &bytes, quick);
            let instructions: Vec<Option<u64>> = subjects
                .iter()
                .map(|subject| callgrind::per_repetition(&["work", subject.name, label, message], 500))
                .collect();
            for (at, subject) in subjects.iter().enumerate() {
                let Some((time, time_ratio)) = times[at] else { continue };
                let (_, heap) = counted(|| (subject.run)(work, &bytes, 1));
                let (_, heap_two) = counted(|| (subject.run)(work, &bytes, 2));
                table.row([
                    label.to_string(),
                    subject.name.to_string(),
                    thousands(time.round() as u64),
                    ratio(Some(time_ratio)),
                    instructions[at].map_or_else(|| "no valgrind".to_string(), thousands),
                    ratio(instructions[at].zip(instructions[0]).map(|(its, ours)| its as f64 / ours as f64)),
                    (heap_two.allocations - heap.allocations).to_string(),
                    thousands((heap_two.bytes - heap.bytes) as u64),
                    if at == 0 { aim(message, work, instructions[0]) } else { String::new() },
                ]);
            }
        }
        table.print(&format!("{message}, {} bytes (ratio: to {})", bytes.len(), subjects[0].name));
    }
    println!("\n  Times: medians, all libraries in turn in each round. The machine is noisy; instructions are exact.");
    println!("  print: the message as it was read; ours keeps its bytes. build: all fields given anew as values.");
}

/// All libraries must have understood the message in the same way.
fn check(subjects: &[Subject], bytes: &Bytes) {
    let (ours, length) = (subjects[0].check)(bytes);
    assert_eq!(length, bytes.len(), "an unchanged message prints byte for byte");
    for subject in subjects {
        let (facts, _) = (subject.check)(bytes);
        assert_eq!(facts, ours, "{} read other facts than {}", subject.name, subjects[0].name);
    }
}

fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) if ratio.is_finite() => format!("{ratio:.1}"),
        _ => "-".to_string(),
    }
}

/// The goals: at most 7,000 instructions to index the INVITE, 12,000 with the facts of a transaction.
fn aim(message: &str, work: Work, instructions: Option<u64>) -> String {
    let aim = match (message, work) {
        ("INVITE", Work::Index) => 7_000,
        ("INVITE", Work::Facts) => 12_000,
        _ => return String::new(),
    };
    let verdict = match instructions {
        Some(count) if count <= aim => "met",
        Some(_) => "MISSED",
        None => "?",
    };
    format!("<= {} {verdict}", thousands(aim))
}

/// For each subject the median time in ns and the median ratio to the first, or `None` if it does not do this work.
fn times(subjects: &[Subject], work: Work, bytes: &Bytes, quick: bool) -> Vec<Option<(f64, f64)>> {
    let (rounds, batch) = if quick { (7, Duration::from_millis(2)) } else { (31, Duration::from_millis(5)) };
    let sizes: Vec<Option<u64>> = subjects
        .iter()
        .map(|subject| (subject.run)(work, bytes, 10).then(|| size(subject, work, bytes, batch)))
        .collect();
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); subjects.len()];
    for _ in 0..rounds {
        for (at, subject) in subjects.iter().enumerate() {
            let Some(size) = sizes[at] else { continue };
            let began = Instant::now();
            (subject.run)(work, bytes, size);
            samples[at].push(began.elapsed().as_nanos() as f64 / size as f64);
        }
    }
    samples
        .iter()
        .map(|its| {
            let ratios = its.iter().zip(&samples[0]).map(|(its, ours)| its / ours).collect();
            (!its.is_empty()).then(|| (median(its.clone()), median(ratios)))
        })
        .collect()
}

/// How many repetitions fill a batch.
fn size(subject: &Subject, work: Work, bytes: &Bytes, batch: Duration) -> u64 {
    let mut size = 16;
    loop {
        let began = Instant::now();
        (subject.run)(work, bytes, size);
        if began.elapsed() >= batch {
            return size;
        }
        size *= 2;
    }
}
