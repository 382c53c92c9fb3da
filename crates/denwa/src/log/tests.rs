use super::*;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::UNIX_EPOCH;

/// A path of its own for each test; what is there is removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("denwa-log-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("calls.jsonl")
    }

    fn open(&self) -> CallLog {
        CallLog::open(Some(&self.file())).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.file()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_353_469 + seconds)
}

fn call(number: u64) -> Entry {
    let mut entry = Entry::new(format!("call-{number}"), Direction::Outgoing, "sip:1001@example.com", at(number));
    entry.ended = at(number + 1);
    entry
}

fn full() -> Entry {
    Entry {
        id: "a84b4c76e66710@pc33".into(),
        account: Some("sip:1002@example.com".into()),
        direction: Direction::Incoming,
        remote: "sip:0312345678@example.com".into(),
        name: Some("山田 \"Y\"\n".into()),
        started: at(0) + Duration::from_micros(1_234_567),
        answered: Some(at(5)),
        ended: at(65),
        outcome: Outcome::Transferred { to: Some("sip:1003@example.com".into()), by_us: true },
        codec: Some("opus/48000".into()),
        mos: Some(4.25),
    }
}

fn ids(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.id.as_str()).collect()
}

#[test]
fn what_was_appended_is_read_back() {
    let place = Place::new();
    let outcomes = [
        Outcome::Answered,
        Outcome::Missed,
        Outcome::AnsweredElsewhere,
        Outcome::Redirected { to: "sip:1003@example.com".into() },
        Outcome::Busy,
        Outcome::Refused { status: 603 },
        Outcome::Cancelled,
        Outcome::Transferred { to: None, by_us: false },
        Outcome::Parked { slot: Some("701".into()) },
        Outcome::Failed,
    ];
    let log = place.open();
    log.append(full());
    for (number, outcome) in (1..).zip(outcomes) {
        log.append(Entry { outcome, ..call(number) });
    }
    let oldest_first = Query { newest_first: false, ..Query::default() };
    let before = log.query(&oldest_first).unwrap();
    drop(log);
    let after = place.open().query(&oldest_first).unwrap();
    assert_eq!(before.len(), 11);
    assert_eq!(before, after);
    assert_eq!(after[0], Entry { started: at(0) + Duration::from_millis(1234), ..full() });
    assert_eq!(after[0].talked(), Some(Duration::from_secs(60)));
}

