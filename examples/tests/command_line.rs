//! `dial` and `answer` as a person meets them: what they print, how they end, and that every failure is one plain
//! sentence with an exit code, never a panic or a hang.
#![allow(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

use lab::pbx::{Config, Server};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

/// The program, built as it stands: `cargo test --test` alone builds no examples.
fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let built = Command::new(env!("CARGO")).args(["build", "-q", "-p", "denwa-examples", "--examples"]).status();
        assert!(built.unwrap().success(), "the examples do not build");
        let tests = std::env::current_exe().unwrap();
        tests.parent().unwrap().parent().unwrap().join("examples")
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn start(name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(example(name));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Its output; one that hangs is killed, which fails the test.
fn finish(mut child: Child) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("it hangs: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// `dial` to a number of the server as 1001, without sound.
fn dial(server: &Server, number: &str, more: &[&str]) -> Child {
    let (target, account) = (format!("sip:{number}@{}", server.addr()), format!("sip:1001@{}", server.addr()));
    let mut arguments = vec![target.as_str(), "--account", &account, "--bind", "127.0.0.1:0", "--no-audio"];
    arguments.extend(more);
    start("dial", &arguments)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one sentence that a failure says.
fn sentence(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it should fail, and says {:?}", stdout(output));
    assert_eq!(error.lines().count(), 1, "one sentence: {error:?}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

fn gone(server: &Server) {
    let ended = server.wait_for(Duration::from_secs(5), |view| view.calls.is_empty() && !view.is_registered("1001"));
    assert!(ended, "still there: {:?} {:?}", server.calls(), server.bindings());
}

#[test]
fn without_arguments_it_calls_its_own_echo() {
    let began = Instant::now();
    let output = finish(start("dial", &[]));
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{:?}", String::from_utf8_lossy(&output.stderr));
    assert!(began.elapsed() < Duration::from_secs(15));
    for word in
        ["registered", "answered", "opus/48000", "MOS", "digit 4", "on hold", "taken back", "the echo", "hung up"]
    {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
}

#[test]
fn a_call_through_a_server_ends_by_itself_and_unregisters() {
    let server = Server::start(Config::default()).unwrap();
    let output = finish(dial(&server, "600", &["--password", "secret1001", "--seconds", "1"]));
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("answered"));
    gone(&server);
}

#[test]
fn keys_come_from_a_pipe_too() {
    let server = Server::start(Config::default()).unwrap();
    let mut child = dial(&server, "600", &["--password", "secret1001"]);
    assert!(server.wait_for(LIMIT, |view| view.calls.iter().any(|call| call.talking)));
    let mut keys = child.stdin.take().unwrap();
    // The phone hears of its answer a moment after the PBX gave it.
    std::thread::sleep(Duration::from_millis(300));
    // Held first, so that the hang-up cannot overtake it.
    keys.write_all(b"m\nh\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    keys.write_all(b"q").unwrap();
    drop(keys); // the end of the input, without a line feed
    let output = finish(child);
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("microphone off") && text.contains("on hold"), "{text}");
    gone(&server);
}

#[cfg(unix)]
#[test]
fn interrupted_it_hangs_up_and_unregisters() {
    let server = Server::start(Config::default()).unwrap();
    let child = dial(&server, "600", &["--password", "secret1001"]);
    assert!(server.wait_for(LIMIT, |view| view.calls.iter().any(|call| call.talking)));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    finish(child);
    gone(&server);
}

#[test]
fn failures_are_one_sentence() {
    let server = Server::start(Config::default()).unwrap();
    let password = ["--password", "secret1001"];
    let error = sentence(&finish(dial(&server, "600", &["--password", "guess"])));
    assert!(error.contains("password"), "{error}");
    let error = sentence(&finish(dial(&server, "605", &password)));
    assert!(error.contains("busy"), "{error}");
    let error = sentence(&finish(dial(&server, "7777", &password)));
    assert!(error.contains("does not exist"), "{error}");
    gone(&server);
    let at = server.addr();
    drop(server);
    let nobody = format!("sip:600@{at}");
    let error = sentence(&finish(start("dial", &[&nobody, "--account", &nobody, "--no-audio"])));
    assert!(error.contains("network"), "{error}");

    let server = Server::start(Config::default().encodings(["telex"])).unwrap();
    let error = sentence(&finish(dial(&server, "600", &password)));
    assert!(error.contains("codec"), "{error}");
}

#[test]
fn nonsense_is_one_sentence() {
    for arguments in
        [&["600"][..], &["--nope"], &["sip:a@b", "--transport", "smoke"], &["sip:a@b", "--wav", "/no/such.wav"]]
    {
        sentence(&finish(start("dial", arguments)));
    }
}

#[test]
fn help_helps() {
    for name in ["dial", "answer"] {
        let output = finish(start(name, &["--help"]));
        assert!(output.status.success());
        assert!(stdout(&output).contains("--password"));
    }
}

#[cfg(unix)]
#[test]
fn answer_answers() {
    let server = Server::start(Config::default()).unwrap();
    let account = format!("sip:1002@{}", server.addr());
    let arguments = ["--account", &account, "--password", "secret1002", "--bind", "127.0.0.1:0", "--no-audio"];
    let answer = start("answer", &arguments);
    assert!(server.wait_for(LIMIT, |view| view.is_registered("1002")));
    let output = finish(dial(&server, "1002", &["--password", "secret1001", "--seconds", "1"]));
    assert!(output.status.success(), "{output:?}");
    let killed = Command::new("kill").args(["-INT", &answer.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = finish(answer);
    assert!(output.status.success());
    let text = stdout(&output);
    assert!(text.contains("calls") && text.contains("answered") && text.contains("the other side hung up"), "{text}");
    assert!(server.wait_for(LIMIT, |view| !view.is_registered("1002")));
}