/// The format: whoever changes it cannot read old files any more.
#[test]
fn a_line_looks_like_this() {
    let place = Place::new();
    let log = place.open();
    log.append(full());
    log.append(Entry { outcome: Outcome::Refused { status: 486 }, ..call(7) });
    drop(log);
    insta::assert_snapshot!(place.lines().join("\n"), @r#"
    {"id":"a84b4c76e66710@pc33","account":"sip:1002@example.com","direction":"incoming","remote":"sip:0312345678@example.com","name":"山田 \"Y\"\n","started":1795353470234,"answered":1795353474000,"ended":1795353534000,"outcome":{"kind":"transferred","to":"sip:1003@example.com","by_us":true},"codec":"opus/48000","mos":4.25}
    {"id":"call-7","direction":"outgoing","remote":"sip:1001@example.com","started":1795353476000,"ended":1795353477000,"outcome":{"kind":"refused","status":486}}
    "#);
}

#[test]
fn a_torn_last_line_is_skipped_and_counted_and_the_next_begins_behind_it() {
    let place = Place::new();
    let log = place.open();
    log.append(call(1));
    log.append(call(2));
    drop(log);
    let whole = fs::read(place.file()).unwrap();
    for cut in 1..whole.len() {
        fs::write(place.file(), &whole[..cut]).unwrap();
        let log = place.open();
        let found = log.query(&Query::default()).unwrap().len();
        log.append(call(3));
        let skipped = log.counters().skipped;
        drop(log);
        assert!(fs::read(place.file()).unwrap().starts_with(&whole[..cut]), "the file was rewritten");
        let again = place.open();
        assert_eq!(again.query(&Query::default()).unwrap().len(), found + 1, "cut at {cut}");
        assert_eq!(again.counters().skipped, skipped, "cut at {cut}");
        let complete = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        // A line that lacks only its end is whole.
        let ends_whole = whole[cut] == b'\n';
        assert_eq!(found, complete + usize::from(ends_whole), "cut at {cut}");
        let torn = !ends_whole && whole[cut - 1] != b'\n';
        assert_eq!(skipped, u64::from(torn), "cut at {cut}");
    }
}

#[test]
fn what_is_not_ours_is_skipped_and_what_is_newer_is_read() {
    let place = Place::new();
    let later =
        r#"{"id":"new","direction":"incoming","remote":"","started":1,"ended":2,"outcome":{"kind":"beamed"},"x":[]}"#;
    let far = r#"{"id":"far","direction":"incoming","remote":"","started":18446744073709551615,"ended":2,"outcome":{"kind":"missed"}}"#;
    let long = format!("{{\"id\":\"{}\"}}", "a".repeat(3 * file::MAX_LINE));
    let text = format!("\n# notes\n{{}}\n{later}\r\n\u{0}\n{long}\n   \n{far}\n");
    fs::write(place.file(), [text.as_bytes(), b"\xff\xfe\n"].concat()).unwrap();
    let log = place.open();
    let found = log.query(&Query::default()).unwrap();
    // What the system's clock can hold is its own matter.
    let new = found.iter().find(|entry| entry.id == "new").unwrap();
    assert_eq!(new.outcome, Outcome::Other);
    assert_eq!(log.counters().skipped, 5 + u64::from(found.len() == 1));
}

#[test]
fn texts_from_the_network_are_cut() {
    let place = Place::new();
    let log = place.open();
    let long = "\u{1}ä".repeat(40_000);
    let mut entry = Entry::new(&long, Direction::Incoming, &long, at(0));
    entry.name = Some(long.clone());
    entry.account = Some(long.clone());
    entry.codec = Some(long.clone());
    entry.outcome = Outcome::Redirected { to: long };
    entry.mos = Some(f32::NAN);
    log.append(entry);
    let kept = log.query(&Query::default()).unwrap();
    drop(log);
    assert!(place.lines()[0].len() < file::MAX_LINE);
    let log = place.open();
    assert_eq!(log.query(&Query::default()).unwrap(), kept);
    assert_eq!(log.counters(), LogCounters::default());
    assert!((MAX_TEXT - 1..=MAX_TEXT).contains(&kept[0].remote.len()));
    assert_eq!(kept[0].mos, None);
}

#[test]
fn filters() {
    let log = CallLog::open(None).unwrap();
    let entry = |number, remote: &str, name: Option<&str>, outcome| Entry {
        remote: remote.into(),
        name: name.map(Into::into),
        outcome,
        ..call(number)
    };
    log.append(entry(10, "sip:1001@example.com", Some("Alice Öz"), Outcome::Answered));
    log.append(entry(20, "tel:+81312345678", None, Outcome::Missed));
    log.append(entry(30, "sip:1003@example.com", Some("Carol"), Outcome::Refused { status: 603 }));
    log.append(entry(40, "", None, Outcome::Missed));
    let all = Query::default();
    let missed = vec![OutcomeKind::Missed];
    let cases = [
        ("all", all.clone(), vec![40, 30, 20, 10]),
        ("oldest first", Query { newest_first: false, ..all.clone() }, vec![10, 20, 30, 40]),
        ("since, included", Query { since: Some(at(20)), ..all.clone() }, vec![40, 30, 20]),
        ("until, excluded", Query { until: Some(at(20)), ..all.clone() }, vec![10]),
        ("a span", Query { since: Some(at(11)), until: Some(at(31)), ..all.clone() }, vec![30, 20]),
        ("name", Query { remote: Some("ALICE ö".into()), ..all.clone() }, vec![10]),
        ("number", Query { remote: Some("312345".into()), ..all.clone() }, vec![20]),
        ("either", Query { remote: Some("c".into()), ..all.clone() }, vec![30, 10]),
        ("nobody", Query { remote: Some("dave".into()), ..all.clone() }, vec![]),
        ("missed", Query { outcomes: missed.clone(), ..all.clone() }, vec![40, 20]),
        (
            "two kinds",
            Query { outcomes: vec![OutcomeKind::Answered, OutcomeKind::Refused], ..all.clone() },
            vec![30, 10],
        ),
        ("all at once", Query { outcomes: missed, since: Some(at(25)), ..all.clone() }, vec![40]),
        ("newest two", Query { limit: 2, ..all.clone() }, vec![40, 30]),
        ("oldest two", Query { limit: 2, newest_first: false, ..all.clone() }, vec![10, 20]),
        ("none", Query { limit: 0, ..all.clone() }, vec![]),
    ];
    for (name, query, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|number| format!("call-{number}")).collect();
        assert_eq!(ids(&log.query(&query).unwrap()), expected, "{name}");
        assert_eq!(ids(&log.recent(&query)), expected, "{name}");
    }
}

#[tokio::test]
async fn what_memory_no_longer_holds_is_read_from_the_file() {
    let place = Place::new();
    let total = MAX_RECENT as u64 + 50;
    let log = place.open();
    for number in 0..total {
        log.append(call(number));
        if number % 100 == 0 {
            log.flush().await; // the queue is shorter
        }
    }
    log.flush().await;
    for log in [log, place.open()] {
        let everything = Query { limit: usize::MAX, ..Query::default() };
        assert_eq!(log.recent(&everything).len(), MAX_RECENT);
        let found = log.query(&everything).unwrap();
        assert_eq!(found.len() as u64, total);
        assert_eq!(found[0].id, format!("call-{}", total - 1));
        assert_eq!(found.last().unwrap().id, "call-0");
        let oldest = Query { limit: 2, newest_first: false, ..Query::default() };
        assert_eq!(ids(&log.query(&oldest).unwrap()), ["call-0", "call-1"]);
        let early = Query { until: Some(at(3)), ..Query::default() };
        assert_eq!(ids(&log.query(&early).unwrap()), ["call-2", "call-1", "call-0"]);
        assert_eq!(log.counters(), LogCounters::default());
    }
    let log = place.open();
    fs::remove_file(place.file()).unwrap();
    assert!(matches!(log.query(&Query { limit: usize::MAX, ..Query::default() }), Err(LogError::Read(_))));
    assert_eq!(log.query(&Query::default()).unwrap().len(), DEFAULT_LIMIT, "the newest are in memory");
    assert!(!place.file().exists(), "asking makes no file");
}

#[test]
fn many_threads_append_and_no_line_is_mixed_or_lost() {
    let place = Place::new();
    // Two openings of one file, as two programs have it.
    let logs = [place.open(), place.open()];
    thread::scope(|scope| {
        for (log, clone) in logs.iter().zip(0_u64..) {
            for task in 0..4_u64 {
                let log = log.clone();
                scope.spawn(move || (0..30).for_each(|n| log.append(call(clone * 1000 + task * 100 + n))));
            }
        }
    });
    let order = logs[0].recent(&Query { limit: 1000, newest_first: false, ..Query::default() });
    drop(logs);
    let log = place.open();
    let found = log.query(&Query { limit: 1000, newest_first: false, ..Query::default() }).unwrap();
    let distinct: BTreeSet<_> = found.iter().map(|entry| &entry.id).collect();
    assert_eq!((found.len(), distinct.len(), log.counters().skipped), (240, 240, 0));
    let in_file: Vec<_> = found.iter().filter(|entry| order.contains(entry)).cloned().collect();
    assert_eq!(in_file, order, "the file has the order of the memory");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_only_and_an_old_one_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = || fs::metadata(place.file()).unwrap().permissions().mode() & 0o777;
    drop(place.open());
    assert_eq!(mode(), 0o600);
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o640)).unwrap();
    drop(place.open());
    assert_eq!(mode(), 0o640);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_no_path() {
    let place = Place::new();
    let error = CallLog::open(Some(&place.0.join("secret/calls"))).unwrap_err();
    assert!(matches!(&error, LogError::Open(source) if source.kind() == io::ErrorKind::NotFound));
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// A disk that tells of each write, and takes as much of it as it is told.
struct Disk {
    writes: Sender<Vec<u8>>,
    takes: Receiver<io::Result<usize>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let takes = self.takes.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.writes.send(bytes[..takes].to_vec()).unwrap();
        Ok(takes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn on_disk() -> (CallLog, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
    let (takes, taken) = mpsc::channel();
    let (writes, seen) = mpsc::channel();
    let disk = Disk { writes, takes: taken };
    (CallLog::with_sink(disk, None, Recent::default(), Reading::default()).unwrap(), takes, seen)
}

#[test]
fn each_call_is_one_write_of_one_line() {
    let (log, takes, seen) = on_disk();
    drop(takes); // all is taken
    (0..40).for_each(|number| log.append(call(number)));
    drop(log);
    let writes: Vec<Vec<u8>> = seen.iter().collect();
    assert_eq!(writes.len(), 40);
    for (number, write) in (0..).zip(writes) {
        assert_eq!(write.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(serde_json::from_slice::<Entry>(&write).unwrap(), call(number));
    }
}

#[tokio::test]
async fn a_full_disk_is_counted_and_does_not_spoil_the_next_line() {
    let (log, takes, seen) = on_disk();
    for take in [Ok(10), Err(io::ErrorKind::StorageFull.into()), Ok(usize::MAX), Ok(usize::MAX)] {
        takes.send(take).unwrap();
    }
    (0..4).for_each(|number| log.append(call(number)));
    log.flush().await;
    assert_eq!(log.counters().unwritten, 2);
    assert_eq!(log.query(&Query::default()).unwrap().len(), 4);
    drop((log, takes));
    let file: Vec<u8> = seen.iter().flatten().collect();
    let text = String::from_utf8(file).unwrap();
    let read: Vec<Option<Entry>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(read, [None, Some(call(2)), Some(call(3))]);
}

#[test]
fn a_disk_that_hangs_neither_blocks_nor_grows_the_queue() {
    let (log, takes, seen) = on_disk();
    let given = MAX_QUEUED as u64 + 40;
    (0..given).for_each(|number| log.append(call(number)));
    // One may be in the writer's hand.
    let unwritten = log.counters().unwritten;
    assert!((39..=40).contains(&unwritten), "{unwritten}");
    assert_eq!(log.recent(&Query { limit: 1000, ..Query::default() }).len() as u64, given);
    drop(takes);
    drop(log);
    assert_eq!(seen.iter().count() as u64, given - unwritten);
}

#[test]
fn dropping_the_last_handle_does_not_wait_for_ever() {
    let (log, takes, _seen) = on_disk();
    log.append(call(1));
    drop(log); // the disk still hangs
    drop(takes);
}

#[test]
fn nothing_private_in_debug() {
    let log = CallLog::open(None).unwrap();
    log.append(full());
    assert_eq!(format!("{log:?}"), "CallLog { recent: 1, .. }");
}
